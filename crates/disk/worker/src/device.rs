//! A volume as the device of the crates that read filesystems: it has no way to write.

use std::sync::Arc;

use nfm_disk::{DiskError, ReadAt, Reason};

/// A volume.
pub(crate) struct Device(pub Arc<dyn ReadAt>);

impl fs_core::BlockRead for Device {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> fs_core::Result<()> {
        self.0.read_at(offset, bytes).map_err(|error| std::io::Error::other(error.text).into())
    }

    fn size_bytes(&self) -> u64 {
        self.0.length()
    }
}

/// The reason that a crate's words tell; their errors are large, and alike in their names.
pub(crate) fn reason(name: &str, text: String) -> DiskError {
    let reason = match name.split(['(', ' ', '{']).next().unwrap_or_default() {
        "UnsupportedFeature" | "UnsupportedChecksum" | "RealtimeDeviceAbsent" => {
            Reason::Unsupported
        }
        "NotFound" => Reason::NoSuchFile,
        "NotADirectory" | "NotAFile" => Reason::WrongKind,
        _ => Reason::Damaged,
    };
    DiskError::new(reason, text)
}
