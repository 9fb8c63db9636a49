//! Sections by reflection: the members of their rows, and their rows without their types.

use std::ffi::{c_char, c_void};
use std::sync::OnceLock;
use std::{ptr, slice};

use nfm_frame::column::Kind;

use super::frame::nfm_frame_t;
use super::rows::connections::nfm_connection_t;
use super::rows::cpus::nfm_cpu_t;
use super::rows::files::nfm_file_t;
use super::rows::host::nfm_host_t;
use super::rows::interfaces::nfm_interface_t;
use super::rows::log::nfm_log_record_t;
use super::rows::mappings::nfm_mapping_t;
use super::rows::memory::nfm_memory_t;
use super::rows::modules::nfm_module_t;
use super::rows::mounts::nfm_mount_t;
use super::rows::neighbours::nfm_neighbour_t;
use super::rows::os::nfm_os_t;
use super::rows::processes::nfm_process_t;
use super::rows::routes::nfm_route_t;
use super::rows::{Fill, Member, Reading, Reflect, Row, Rows, Untyped, hand_out};
use super::{optional_text, value};
use crate::frame::{Frame, Section};

/// How a member of a row is read.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_member_type_t {
    /// An unsigned integer of the member's size.
    NFM_MEMBER_UNSIGNED = 1,
    /// A signed integer of the member's size.
    NFM_MEMBER_SIGNED = 2,
    /// A double, or an array of as many as the size has room for.
    NFM_MEMBER_REAL = 3,
    /// A uint32_t: 1 for yes, 0 for no.
    NFM_MEMBER_FLAG = 4,
    /// A char: an ASCII letter.
    NFM_MEMBER_LETTER = 5,
    /// A const char *: text.
    NFM_MEMBER_TEXT = 6,
    /// A const char *const *: texts, and a NULL after the last. A size_t with their number follows it.
    NFM_MEMBER_TEXTS = 7,
    /// A pointer to rows, whose members are told with it. Their number and the bytes from one to the next
    /// follow it, a size_t each.
    NFM_MEMBER_ROWS = 8,
}

/// How a member changes from frame to frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_kind_t {
    /// It tells rows apart or describes one; such numbers are not summed.
    NFM_KIND_LABEL = 1,
    /// It rises and falls.
    NFM_KIND_GAUGE = 2,
    /// It only rises, until its owner starts anew.
    NFM_KIND_COUNTER = 3,
}

/// One member of a section's rows.
#[repr(C)]
pub struct nfm_member_t {
    /// Which of the members that later versions add are known; the ones here always are.
    pub known: u64,
    /// Its name, in C and in JSON: "rss_bytes".
    pub name: *const c_char,
    /// One sentence or two on it.
    pub doc: *const c_char,
    /// The unit of its numbers: "ns", "bytes", "KiB", "MHz"; empty for a count, and for what is no number.
    pub unit: *const c_char,
    /// The name of the member of the section's rows that leads to the rows which have this one; empty if
    /// the section's own rows have it.
    pub rows_of: *const c_char,
    /// Its bit in the row's known; 0 if it is always known.
    pub known_bit: u64,
    /// Bytes from the beginning of the row.
    pub offset: usize,
    /// Bytes that it has.
    pub size: usize,
    /// The way in which it is read, one of nfm_member_type_t.
    pub value_type: u32,
    /// The way in which it changes from frame to frame, one of nfm_kind_t.
    pub kind: u32,
}

/// A member, and the name of the one that leads to its rows.
pub(super) struct MemberOf {
    member: Member,
    rows_of: &'static str,
}

impl Row for nfm_member_t {
    type Item = MemberOf;

    fn of(MemberOf { member, rows_of }: &MemberOf, fill: &mut Fill) -> Self {
        use {nfm_kind_t::*, nfm_member_type_t::*};
        let value_type = match member.reading {
            Reading::Unsigned => NFM_MEMBER_UNSIGNED,
            Reading::Signed => NFM_MEMBER_SIGNED,
            Reading::Real => NFM_MEMBER_REAL,
            Reading::Flag => NFM_MEMBER_FLAG,
            Reading::Letter => NFM_MEMBER_LETTER,
            Reading::Text => NFM_MEMBER_TEXT,
            Reading::Texts => NFM_MEMBER_TEXTS,
            Reading::Rows => NFM_MEMBER_ROWS,
        };
        let kind = match member.column.kind {
            Kind::Label => NFM_KIND_LABEL,
            Kind::Gauge => NFM_KIND_GAUGE,
            Kind::Counter => NFM_KIND_COUNTER,
        };
        Self {
            name: fill.always(member.column.name),
            doc: fill.always(member.column.doc),
            unit: fill.always(member.column.unit.name()),
            rows_of: fill.always(rows_of),
            known_bit: member.known_bit,
            offset: member.offset,
            size: member.size,
            value_type: value_type as u32,
            kind: kind as u32,
            known: fill.known(),
        }
    }
}

