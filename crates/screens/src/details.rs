//! The lists of one guest beside its processes: sockets, files, the kernel's log.

use std::collections::HashMap;

use nfm_frame::{Connection, Frame, Section};

use crate::table::contains;

/// A list of an open guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// Its processes.
    Processes,
    /// Its sockets.
    Sockets,
    /// Its open files.
    Files,
    /// Its kernel's log, the newest record first.
    Log,
}

impl Tab {
    /// Every list.
    pub const ALL: [Self; 4] = [Self::Processes, Self::Sockets, Self::Files, Self::Log];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "Processes",
            Self::Sockets => "Sockets",
            Self::Files => "Files",
            Self::Log => "Log",
        }
    }

    fn section(self) -> Section {
        match self {
            Self::Processes => Section::Processes,
            Self::Sockets => Section::Connections,
            Self::Files => Section::Files,
            Self::Log => Section::Log,
        }
    }

    /// Headings and widths; the last column has what is left.
    pub fn headings(self) -> &'static [(&'static str, usize)] {
        match self {
            Self::Processes => &[],
            Self::Sockets => {
                &[("PROTO", 6), ("STATE", 11), ("PROCESS", 20), ("LOCAL", 28), ("REMOTE", 8)]
            }
            Self::Files => &[("PROCESS", 20), ("FD", 5), ("TYPE", 5), ("NAME", 8)],
            Self::Log => &[("TIME", 14), ("LEVEL", 5), ("TEXT", 8)],
        }
    }

    /// The rows that have these words, in lower case; `None` if the frame does not have the list.
    pub fn rows(self, frame: &Frame, filter: &str) -> Option<Vec<Vec<String>>> {
        if !frame.has(self.section()) {
            return None;
        }
        let names: HashMap<u32, &str> = frame
            .processes
            .iter()
            .flatten()
            .filter_map(|process| Some((process.pid, process.name.as_deref()?)))
            .collect();
        let process = |pid: u32| format!("{pid} {}", names.get(&pid).unwrap_or(&"?"));
        let unknown = || "?".to_owned();
        let mut rows: Vec<Vec<String>> = match self {
            Self::Processes => Vec::new(),
            Self::Sockets => {
                let row = |one: &Connection| {
                    vec![
                        one.protocol.to_string(),
                        one.state.as_ref().map_or_else(unknown, ToString::to_string),
                        one.pid.map_or_else(|| "-".to_owned(), process),
                        match &one.local_address {
                            Some(address) => end(address, one.local_port),
                            None => one.path.as_deref().unwrap_or("-").to_owned(),
                        },
                        match &one.remote_address {
                            Some(address) => end(address, one.remote_port),
                            None => "-".to_owned(),
                        },
                    ]
                };
                frame.connections.iter().flatten().map(row).collect()
            }
            Self::Files => {
                let row = |file: &nfm_frame::File| {
                    vec![
                        process(file.pid),
                        file.fd.to_string(),
                        file.kind.map_or_else(unknown, |kind| kind.letters().to_owned()),
                        file.path.as_ref().map_or_else(unknown, ToString::to_string),
                    ]
                };
                frame.files.iter().flatten().map(row).collect()
            }
            Self::Log => {
                let row = |record: &nfm_frame::LogRecord| {
                    vec![
                        format!("{:.6}", record.time_ns as f64 / 1e9),
                        record.level.to_string(),
                        record.text.to_string(),
                    ]
                };
                frame.log.iter().flatten().rev().map(row).collect()
            }
        };
        let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
        rows.retain(|row| words.iter().all(|word| row.iter().any(|cell| contains(cell, word))));
        Some(rows)
    }
}

fn end(address: &str, port: Option<u16>) -> String {
    let port = port.map_or_else(|| "?".to_owned(), |port| port.to_string());
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}
