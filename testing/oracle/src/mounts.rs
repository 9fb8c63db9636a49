//! The section `mounts`: `/proc/PID/mountinfo` of a process in each mount namespace.

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::View;

const SECTION: &str = "mounts";

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(mounts) = tally.section(frame, SECTION) else { return };
    let mut rows: Vec<&Value> = mounts.as_array().expect("mounts").iter().collect();
    for (mnt_ns, pid) in &view.mounts {
        let path = format!("/proc/{pid}/mountinfo");
        let text = view.before.text(&path);
        assert_eq!(text, view.after.text(&path), "the guest's mounts do not rest");
        assert!(!text.is_empty(), "the guest's {path} was not read");
        for line in text.lines() {
            // ID PARENT DEVICE ROOT TARGET OPTIONS [TAG…] - FILESYSTEM SOURCE SUPEROPTIONS
            let (mount, device) = line.split_once(" - ").expect("a line of mountinfo");
            let mount: Vec<&str> = mount.split(' ').collect();
            let device: Vec<&str> = device.split(' ').collect();
            let (target, source) = (unescaped(mount[4]), unescaped(device[1]));
            // Several may lie on one another: each row answers for one mount.
            let found = rows.iter().position(|row| {
                row["mnt_ns"] == *mnt_ns
                    && row["target"] == target.as_str()
                    && row["source"] == source.as_str()
            });
            let key = format!("{mnt_ns}, {source} on {target}");
            let row = found.map(|index| rows.remove(index));
            tally.holds(SECTION, &key, "there", row.is_some(), "no such mount");
            let Some(row) = row else { continue };
            let filesystem = unescaped(device[0]);
            tally.field(SECTION, &key, row, "filesystem", Expected::is(filesystem));
            tally.field(SECTION, &key, row, "options", Expected::is(mount[5]));
        }
    }
    for row in rows {
        tally.holds(SECTION, &row["target"], "known to the guest", false, row);
    }
}

/// `\040` and its like, by which mountinfo writes spaces, tabs, line ends, `\` and `#`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..3).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
