//! The arguments of verbs that read disks.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How files are looked up on a guest's disks, which are only read, without a lock, while the guest runs.
#[derive(Args)]
pub(crate) struct OnDisk {
    /// Read the guest's disks, not its memory (for image:PATH always)
    #[arg(long)]
    pub disk: bool,
    /// Read this volume of the disks, as nfm disk shows it, by itself (default: the guest's root filesystem, with what
    /// its /etc/fstab mounts)
    #[arg(long, value_name = "VOLUME")]
    pub volume: Option<String>,
    /// With image:PATH: the file that backs it, and the one that backs that, and so on; what a header names is not
    /// opened, as a guest could have written it
    #[arg(long, value_name = "FILE")]
    pub backing: Vec<PathBuf>,
}

/// The disks of a domain.
#[derive(Args)]
pub(crate) struct DiskArgs {
    /// The domain's name, id or UUID, also of one that does not run, or image:PATH
    pub domain: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// With image:PATH: the file that backs it, and the one that backs that, and so on; what a header names is not
    /// opened, as a guest could have written it
    #[arg(long, value_name = "FILE")]
    pub backing: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Packages {
    /// The domain's name, id or UUID, also of one that does not run, or image:PATH; * and ? stand for any text and any
    /// character of names
    pub domain: String,
    /// Only this package, by its name or that of its source, within a bound of its version: 'openssl<3.0.15' (Debian's
    /// order of versions)
    #[arg(long, value_name = "PACKAGE[<VERSION]")]
    pub has: Option<String>,
    /// Print a bill of materials
    #[arg(long, value_enum, value_name = "FORM", conflicts_with_all = ["json", "has"])]
    pub sbom: Option<SbomForm>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// With image:PATH: the file that backs it, and the one that backs that, and so on; what a header names is not
    /// opened, as a guest could have written it
    #[arg(long, value_name = "FILE")]
    pub backing: Vec<PathBuf>,
}

/// The forms of a bill of materials.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum SbomForm {
    /// CycloneDX 1.5, JSON
    Cyclonedx,
    /// SPDX 2.3, JSON
    Spdx,
}

#[derive(Args)]
pub(crate) struct Sha256 {
    /// The domain's name, id or UUID, also of one that does not run, or image:PATH
    pub domain: String,
    /// The path in the guest
    #[arg(value_hint = clap::ValueHint::Other)]
    pub path: PathBuf,
    /// Print JSON, a line for each file
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub disk: OnDisk,
}