/// Makes `members` and `rows` of the table below: a section, its row in C, its member in [`Frame`], and whether that is a
/// `list` of rows or `one`.
macro_rules! rows_of_sections {
    ($($section:ident: $row:ty = $name:ident, $shape:ident;)+) => {
        /// The members of a section's rows; `None` for a section that has no rows in C.
        fn members(section: Section) -> Option<&'static [Member]> {
            Some(match section {
                $(Section::$section => <$row>::MEMBERS,)+
                Section::Integrity => return None,
            })
        }

        /// The rows of a frame's section, without their type.
        fn rows(frame: &nfm_frame_t, section: Section) -> Option<Untyped> {
            let (made, frame): (_, &Frame) = (&frame.rows, &frame.frame);
            match section {
                $(Section::$section => {
                    let rows = rows_of_sections!(@$shape frame.$name);
                    made.of::<$row>(rows).map(Rows::untyped)
                })+
                Section::Integrity => None,
            }
        }
    };
    (@list $rows:expr) => { $rows.as_deref() };
    (@one $row:expr) => { $row.as_ref().map(slice::from_ref) };
}

rows_of_sections! {
    Os: nfm_os_t = os, one;
    Cpus: nfm_cpu_t = cpus, list;
    Memory: nfm_memory_t = memory, one;
    Processes: nfm_process_t = processes, list;
    Files: nfm_file_t = files, list;
    Mappings: nfm_mapping_t = mappings, list;
    Modules: nfm_module_t = modules, list;
    Interfaces: nfm_interface_t = interfaces, list;
    Connections: nfm_connection_t = connections, list;
    Mounts: nfm_mount_t = mounts, list;
    Log: nfm_log_record_t = log, list;
    Host: nfm_host_t = host, one;
    Routes: nfm_route_t = routes, list;
    Neighbours: nfm_neighbour_t = neighbours, list;
}

/// The members of every section, each made when it is first asked for.
struct MembersOfSections([OnceLock<Option<Rows<nfm_member_t>>>; Section::ALL.len()]);

static MEMBERS: MembersOfSections =
    MembersOfSections([const { OnceLock::new() }; Section::ALL.len()]);

impl MembersOfSections {
    fn of(&self, section: Section) -> Option<&Rows<nfm_member_t>> {
        let made = self.0.get(section as usize)?.get_or_init(|| {
            let mut all = Vec::new();
            for member in members(section)? {
                all.push(MemberOf { member: *member, rows_of: "" });
                let rows_of = member.column.name;
                all.extend(member.rows.iter().map(|inner| MemberOf { member: *inner, rows_of }));
            }
            Some(Rows::new(&all))
        });
        made.as_ref()
    }
}

/// The section of one bit.
pub(super) fn one(section: u64) -> Option<Section> {
    Section::ALL.into_iter().find(|one| one.bit() == section)
}

/// The bit of a section's name, for programs that take names of sections from their users.
///
/// Parameters: name, as in JSON: "processes".
/// Returns: one of NFM_SECTION_...; 0 if the library knows no such section, and for NULL.
/// Errors: none.
/// Ownership: name stays the caller's.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_section_bit(name: *const c_char) -> u64 {
    value(0, || {
        // SAFETY: NULL or a string, by the caller's promise.
        let name = unsafe { optional_text(name, "name") }.ok().flatten();
        name.and_then(Section::from_name).map_or(0, Section::bit)
    })
}
symver!("NFM_0.1", nfm_section_bit);

