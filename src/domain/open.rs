//! From a domain's name to its kernel: the source is found, and the ways its memory may be laid out
//! are held against the memory itself.

use std::time::Instant;

use super::backend::BackendSource;
use super::file::{self, FileGuest};
use super::fit::{
    Candidates, misfit_of_image, misfit_of_kernel, misfit_of_low_memory, misfit_of_root,
};
use super::options::OpenOptions;
use super::qemu::QemuGuest;
use super::source::Source;
use crate::crawl::{Boot, Firmware, FrameCache, Reader};
use crate::error::{Error, Result};
use crate::kernel::{
    DiscoveryError, Kernel, KernelImage, NamesNeeded, Profile, Recorder, Sources, Store, was_loaded,
};
use crate::layout::{Layout, Symbols};
use crate::memory::{GuestRam, Limit, PhysicalMemory};
use crate::paging::AddressSpace;
use crate::resolve::{DomainDefinition, DomainState, DomainSummary, Libvirt, QEMU_PREFIX};

const MIB: u64 = 1 << 20;
/// A guest that has touched less than this runs no operating system yet.
const FIRMWARE_TOUCHES: u64 = 48 * MIB;

/// The guest of this name, id or UUID, or the file of that URI.
pub(super) fn find_source(domain: &str, options: &OpenOptions) -> Result<Box<dyn Source>> {
    if domain.starts_with(file::PREFIX) {
        return Ok(Box::new(FileGuest::open(domain)?));
    }
    if let Some(pid) = domain.strip_prefix(QEMU_PREFIX) {
        let pid = pid.parse().ok().filter(|pid| *pid > 0).ok_or_else(|| {
            let words = format!("'{domain}' names no process: qemu: and a process id does");
            Error::InvalidArgument(words)
        })?;
        return Ok(Box::new(QemuGuest::of_pid(pid)?));
    }
    let connection = options.libvirt()?;
    let definition = connection.find(domain)?;
    let summary = &definition.summary;
    if summary.state == DomainState::ShutOff || summary.id.is_none() {
        let state = DomainState::ShutOff.name();
        return Err(Error::NotRunning { domain: summary.name.clone(), state });
    }
    match definition.driver.as_str() {
        "QEMU" => match QemuGuest::find(&definition, &connection) {
            Ok(guest) => Ok(Box::new(guest)),
            Err(error) => Err(in_between(error, &definition, &connection)),
        },
        _ => Ok(Box::new(BackendSource::find(&definition, &connection)?)),
    }
}

/// A guest whose process cannot be found, or read, may only just begin or end.
fn in_between(error: Error, definition: &DomainDefinition, libvirt: &Libvirt) -> Error {
    let DomainSummary { id, name, uuid, .. } = &definition.summary;
    if definition.arriving {
        return arriving(name);
    }
    match libvirt.find(uuid) {
        Ok(now) if now.arriving => arriving(name),
        Ok(now) if now.summary.id == *id => error,
        Ok(_) | Err(Error::NoSuchDomain { .. } | Error::Gone { .. }) => {
            Error::Gone { domain: name.clone() }
        }
        Err(_) => error,
    }
}

fn arriving(domain: &str) -> Error {
    let evidence = "its hypervisor is being started, or its memory comes from elsewhere".to_owned();
    Error::NotBooted { domain: domain.to_owned(), evidence }
}

/// True if a kernel was loaded that may come up yet.
fn is_booting(source: &dyn Source) -> bool {
    source.taken().is_none() && source.memory(0).is_ok_and(|memory| was_loaded(memory.as_ref()))
}

/// Finds the kernel of a guest that was just found.
pub(super) fn find_first_kernel(source: &dyn Source, options: &OpenOptions) -> Result<Found> {
    find_kernel(source, options).map_err(|error| {
        let domain = &source.identity().name;
        match error {
            Error::TimeLimit { .. } | Error::Cancelled { .. } => error,
            // Memory of a guest that ends may hold anything.
            _ if source.ending() => Error::Gone { domain: domain.clone() },
            _ if source.arriving() => arriving(domain),
            Error::NotLinux { .. } if is_booting(source) => Error::NotBooted {
                domain: domain.clone(),
                evidence: "a Linux kernel was loaded, and has not set up its memory".to_owned(),
            },
            _ => error,
        }
    })
}

/// A guest's memory, and the kernel that was found in it.
pub(super) struct Found {
    pub ram: GuestRam,
    /// In which of its source's ways the memory is laid out.
    pub ram_layout: usize,
    pub kernel: Kernel,
    pub layout: Layout,
    pub boot: Boot,
    pub reuse: FrameCache,
}

impl Found {
    /// All that is known of the kernel; `None` where it has no build id to be told by.
    pub fn profile(&self) -> Option<Profile> {
        let types = Layout::type_names();
        let facts = Recorder::answers(self.kernel.types(), &|types| {
            Layout::compile(types, |_| None);
        });
        let wanted = NamesNeeded { symbols: Symbols::NAMES, types: &types };
        self.kernel.profile(&wanted, facts)
    }

    fn learn_drivers(&self) {
        let space = AddressSpace::new(&self.ram, self.kernel.image.root, self.kernel.image.levels);
        Reader::new(&space, &self.kernel, &self.layout).learn_drivers();
    }

    /// Caches what is known of the kernel.
    pub fn keep(&self, store: &Store) {
        if store.cache.is_some()
            && self.kernel.is_proven()
            && let Some(profile) = self.profile()
        {
            store.keep(&profile);
        }
    }
}

