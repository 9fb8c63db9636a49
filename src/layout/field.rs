//! Fields and symbols as crawling uses them: looked up by name once, at open, then plain numbers.

use crate::kernel::{Member, Types};

/// A member of a kernel structure, or the knowledge that this kernel has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// The structure and the member as asked for first, for messages.
    pub name: &'static str,
    member: Option<Member>,
    /// Bytes of a member that is one plain number; 0 of any other.
    plain: u8,
}

impl Field {
    fn new(name: &'static str, member: Option<Member>) -> Self {
        let plain = member.filter(|member| {
            member.elements == 1 && member.bits == 0 && matches!(member.size, 1..=8)
        });
        Self { name, member, plain: plain.map_or(0, |member| member.size as u8) }
    }

    /// Where a member lies that is one plain number, and its bytes, at most 8.
    #[inline(always)]
    pub fn plain(self) -> Option<(u32, u32)> {
        match (self.plain, self.member) {
            (0, _) | (_, None) => None,
            (size, Some(member)) => Some((member.offset, u32::from(size))),
        }
    }

    /// Where the member lies.
    pub fn member(self) -> Option<Member> {
        self.member
    }

    /// True if this kernel has it.
    pub fn exists(self) -> bool {
        self.member.is_some()
    }

    /// A member of 1, 2, 4 or 8 bytes at a known offset, for structures that no type information tells.
    pub(super) fn known(name: &'static str, offset: u32, size: u32) -> Self {
        let member = Member { offset, size, elements: 1, bit: 0, bits: 0, signed: false };
        Self::new(name, Some(member))
    }

    /// A member that this kernel has not.
    pub(super) fn absent(name: &'static str) -> Self {
        Self::new(name, None)
    }

    /// Compiles the first of the paths that the structure has.
    pub(super) fn compile(
        types: &dyn Types,
        structure: Option<&'static str>,
        name: &'static str,
        paths: &[&str],
    ) -> Self {
        let member = structure
            .and_then(|structure| paths.iter().find_map(|path| types.member(structure, path)));
        Self::new(name, member)
    }
}

/// A kernel variable, or the knowledge that this kernel has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol {
    /// The name in the kernel's sources.
    pub name: &'static str,
    /// Its kernel-virtual address (for a per-CPU variable: what is added to a CPU's base).
    pub address: Option<u64>,
}

/// Declares structures with the members that crawling needs. Where kernels differ, the alternatives
/// follow each other, newest first; the first one that exists is taken.
macro_rules! structures {
    ($(
        $(#[$meta:meta])*
        $structure:ident = $type:literal $(| $other_type:literal)* {
            $( $(#[$field_meta:meta])* $field:ident : $first:literal $(| $other:literal)* ),* $(,)?
        }
    )*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug)]
            pub(crate) struct $structure {
                /// Bytes of the structure; 0 where this kernel has none.
                #[allow(dead_code)]
                pub size: u32,
                $( $(#[$field_meta])* pub $field: $crate::layout::Field, )*
            }

            impl $structure {
                const NAMES: &'static [&'static str] = &[$type $(, $other_type)*];

                fn compile(types: &dyn $crate::kernel::Types) -> Self {
                    let name = Self::NAMES.iter().copied().find(|name| types.size_of(name).is_some());
                    Self {
                        size: name.and_then(|name| types.size_of(name)).unwrap_or(0),
                        $( $field: $crate::layout::Field::compile(
                            types,
                            name,
                            concat!($type, ".", $first),
                            &[$first $(, $other)*],
                        ), )*
                    }
                }
            }
        )*

        /// The names of all structures declared here.
        pub(super) const STRUCTURES: &[&[&str]] = &[$($structure::NAMES),*];
    };
}

/// Declares the kernel variables that crawling needs.
macro_rules! symbols {
    ($( $(#[$meta:meta])* $symbol:ident ),* $(,)?) => {
        /// The kernel variables that crawling needs.
        #[derive(Clone, Debug)]
        #[allow(non_snake_case)] // The kernel's own spelling.
        pub(crate) struct Symbols {
            $( $(#[$meta])* pub $symbol: $crate::layout::Symbol, )*
        }

        impl Symbols {
            /// Their names.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($symbol)),*];

            /// Compiles them from a function that looks a name up.
            pub fn compile(find: impl Fn(&str) -> Option<u64>) -> Self {
                Self {
                    $( $symbol: $crate::layout::Symbol {
                        name: stringify!($symbol),
                        address: find(stringify!($symbol)),
                    }, )*
                }
            }
        }
    };
}

pub(super) use {structures, symbols};
