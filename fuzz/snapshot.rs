//! The RAM of real guests, kept in files: one of the lab's guests a kernel, suspended and copied.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use nfm::fuzzing::copy_ram;
use nfm::{Domain, OpenOptions};

/// The kernels, and how their guests are started; the last has 5 levels of page tables.
const KERNELS: [(&str, &[&str]); 4] = [
    ("5.10", &["--kernel", "5.10", "--memory", "256"]),
    ("6.1", &["--kernel", "6.1", "--memory", "256"]),
    ("6.12", &["--kernel", "6.12", "--memory", "256"]),
    ("7.2", &["--kernel", "7.2", "--memory", "256", "--cpu", "max"]),
];

const PIECE: usize = 1 << 20;
const PAGE: usize = 4096;

/// The RAM of one guest at one moment.
#[derive(Clone)]
pub struct Snapshot {
    /// The kernel.
    pub name: String,
    /// The contents of guest-physical memory, from address 0.
    pub ram: Arc<Mmap>,
}

/// The files of all kernels in a folder; those that are not there are made from guests of the lab.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    KERNELS.iter().map(|(kernel, options)| file(folder, kernel, options)).collect()
}

fn file(folder: &Path, kernel: &str, options: &[&str]) -> PathBuf {
    let path = folder.join(format!("{kernel}.ram"));
    if path.exists() {
        return path;
    }
    println!("a snapshot of a {kernel} guest is made: {}", path.display());
    let guest = lab::own_guest(&format!("hostile-{kernel}"), options);
    lab::virsh(&["suspend", guest.domain()]).expect("the guest is suspended");
    let domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    let unfinished = path.with_extension("unfinished");
    let file = File::create(&unfinished).expect("a file for the snapshot");
    let mut size = 0;
    copy_ram(&domain, PIECE, &mut |address, bytes| {
        // Empty pages stay holes.
        for (index, page) in bytes.chunks(PAGE).enumerate() {
            if page.iter().any(|byte| *byte != 0) {
                let place = address + (index * PAGE) as u64;
                file.write_all_at(page, place).expect("room for the snapshot");
            }
        }
        size = size.max(address + bytes.len() as u64);
    });
    file.set_len(size).expect("room for the snapshot");
    fs::rename(&unfinished, &path).expect("the snapshot has its name");
    path
}

impl Snapshot {
    /// Maps a file.
    pub fn map(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        // SAFETY: nothing writes to a snapshot that has its name.
        let ram = unsafe { Mmap::map(&file) }.expect("the snapshot is mapped");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, ram: Arc::new(ram) }
    }
}