/// Holds the ways in which a source's memory may be laid out against the memory: the one is taken
/// under which a kernel is found whose own map of RAM agrees with it.
pub(super) fn find_kernel(source: &dyn Source, options: &OpenOptions) -> Result<Found> {
    let domain = source.identity().name.as_str();
    let types = Layout::type_names();
    let wanted = NamesNeeded { symbols: Symbols::NAMES, types: &types };
    let limits = options.limits(Instant::now());
    let sources = options.sources(source.identity());
    let (mut contradiction, mut failure) = (None, None);
    let mut best: Option<Found> = None;
    let mut candidates = Candidates::new(source);
    while let Some(ram_layout) = candidates.next() {
        let memory = || -> Result<GuestRam> {
            let ram = GuestRam::new(source.memory(ram_layout)?, options.optimizations);
            ram.begin_frame(0, limits, options.control.clone());
            Ok(ram)
        };
        let in_time = |ram: &GuestRam| match ram.budget().reached() {
            Some(Limit::Time) => {
                let seconds = options.time_limit.as_secs_f64();
                Err(Error::TimeLimit { domain: domain.to_owned(), seconds })
            }
            _ => Ok(()),
        };
        let ram = memory()?;
        let firmware = Firmware::note(ram.memory());
        let images = KernelImage::find_all(&ram, source.page_table());
        in_time(&ram)?;
        if images.is_empty() {
            failure.get_or_insert_with(|| no_kernel(ram.memory(), source));
            if let Some(misfit) = misfit_of_low_memory(source, &ram) {
                candidates.add(ram_layout, &misfit);
                contradiction.get_or_insert(source.no_memory(misfit.reason));
            }
        }
        for image in images {
            let ram = memory()?;
            let mut misfit = misfit_of_root(source, &ram, &image);
            let known = match &misfit {
                Some(_) => None,
                None => Some(know(&ram, image.clone(), &wanted, &sources)),
            };
            in_time(&ram)?;
            misfit = misfit.or_else(|| match known.as_ref()? {
                Ok((kernel, layout)) => misfit_of_kernel(source, &ram, kernel, layout),
                Err(_) => misfit_of_image(source, &ram, &image),
            });
            if let Some(misfit) = misfit {
                tracing::debug!(ram_layout, misfit.reason, "a layout that does not fit");
                candidates.add(ram_layout, &misfit);
                contradiction.get_or_insert(source.no_memory(misfit.reason));
                continue;
            }
            let (kernel, layout) = match known {
                Some(Ok(known)) => known,
                // A kernel that is there but not usable says more than a layout without any.
                Some(Err(error)) => {
                    failure = Some(unusable(error, domain));
                    continue;
                }
                None => continue,
            };
            let boot = Boot::note(&ram, &kernel, &layout, &firmware);
            if best.as_ref().is_none_or(|best| best.boot.rank() < boot.rank()) {
                let reuse = FrameCache::default();
                best = Some(Found { ram, ram_layout, kernel, layout, boot, reuse });
            }
        }
        if let Some(found) = best {
            if sources.store.cache.is_some() {
                found.learn_drivers();
            }
            if !found.kernel.is_recalled() || found.kernel.has_learned() {
                found.keep(&sources.store);
            }
            let (release, symbols) = (&found.kernel.release, found.kernel.symbols);
            tracing::debug!(?release, symbols, "the kernel was found");
            found.ram.end_frame();
            return Ok(found);
        }
    }
    // A guest that contradicts a layout says more than that under another one there is less.
    Err(contradiction
        .or(failure)
        .unwrap_or_else(|| source.no_memory("its definition allows no layout".to_owned())))
}

/// The kernel in a memory, recalled if its profile is at hand, else discovered.
fn know(
    ram: &GuestRam,
    image: KernelImage,
    wanted: &NamesNeeded,
    sources: &Sources,
) -> Result<(Kernel, Layout), DiscoveryError> {
    let compile = |kernel: &Kernel| Layout::compile(kernel.types(), |name| kernel.symbol(name));
    let recalled = Kernel::recall(ram, &image, wanted, sources).map(|kernel| {
        let layout = compile(&kernel);
        (kernel, layout)
    });
    match recalled {
        Some((kernel, layout)) if kernel.has_answered() => Ok((kernel, layout)),
        // Questions that an older nfm did not ask are asked of the guest; where that tells nothing, the old profile
        // tells the most.
        recalled => match Kernel::discover(ram, image, wanted, sources) {
            Ok(kernel) => {
                let layout = compile(&kernel);
                Ok((kernel, layout))
            }
            Err(error) => recalled.ok_or(error),
        },
    }
}

/// Firmware, or another operating system: by how much memory the guest has touched.
fn no_kernel(memory: &dyn PhysicalMemory, source: &dyn Source) -> Error {
    let domain = source.identity().name.clone();
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
                None => format!("no page table in {} maps a kernel", source.place()),
            },
        },
    }
}

fn unusable(error: DiscoveryError, domain: &str) -> Error {
    let domain = domain.to_owned();
    let unknown = || "unknown release".to_owned();
    match error {
        DiscoveryError::NotLinux => Error::NotLinux {
            domain,
            evidence: "a kernel is mapped, but it does not call itself Linux".to_owned(),
        },
        DiscoveryError::NoSymbols(reason) => Error::NoSymbols { domain, reason },
        DiscoveryError::BadFile { path, reason } => {
            Error::BadFile { path: path.display().to_string(), reason }
        }
        DiscoveryError::Mismatch { path, reason } => {
            Error::Mismatch { domain, path: path.display().to_string(), reason }
        }
        DiscoveryError::NoTypes { release, reason } => {
            Error::NoTypes { domain, release: release.unwrap_or_else(unknown), reason }
        }
        DiscoveryError::WrongTypes { release, reason } => {
            Error::WrongTypes { domain, release: release.unwrap_or_else(unknown), reason }
        }
    }
}
