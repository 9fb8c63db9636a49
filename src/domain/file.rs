//! A guest whose memory is in a file.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::source::{OnHost, Source};
use crate::error::{Error, Result};
use crate::frame::{DomainIdentity, Host};
use crate::kernel::top_page_table;
use crate::memory::{Content, Dump, DumpFile, FileMemory, PhysicalMemory};
use crate::resolve::{Hold, RamHole};

/// The beginning of a name that stands for a file.
pub(super) const PREFIX: &str = "file:";

/// A file that holds a guest's memory.
pub(super) struct FileGuest {
    identity: DomainIdentity,
    path: PathBuf,
    dump: Dump,
    /// Layouts that a look at the memory added to the dump's own.
    added: RefCell<Vec<Arc<dyn Content>>>,
}

impl FileGuest {
    /// Opens what `file:PATH` or `file:///PATH` names, and recognises its format.
    pub fn open(name: &str) -> Result<Self> {
        let path = path_of(name)?;
        let shown = path.display().to_string();
        let dump = DumpFile::open(&path)
            .and_then(Dump::open)
            .map_err(|reason| Error::File { path: shown.clone(), reason })?;
        tracing::debug!(path = shown, format = dump.format, "a file with guest memory");
        let file_name = || path.file_name().map(|name| name.to_string_lossy().into_owned());
        let identity = DomainIdentity {
            name: dump
                .origin
                .as_ref()
                .map(|origin| origin.name.clone())
                .or_else(file_name)
                .unwrap_or(shown),
            uuid: dump.origin.as_ref().and_then(|origin| origin.uuid.clone()),
            hypervisor: "file".to_owned(),
            labels: None,
        };
        Ok(Self { identity, path, dump, added: RefCell::default() })
    }
}

impl Source for FileGuest {
    fn identity(&self) -> &DomainIdentity {
        &self.identity
    }

    fn place(&self) -> String {
        format!("{} '{}'", self.dump.format, self.path.display())
    }

    fn on_host(&self) -> OnHost {
        OnHost::default()
    }

    fn layouts(&self) -> usize {
        self.dump.layouts.len() + self.added.borrow().len()
    }

    fn with_hole(&self, _: usize, hole: RamHole) -> Option<usize> {
        let content = self.dump.with_hole.as_ref()?(hole);
        let mut added = self.added.borrow_mut();
        let known = self.dump.layouts.iter().chain(added.iter());
        let is_new = known.into_iter().all(|known| known.ram() != content.ram());
        added.extend(is_new.then_some(content));
        is_new.then(|| self.dump.layouts.len() + added.len() - 1)
    }

    fn memory(&self, layout: usize) -> Result<Box<dyn PhysicalMemory>> {
        let added = self.added.borrow();
        match self.dump.layouts.iter().chain(added.iter()).nth(layout) {
            Some(content) => Ok(Box::new(FileMemory::new(content))),
            None => Err(self.no_memory("it allows no such layout".to_owned())),
        }
    }

    fn unplaced(&self, _: usize) -> Vec<(u64, u64)> {
        self.dump.origin.as_ref().map(|origin| origin.left_out.clone()).unwrap_or_default()
    }

    fn no_memory(&self, reason: String) -> Error {
        let reason = format!(
            "it is cut short, or laid out in no way that nfm knows ({reason}); take the memory anew, with \
             `virsh dump --memory-only` or `nfm dump`"
        );
        Error::File { path: self.path.display().to_string(), reason }
    }

    fn says_where(&self) -> bool {
        self.dump.says_where
    }

    fn page_table(&self) -> Option<u64> {
        top_page_table(self.dump.vmcoreinfo.as_deref()?)
    }

    fn taken(&self) -> Option<SystemTime> {
        Some(self.dump.taken)
    }

    fn hold(&self) -> Result<Option<Hold>> {
        Ok(None)
    }

    fn host(&self, _: &dyn PhysicalMemory, _: &dyn Fn(String)) -> Option<Host> {
        None
    }
}

/// The path that a name stands for. `file:PATH` is the path as it stands, so that every file can be named
/// as the shell completes it; `file://…` is a URI (RFC 8089), in which `%` stands before two digits.
fn path_of(name: &str) -> Result<PathBuf> {
    let invalid = |reason: &str| {
        Err(Error::InvalidArgument(format!(
            "'{name}' {reason}; give file:PATH, or file:///PATH with % escapes"
        )))
    };
    let path = name.strip_prefix(PREFIX).unwrap_or(name);
    let path = match path.strip_prefix("//") {
        None => OsString::from(path),
        Some(rest) => match rest.find('/').map(|at| rest.split_at(at)) {
            Some(("" | "localhost", path)) => match unescaped(path) {
                Some(bytes) => OsString::from_vec(bytes.into_owned()),
                None => return invalid("has a % without two hexadecimal digits behind it"),
            },
            Some(_) => return invalid("names another host"),
            None => return invalid("names no file"),
        },
    };
    match path.is_empty() {
        true => invalid("names no file"),
        false => Ok(Path::new(&path).to_owned()),
    }
}

/// The bytes that a URI's path stands for.
fn unescaped(path: &str) -> Option<Cow<'_, [u8]>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path.as_bytes()));
    }
    let mut parts = path.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.as_bytes().split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest);
    }
    Some(Cow::Owned(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let path = |name| path_of(name).unwrap();
        assert_eq!(path("file:dump.elf"), Path::new("dump.elf"));
        assert_eq!(path("file:/tmp/100%25 true"), Path::new("/tmp/100%25 true"));
        assert_eq!(path("file:///tmp/100%25%20true"), Path::new("/tmp/100% true"));
        assert_eq!(path("file://localhost/tmp/d%C3%BCmp"), Path::new("/tmp/dümp"));
        for (name, words) in [
            ("file:", "names no file"),
            ("file://", "names no file"),
            ("file://elsewhere/dump", "another host"),
            ("file:///tmp/%2", "hexadecimal"),
            ("file:///tmp/%+1", "hexadecimal"),
            ("file:///tmp/%é", "hexadecimal"),
        ] {
            let error = path_of(name).unwrap_err().to_string();
            assert!(error.contains(words), "{name}: {error}");
        }
    }
}
