//! Files on a guest's disks: `nfm ls`, `stat`, `cat` and `find` with `--disk` or of an image, and `nfm sha256`.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use nfm::{FileStatus, OpenOptions, Text};
use nfm_disk::message::{Answer, Ask, Attribute, FileRow, Name, Place};
use serde::Serialize;
use serde_json::json;

use super::guest_files::{LONG_HEADINGS, long, print_status};
use super::{Verb, json};
use crate::Failure;
use crate::args::{Cat, Find, Ls, Stat};
use crate::disk::{INCOMPLETE, Sources, Worker, is_image};
use crate::disk_args::{OnDisk, Sha256};
use crate::show::{escaped, table};

impl OnDisk {
    /// True if a file is to be read from the disks.
    pub(super) fn is_meant(&self, domain: &str) -> bool {
        self.disk || self.volume.is_some() || !self.backing.is_empty() || is_image(domain)
    }

    fn ask(
        &self,
        options: &OpenOptions,
        domain: &str,
        path: &Path,
        ask: impl FnOnce(Place) -> Ask,
    ) -> Result<Worker, Failure> {
        let sources = Sources::open(options, domain, &self.backing)?;
        let path = Name::from(path.as_os_str().as_bytes());
        Worker::ask(sources, &ask(Place { volume: self.volume.clone(), path }))
    }
}

/// A file on a disk, as JSON has it: named as those of memory.
#[derive(Serialize)]
struct DiskFile {
    path: String,
    #[serde(flatten)]
    status: FileStatus,
    generation: Option<u64>,
    volume: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_attributes: Option<Vec<serde_json::Value>>,
}

impl From<FileRow> for DiskFile {
    fn from(row: FileRow) -> Self {
        let mut status = FileStatus::default();
        status.kind = row.kind;
        status.inode = row.inode;
        status.mode = row.mode;
        status.links = row.links;
        (status.uid, status.gid, status.rdev) = (row.uid, row.gid, row.rdev);
        status.size = row.size;
        status.accessed_ns = row.accessed_ns;
        status.modified_ns = row.modified_ns;
        status.changed_ns = row.changed_ns;
        status.target = row.target.as_ref().map(|target| Text::from(lossy(target).as_str()));
        status.filesystem = Some(Text::from(row.filesystem.name()));
        let attributes = row.extended_attributes.as_ref();
        Self {
            path: lossy(&row.path),
            status,
            generation: row.generation,
            volume: row.volume,
            sha256: row.sha256,
            extended_attributes: attributes.map(|all| all.iter().map(attribute).collect()),
        }
    }
}

fn lossy(name: &Name) -> String {
    String::from_utf8_lossy(name.bytes()).into_owned()
}

fn attribute(attribute: &Attribute) -> serde_json::Value {
    let value: String = attribute.value.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"name": lossy(&attribute.name), "value": value})
}

/// The files that a worker answers.
fn files(worker: &mut Worker, mut take: impl FnMut(FileRow) -> Result<(), Failure>) -> Verb {
    while let Some(answer) = worker.next()? {
        if let Answer::File(row) = answer {
            take(row)?;
        }
    }
    Ok(if worker.is_incomplete() { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}

pub(super) fn ls(options: &OpenOptions, ls: &Ls, out: &mut dyn Write) -> Verb {
    let of = &ls.of;
    let mut worker = of.disk.ask(options, &of.target.domain, &of.path, Ask::List)?;
    let mut all: Vec<DiskFile> = Vec::new();
    let end = files(&mut worker, |row| {
        all.push(row.into());
        Ok(())
    })?;
    if of.target.json {
        json(out, &json!({"files": all, "complete": !worker.is_incomplete()}))?;
    } else if ls.long {
        table(out, &LONG_HEADINGS, all.iter().map(|file| long(&file.path, &file.status)))?;
    } else {
        for file in &all {
            writeln!(out, "{}", escaped(&file.path))?;
        }
    }
    Ok(end)
}

pub(super) fn stat(options: &OpenOptions, stat: &Stat, out: &mut dyn Write) -> Verb {
    let of = &stat.of;
    let ask = |place| Ask::Status { place, follow: stat.dereference };
    let mut worker = of.disk.ask(options, &of.target.domain, &of.path, ask)?;
    files(&mut worker, |row| {
        let attributes = row.extended_attributes.clone().unwrap_or_default();
        let file = DiskFile::from(row);
        if of.target.json {
            return json(out, &file);
        }
        print_status(out, &of.path, &file.status)?;
        for attribute in &attributes {
            let (name, value) = (lossy(&attribute.name), lossy(&attribute.value));
            writeln!(out, " Xattr: {}={}", escaped(&name), escaped(&value))?;
        }
        writeln!(out, "Volume: {}", escaped(&file.volume))?;
        Ok(())
    })
}

pub(super) fn cat(options: &OpenOptions, cat: &Cat, out: &mut dyn Write) -> Verb {
    let mut worker = cat.disk.ask(options, &cat.domain, &cat.path, Ask::Content)?;
    while let Some(answer) = worker.next()? {
        if let Answer::Content(length) = answer {
            out.write_all(&worker.content(length)?)?;
        }
    }
    Ok(if worker.is_incomplete() { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}

pub(super) fn find(options: &OpenOptions, find: &Find, out: &mut dyn Write) -> Verb {
    let of = &find.of;
    let ask = |place| Ask::Walk { place, one_file_system: find.one_file_system };
    let mut worker = of.disk.ask(options, &of.target.domain, &of.path, ask)?;
    files(&mut worker, |row| match of.target.json {
        true => json(out, &DiskFile::from(row)),
        false => Ok(writeln!(out, "{}", escaped(&lossy(&row.path)))?),
    })
}

/// `nfm sha256`: as sha256sum(1) prints it.
pub(crate) fn sha256(options: &OpenOptions, of: &Sha256, out: &mut dyn Write) -> Verb {
    let mut worker = of.disk.ask(options, &of.domain, &of.path, Ask::Hash)?;
    files(&mut worker, |row| match of.json {
        true => json(out, &DiskFile::from(row)),
        false => {
            let sum = row.sha256.as_deref().unwrap_or("?");
            Ok(writeln!(out, "{sum}  {}", escaped(&lossy(&row.path)))?)
        }
    })
}
