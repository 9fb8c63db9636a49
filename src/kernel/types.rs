//! The facts that a source of type information tells: sizes, members by path, enumerators.

/// Where a member lies in its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Bytes from the structure's start.
    pub offset: u32,
    /// Bytes of the member (of the whole array, for an array; of the storage, for a bit field).
    pub size: u32,
    /// Elements, for an array; else 1.
    pub elements: u32,
    /// Lowest bit of a bit field within `offset`'s bytes.
    pub bit: u8,
    /// Bits of a bit field; 0 for an ordinary member.
    pub bits: u8,
    /// True if an integer is signed.
    pub signed: bool,
}

/// Members that are looked at for one that is asked for: anonymous structures could lead to each other. The most seen
/// for one is 233, in `task_struct` of 5.10.
pub(super) const MOST_STEPS: usize = 2000;

/// The kind of a member's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bytes, of the whole array for an array.
    pub bytes: u32,
    /// Elements, for an array; else 1.
    pub elements: u32,
    /// True if an integer is signed.
    pub signed: bool,
}

impl Member {
    /// The member of a shape that begins so many bits after its structure's start; a bit field, if it has
    /// `bits`.
    pub(super) fn at(offset_bits: u32, bits: u32, shape: Shape) -> Option<Self> {
        let Shape { bytes, elements, signed } = shape;
        let offset = offset_bits / 8;
        if bits == 0 {
            return Some(Self { offset, size: bytes, elements, bit: 0, bits: 0, signed });
        }
        let bit = offset_bits % 8;
        Some(Self {
            offset,
            size: bit.checked_add(bits)?.div_ceil(8),
            elements: 1,
            bit: u8::try_from(bit).ok()?,
            bits: u8::try_from(bits).ok()?,
            signed,
        })
    }
}

/// A source of type information: BTF, DWARF or a profile.
pub(crate) trait Types {
    /// Bytes of a structure or union.
    fn size_of(&self, structure: &str) -> Option<u32>;

    /// A member by its path, as C writes it (`"f_path.dentry"`); members of anonymous structures and
    /// unions count as their parent's.
    fn member(&self, structure: &str, path: &str) -> Option<Member>;

    /// The value of an enumerator of a named enumeration.
    fn enumerator(&self, enumeration: &str, name: &str) -> Option<i64>;
}
