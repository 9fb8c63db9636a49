//! The command line.

use clap::{Args, Parser, Subcommand};
use nfm::Section;

/// See into running Linux guests from their host: no agent, nothing to configure.
///
/// A DOMAIN is libvirt's name, id or UUID of a running guest. Reading guest memory needs root or
/// CAP_SYS_PTRACE.
#[derive(Parser)]
#[command(name = "nfm", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    /// libvirt connection URI (default: libvirt's own choice, LIBVIRT_DEFAULT_URI first)
    #[arg(short, long, value_name = "URI", global = true)]
    pub connect: Option<String>,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Kept equal to `nfm::ErrorCode`, whose numbers these are; a test compares them.
pub(crate) const EXIT_STATUS: &str = "\
Exit status:
   0  success
   1  something failed that has no status of its own
   2  the arguments are wrong
   3  libvirt cannot be reached
   4  there is no such domain
   5  the domain is not running
   6  no permission to read the guest's memory
   7  the guest has not booted yet
   8  the guest runs no Linux that nfm can recognise
   9  the guest's kernel carries no usable BTF
  10  the guest's symbol table cannot be read
  11  the guest's hypervisor, architecture or memory is not supported
  12  the guest's RAM cannot be located
  13  the guest ended meanwhile
  14  a bug in nfm";

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// List domains
    List(List),
    /// Take one frame of a guest
    Crawl(Crawl),
    /// List a guest's processes
    Ps(Target),
    /// List a guest's kernel modules
    Lsmod(Target),
    /// Tell what can be read of a guest, how, and why not
    Doctor(Target),
}

#[derive(Args)]
pub(crate) struct List {
    /// Also domains that do not run
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct Target {
    /// The domain's name, id or UUID
    pub domain: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct Crawl {
    #[command(flatten)]
    pub target: Target,
    /// Only these sections of the frame
    #[arg(long, value_name = "SECTION,…", value_delimiter = ',', value_parser = section)]
    pub sections: Vec<Section>,
}

fn section(name: &str) -> Result<Section, String> {
    Section::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Section::ALL.iter().map(|section| section.name()).collect();
        format!("there is no such section; the sections are {}", names.join(", "))
    })
}
