//! The disks of a guest: `nfm disk`.

use std::io::Write;
use std::process::ExitCode;

use nfm::OpenOptions;
use nfm_disk::message::{Answer, Ask, FilesystemRow, VolumeRow};
use serde_json::json;

use super::{Verb, json};
use crate::disk::{INCOMPLETE, Sources, Worker};
use crate::disk_args::DiskArgs;
use crate::show::{complain, known, size, table};

/// `nfm disk`: volumes and filesystems.
pub(crate) fn disk(options: &OpenOptions, of: &DiskArgs, out: &mut dyn Write) -> Verb {
    let sources = Sources::open(options, &of.domain, &of.backing)?;
    let mut worker = Worker::ask(sources, &Ask::Volumes)?;
    let (mut volumes, mut filesystems) = (Vec::new(), Vec::new());
    while let Some(answer) = worker.next()? {
        match answer {
            Answer::Volume(row) => volumes.push(row),
            Answer::Filesystem(row) => filesystems.push(row),
            _ => {}
        }
    }
    if of.json {
        json(out, &json!({"volumes": volumes, "filesystems": filesystems}))?;
    } else {
        let headings = ["VOLUME", "KIND", "ON", "SIZE>", "CONTENT", "LABEL", "UUID"];
        table(out, &headings, volumes.iter().map(volume_line))?;
        if !filesystems.is_empty() {
            writeln!(out)?;
            let headings = [
                "FILESYSTEM",
                "TYPE",
                "SIZE>",
                "USED>",
                "AVAILABLE>",
                "INODES>",
                "IUSED>",
                "MOUNTED ON",
            ];
            table(out, &headings, filesystems.iter().map(filesystem_line))?;
        }
    }
    let problems = volumes
        .iter()
        .map(|row| (&row.name, &row.problem))
        .chain(filesystems.iter().map(|row| (&row.volume, &row.problem)));
    let mut incomplete = worker.is_incomplete();
    for (name, problem) in problems {
        if let Some(problem) = problem {
            incomplete = true;
            complain(format_args!("{name}: {problem}"));
        }
    }
    Ok(if incomplete { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}

fn volume_line(row: &VolumeRow) -> Vec<String> {
    vec![
        row.name.clone(),
        row.kind.clone(),
        row.on.join(","),
        size(row.size_bytes),
        known(row.content.map(|content| content.name())),
        row.label.clone().or_else(|| row.partition_name.clone()).unwrap_or_default(),
        row.uuid.clone().unwrap_or_default(),
    ]
}

fn filesystem_line(row: &FilesystemRow) -> Vec<String> {
    let usage = &row.usage;
    let less = |all: Option<u64>, free: Option<u64>| Some(all?.saturating_sub(free?));
    vec![
        row.volume.clone(),
        row.kind.name().to_owned(),
        known(usage.size_bytes.map(size)),
        known(less(usage.size_bytes, usage.free_bytes).map(size)),
        known(usage.available_bytes.map(size)),
        known(usage.inodes),
        known(less(usage.inodes, usage.free_inodes)),
        row.mounted_on.clone().unwrap_or_default(),
    ]
}