/// The members of a section's rows: their names, places, units and kinds, for programs that show or keep
/// sections which they were not written for. nfm_frame_rows() gives the rows.
///
/// They stand in the order of the structure, without known, reserved, and the number and stride of a list. A
/// member of type NFM_MEMBER_ROWS is followed by those of its rows.
///
/// Parameters: section, one of NFM_SECTION_...; count receives the number of members; stride receives the
/// bytes from one to the next, for NFM_ROW().
/// Returns: the first member; NULL, with a count of 0, if the library does not know the section, if the
/// section has no rows (NFM_SECTION_INTEGRITY), or if an argument is NULL.
/// Errors: none.
/// Ownership: the library's, as long as it is loaded.
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_section_members(
    section: u64,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_member_t {
    // SAFETY: the handle is a static; each of the others is NULL or valid, by the caller's promise.
    unsafe { hand_out(&raw const MEMBERS, count, stride, |members| members.of(one(section)?)) }
}
symver!("NFM_0.1", nfm_section_members);

/// The rows of a section, whatever it is: what the section's own function gives, for programs that read
/// them by nfm_section_members(). A section that is one structure is one row.
///
/// Parameters: frame; section, one of NFM_SECTION_...; count receives the number of rows; stride receives
/// the bytes from one row to the next.
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if the frame does not
/// hold the section, if the library does not know it, if it has no rows, or if an argument is NULL.
/// Errors: none.
/// Ownership: the frame's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_frame_rows(
    frame: *const nfm_frame_t,
    section: u64,
    count: *mut usize,
    stride: *mut usize,
) -> *const c_void {
    let asked = !count.is_null() && !stride.is_null();
    let found = value(None, || {
        // SAFETY: NULL or a frame, by the caller's promise.
        let frame = unsafe { frame.as_ref() }.filter(|_| asked)?;
        rows(frame, one(section)?)
    });
    let found = found.unwrap_or(Untyped { first: ptr::null(), count: 0, stride: 0 });
    if !count.is_null() {
        // SAFETY: not NULL, so the caller may have it written.
        unsafe { count.write(found.count) };
    }
    if !stride.is_null() {
        // SAFETY: as above.
        unsafe { stride.write(found.stride) };
    }
    found.first
}
symver!("NFM_0.1", nfm_frame_rows);

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::frame::Cpu;

    fn members_of(section: u64) -> Vec<&'static nfm_member_t> {
        let (mut count, mut stride) = (0, 0);
        let first = unsafe { nfm_section_members(section, &mut count, &mut stride) };
        (0..count).map(|index| unsafe { &*first.byte_add(index * stride) }).collect()
    }

    fn text(text: *const c_char) -> &'static str {
        unsafe { CStr::from_ptr(text) }.to_str().unwrap()
    }

    #[test]
    fn every_column_is_a_member() {
        for section in Section::ALL {
            let members = members_of(section.bit());
            let own = members.iter().filter(|member| text(member.rows_of).is_empty());
            let mut names: Vec<&str> = own.map(|member| text(member.name)).collect();
            let mut columns: Vec<&str> = section.columns().iter().map(|one| one.name).collect();
            names.sort_unstable();
            columns.sort_unstable();
            match section {
                Section::Integrity => assert!(names.is_empty()),
                _ => assert_eq!(names, columns, "{section:?}"),
            }
        }
        let threads = members_of(Section::Processes.bit());
        let threads = threads.iter().filter(|one| !text(one.rows_of).is_empty());
        let names: Vec<_> = threads.map(|one| (text(one.rows_of), text(one.name))).collect();
        assert_eq!(names.len(), 5);
        assert!(names.contains(&("thread_list", "cpu_ns")), "{names:?}");
    }

    #[test]
    fn a_member_says_how_it_is_read() {
        let members = members_of(Section::Processes.bit());
        let rss = members.iter().find(|one| text(one.name) == "rss_bytes").unwrap();
        assert_eq!((text(rss.unit), rss.size), ("bytes", 8));
        assert_eq!(rss.kind, nfm_kind_t::NFM_KIND_GAUGE as u32);
        assert_eq!(rss.value_type, nfm_member_type_t::NFM_MEMBER_UNSIGNED as u32);
        let user = members.iter().find(|one| text(one.name) == "user_ns").unwrap();
        assert_eq!((text(user.unit), user.kind), ("ns", nfm_kind_t::NFM_KIND_COUNTER as u32));
        let pid = members.iter().find(|one| text(one.name) == "pid").unwrap();
        assert_eq!((pid.known_bit, pid.kind), (0, nfm_kind_t::NFM_KIND_LABEL as u32));
        assert_eq!(text(pid.doc), "Process id.");
    }

    #[test]
    fn rows_without_their_type() {
        let cpu = Cpu { id: 3, user_ns: Some(7), ..Cpu::default() };
        let frame = nfm_frame_t::new(Frame { cpus: Some(vec![cpu; 2]), ..Frame::default() });
        let (mut count, mut stride) = (0, 0);
        let ask = |section, count: &mut usize, stride: &mut usize| unsafe {
            nfm_frame_rows(&frame, section, count, stride)
        };
        let first = ask(Section::Cpus.bit(), &mut count, &mut stride);
        assert_eq!(count, 2);
        let second = unsafe { &*first.byte_add(stride).cast::<nfm_cpu_t>() };
        assert_eq!((second.id, second.user_ns), (3, 7));
        for section in [Section::Os.bit(), Section::Integrity.bit(), 0, 3, 1 << 63] {
            assert!(ask(section, &mut count, &mut stride).is_null());
            assert_eq!(count, 0, "{section}");
        }
        let null = ptr::null_mut();
        let cpus = Section::Cpus.bit();
        assert!(unsafe { nfm_frame_rows(&frame, cpus, &mut count, null) }.is_null());
        assert!(unsafe { nfm_frame_rows(ptr::null(), cpus, &mut count, &mut stride) }.is_null());
        assert!(unsafe { nfm_section_members(cpus, null, &mut stride) }.is_null());
        for nothing in [0, Section::Integrity.bit(), 3, 1 << 63] {
            assert!(members_of(nothing).is_empty());
        }
    }

    #[test]
    fn bits_by_name() {
        let bit = |name: &CStr| unsafe { nfm_section_bit(name.as_ptr()) };
        for section in Section::ALL {
            assert_eq!(bit(&std::ffi::CString::new(section.name()).unwrap()), section.bit());
        }
        assert_eq!((bit(c"processe"), bit(c"\xff")), (0, 0));
        assert_eq!(unsafe { nfm_section_bit(ptr::null()) }, 0);
    }
}
