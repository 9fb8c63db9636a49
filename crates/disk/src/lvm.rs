//! LVM2: physical volumes, and the segments of logical ones.

/// An id of LVM as its tools write it: in groups.
pub(crate) fn dashed(id: &str) -> String {
    let groups = [(0, 6), (6, 10), (10, 14), (14, 18), (18, 22), (22, 26), (26, 32)];
    groups.map(|(from, to)| id.get(from..to).unwrap_or_default()).join("-")
}
