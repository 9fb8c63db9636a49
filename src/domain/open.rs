//! From a domain's name to its kernel: the source is found, and the ways its memory may be laid out
//! are held against the memory itself.

use super::backend::BackendSource;
use super::options::OpenOptions;
use super::qemu::QemuGuest;
use super::source::Source;
use crate::crawl::{Context, Details, firmware_ram};
use crate::error::{Error, Result};
use crate::kernel::{DiscoveryError, Kernel, Wanted};
use crate::layout::{Layout, Symbols};
use crate::memory::{GuestRam, PhysicalMemory};
use crate::paging::AddressSpace;
use crate::resolve::{DomainState, Libvirt};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// A guest that has touched less than this runs no operating system yet.
const FIRMWARE_TOUCHES: u64 = 48 * MIB;

/// The guest of this name, id or UUID.
pub(super) fn find_source(domain: &str, options: &OpenOptions) -> Result<Box<dyn Source>> {
    let connection = Libvirt::open(options.uri.as_deref())?;
    let definition = connection.find(domain)?;
    let summary = &definition.summary;
    if summary.state == DomainState::ShutOff || summary.id.is_none() {
        let state = DomainState::ShutOff.name();
        return Err(Error::NotRunning { domain: summary.name.clone(), state });
    }
    match definition.driver.as_str() {
        "QEMU" => Ok(Box::new(QemuGuest::find(&definition, connection.uri())?)),
        _ => Ok(Box::new(BackendSource::find(&definition, connection.uri())?)),
    }
}

/// A guest's memory, and the kernel that was found in it.
pub(super) struct Found {
    pub ram: GuestRam,
    pub kernel: Kernel,
    pub layout: Layout,
}

/// Holds the ways in which a source's memory may be laid out against the memory: the one is taken
/// under which a kernel is found whose own map of RAM agrees with it.
pub(super) fn find_kernel(source: &dyn Source, options: &OpenOptions) -> Result<Found> {
    let domain = source.identity().name.as_str();
    let no_memory =
        |reason| Error::NoMemory { domain: domain.to_owned(), place: source.place(), reason };
    let types = Layout::type_names();
    let wanted = Wanted { symbols: Symbols::NAMES, types: &types };
    let mut failure = None;
    for layout in 0..source.layouts() {
        let ram = GuestRam::new(source.memory(layout)?);
        ram.begin_frame(None, options.control.clone());
        match Kernel::discover(&ram, &wanted) {
            Ok(kernel) => {
                let layout = Layout::compile(&kernel.types, |name| kernel.symbol(name));
                match disagreement(&ram, &kernel, &layout) {
                    None => {
                        let symbols = kernel.symbols;
                        tracing::debug!(release = ?kernel.release, symbols, "the kernel was found");
                        return Ok(Found { ram, kernel, layout });
                    }
                    Some(reason) => failure = Some(no_memory(reason)),
                }
            }
            Err(DiscoveryError::NoKernel) => {
                failure.get_or_insert_with(|| no_kernel(ram.memory(), domain));
            }
            // A kernel that is there but not usable says more than a layout without any.
            Err(error) => failure = Some(unusable(error, domain)),
        }
    }
    Err(failure.unwrap_or_else(|| no_memory("its definition allows no layout".to_owned())))
}

/// How firmware's map of RAM, as the kernel holds it, contradicts the layout under which it was found.
fn disagreement(ram: &GuestRam, kernel: &Kernel, layout: &Layout) -> Option<String> {
    let blocks = ram.memory().ram();
    if blocks.is_empty() {
        return None;
    }
    let space = AddressSpace::new(ram, kernel.image.root, kernel.image.levels);
    let firmware = firmware_ram(&Context::new(&space, kernel, layout, Details::default())).ok()?;
    let inside = |(start, length): &(u64, u64)| {
        blocks.iter().any(|(first, bytes)| {
            start >= first && start.saturating_add(*length) <= first.saturating_add(*bytes)
        })
    };
    if let Some((start, length)) = firmware.iter().find(|run| !inside(run)) {
        return Some(format!("the guest has {length} bytes of RAM at {start:#x}, the layout not"));
    }
    let end_above = |runs: &[(u64, u64)]| {
        runs.iter().filter(|(start, _)| *start == 4 * GIB).map(|(_, length)| *length).max()
    };
    (end_above(&firmware) < end_above(&blocks).filter(|_| !firmware.is_empty()))
        .then(|| "the layout has more RAM above 4 GiB than the guest knows of".to_owned())
}

/// Firmware, or another operating system: by how much memory the guest has touched.
fn no_kernel(memory: &dyn PhysicalMemory, domain: &str) -> Error {
    let domain = domain.to_owned();
    match memory.residency().map(|held| held.resident.saturating_add(held.swapped)) {
        Some(bytes) if bytes < FIRMWARE_TOUCHES => Error::NotBooted {
            domain,
            evidence: format!("{} MiB of its RAM were ever used", bytes.div_ceil(MIB)),
        },
        touched => Error::NotLinux {
            domain,
            evidence: match touched {
                Some(bytes) => {
                    format!("{} MiB of its RAM are in use", bytes.div_ceil(MIB))
                        + ", but no page table maps a kernel"
                }
                None => "no page table maps a kernel".to_owned(),
            },
        },
    }
}

fn unusable(error: DiscoveryError, domain: &str) -> Error {
    let domain = domain.to_owned();
    match error {
        DiscoveryError::NoKernel | DiscoveryError::NotLinux => Error::NotLinux {
            domain,
            evidence: "a kernel is mapped, but it does not call itself Linux".to_owned(),
        },
        DiscoveryError::NoSymbols(reason) => Error::NoSymbols { domain, reason },
        DiscoveryError::NoTypes { release, reason } => Error::NoTypes {
            domain,
            release: release.unwrap_or_else(|| "unknown release".to_owned()),
            reason,
        },
    }
}
