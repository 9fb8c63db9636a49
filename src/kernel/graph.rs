//! Types as plain data, read out of a symbol file: what is wanted of them and no more.

use rustc_hash::FxHashMap;

use super::types::{MOST_STEPS, Member, Shape, Types};

/// Anonymous structures in one another, and arrays of arrays.
const DEEPEST: usize = 16;

/// A type's place in its graph.
pub(super) type TypeId = usize;

/// One type. Typedefs and qualifiers are not kept: whoever builds the graph follows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A structure or union.
    Structure { bytes: u32, members: Vec<StructureMember> },
    /// An array; of several dimensions, its elements are those of all.
    Array { element: TypeId, elements: u32 },
    /// An integer or a pointer.
    Plain { bytes: u32, signed: bool },
    /// An enumeration.
    Enumeration { bytes: u32, values: Vec<(String, i64)> },
    /// A type that no wanted member can have: a function, or an unknown type.
    Other,
}

/// A member as its structure declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StructureMember {
    /// Empty for an anonymous structure or union.
    pub name: String,
    pub offset_bits: u32,
    /// Bits of a bit field, else 0.
    pub bits: u32,
    pub kind: TypeId,
}

/// Types that lead to one another by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypeGraph {
    nodes: Vec<Node>,
    by_name: FxHashMap<String, TypeId>,
}

impl TypeGraph {
    /// Adds a type; what it is may be told later by [`Self::set`].
    pub(super) fn add(&mut self, node: Node) -> TypeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(super) fn set(&mut self, id: TypeId, node: Node) {
        if let Some(slot) = self.nodes.get_mut(id) {
            *slot = node;
        }
    }

    /// Gives a type the name by which it is asked for; the first of a name stays.
    pub(super) fn name(&mut self, name: &str, id: TypeId) {
        self.by_name.entry(name.to_owned()).or_insert(id);
    }

    /// Types in the graph.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, id: TypeId) -> &Node {
        self.nodes.get(id).unwrap_or(&Node::Other)
    }

    fn named(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    fn shape(&self, id: TypeId, depth: usize) -> Option<Shape> {
        match self.node(id) {
            Node::Structure { bytes, .. } => {
                Some(Shape { bytes: *bytes, elements: 1, signed: false })
            }
            Node::Plain { bytes, signed } => {
                Some(Shape { bytes: *bytes, elements: 1, signed: *signed })
            }
            Node::Enumeration { bytes, values } => {
                let signed = values.iter().any(|(_, value)| *value < 0);
                Some(Shape { bytes: *bytes, elements: 1, signed })
            }
            Node::Array { element, elements } if depth < DEEPEST => {
                let Shape { bytes, signed, .. } = self.shape(*element, depth + 1)?;
                Some(Shape { bytes: bytes.checked_mul(*elements)?, elements: *elements, signed })
            }
            Node::Array { .. } | Node::Other => None,
        }
    }

    /// A direct member, or one of an anonymous structure or union within: (bits from the start, bits of a
    /// bit field, type).
    fn find(
        &self,
        container: TypeId,
        name: &str,
        depth: usize,
        steps: &mut usize,
    ) -> Option<(u32, u32, TypeId)> {
        let Node::Structure { members, .. } = self.node(container) else { return None };
        *steps = steps.checked_sub(members.len())?;
        if let Some(member) = members.iter().find(|member| member.name == name) {
            return Some((member.offset_bits, member.bits, member.kind));
        }
        (depth < DEEPEST).then_some(())?;
        members.iter().filter(|member| member.name.is_empty()).find_map(|member| {
            let (offset, bits, kind) = self.find(member.kind, name, depth + 1, steps)?;
            Some((member.offset_bits.checked_add(offset)?, bits, kind))
        })
    }
}

impl Types for TypeGraph {
    fn size_of(&self, structure: &str) -> Option<u32> {
        match self.node(self.named(structure)?) {
            Node::Structure { bytes, .. } => Some(*bytes),
            _ => None,
        }
    }

    fn member(&self, structure: &str, path: &str) -> Option<Member> {
        let mut container = self.named(structure)?;
        let (mut offset_bits, mut bits, mut steps) = (0_u32, 0, MOST_STEPS);
        for part in path.split('.').filter(|part| !part.is_empty()) {
            let (offset, of_field, kind) = self.find(container, part, 0, &mut steps)?;
            offset_bits = offset_bits.checked_add(offset)?;
            (container, bits) = (kind, of_field);
        }
        Member::at(offset_bits, bits, self.shape(container, 0)?)
    }

    fn enumerator(&self, enumeration: &str, name: &str) -> Option<i64> {
        match self.node(self.named(enumeration)?) {
            Node::Enumeration { bytes, values } => {
                let (_, value) = values.iter().find(|(known, _)| known == name)?;
                // As BTF tells it: those of 32 bits with a sign.
                Some(if *bytes <= 4 { i64::from(*value as i32) } else { *value })
            }
            _ => None,
        }
    }
}
