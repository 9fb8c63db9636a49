//! `nfm topology`: who talks to whom, over all guests.

mod check;
mod host;
mod json;
mod page;
mod recorded;
mod text;

use std::io::Write;
use std::process::ExitCode;

use nfm::{Frame, Libvirt, OpenOptions, Section};
use nfm_analysis::{
    GuestOfHost, HostNetworking, Level, NetworkDevice, Selection, Timeline, Topology,
    topology as topology_of,
};

use super::{Frames, Verb, json, report};
use crate::Failure;
use crate::args::{TopologyArgs, TopologyForm, TopologyLevel, When};
use crate::privileges;
use crate::show::complain;

/// The sections that it takes.
const SECTIONS: &[Section] = &[
    Section::Processes,
    Section::Interfaces,
    Section::Connections,
    Section::Neighbours,
    Section::Routes,
];

/// `nfm topology`: guests, networks and processes, and what leads from one to another.
pub(crate) fn topology(options: &OpenOptions, args: &TopologyArgs, out: &mut dyn Write) -> Verb {
    if args.check {
        return check::check(options, args, out);
    }
    let is_range = args.since.is_some() || args.until.is_some() || args.every.is_some();
    let level = match args.output {
        // The page has its own.
        TopologyForm::Html => Level::Process,
        _ => args.level.into(),
    };
    let selection = args.selection();
    let mut timeline = Timeline::default();
    let mut add = |time_ns, topology: &Topology| {
        timeline.push(time_ns, &topology.select(&selection).at_level(level));
    };
    if is_range {
        recorded::each_time(args, TIMES, |time_ns, frames| {
            let guests: Vec<GuestOfHost> = frames.iter().map(GuestOfHost::alone).collect();
            add(time_ns, &topology_of(&guests, &[]));
        })?;
    } else {
        let mut guests = Guests::open(options, args)?;
        let frames = guests.take()?;
        let time_ns = frames.iter().map(|taken| taken.frame.time_ns).max().unwrap_or(0);
        add(time_ns, &guests.topology(&frames));
        frames.iter().for_each(|taken| report(&taken.frame.consistency.problems));
    }
    if args.diff {
        return print_changes(args, out, &timeline);
    }
    match args.output {
        _ if args.json => json(out, &json::as_json(&timeline))?,
        TopologyForm::Table => text::as_table(out, &timeline)?,
        TopologyForm::Json => json(out, &json::as_json(&timeline))?,
        TopologyForm::Dot => out.write_all(text::dot(&timeline.topology).as_bytes())?,
        TopologyForm::Mermaid => out.write_all(text::mermaid(&timeline.topology).as_bytes())?,
        TopologyForm::Html => out.write_all(page::page(&timeline, args.level.into()).as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The edges that are there at the end and not at the beginning, or the other way round.
fn print_changes(args: &TopologyArgs, out: &mut dyn Write, timeline: &Timeline) -> Verb {
    match args.json || matches!(args.output, TopologyForm::Json) {
        true => json(out, &json::changes(timeline))?,
        false => text::changes(out, timeline)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// So many times of a range are looked at, if it is not said how many.
const TIMES: u64 = 60;

impl TopologyArgs {
    fn selection(&self) -> Selection {
        Selection { port: self.port, between: self.between.clone(), external: self.external }
    }
}

impl From<TopologyLevel> for Level {
    fn from(level: TopologyLevel) -> Self {
        match level {
            TopologyLevel::Host => Self::Host,
            TopologyLevel::Guest => Self::Guest,
            TopologyLevel::Container => Self::Container,
            TopologyLevel::Process => Self::Process,
        }
    }
}

fn is_file(domain: &str) -> bool {
    domain.starts_with("file:")
}

/// The guests that are looked at, and their hosts.
struct Guests {
    guests: Vec<Guest>,
    hosts: Vec<HostNetworking>,
    /// True if the user named them: each must be there.
    are_named: bool,
}

/// One of them.
struct Guest {
    frames: Frames,
    host: Option<String>,
    devices: Vec<NetworkDevice>,
}

/// A frame, and the place of its guest.
struct Taken {
    guest: usize,
    frame: Frame,
}

impl Guests {
    /// The domains that were named; else all that can be read.
    fn open(options: &OpenOptions, args: &TopologyArgs) -> Result<Self, Failure> {
        let are_named = !args.domains.is_empty();
        let is_recorded = args.at.is_some() || args.store.is_some();
        let is_libvirts = |domain: &String| !is_file(domain) && !domain.starts_with("qemu:");
        let has_devices = !is_recorded
            && !host::is_elsewhere(options)
            && (!are_named || args.domains.iter().any(is_libvirts));
        let libvirt = match has_devices {
            true => Some(Libvirt::open(options.uri.as_deref())?),
            false => None,
        };
        let domains = match are_named {
            true => args.domains.clone(),
            false => {
                let listed = Libvirt::open(options.uri.as_deref())?.list(false)?;
                listed.into_iter().map(|domain| domain.uuid).collect()
            }
        };
        let own_host = host::name(options);
        let mut guests = Vec::new();
        for domain in domains {
            let when = When { at: args.at, store: args.store.clone(), ..When::default() };
            let frames = match Frames::open_only(options, &domain, &when) {
                Ok(frames) => frames,
                Err(Failure::Nfm(error)) if !are_named => {
                    complain(&error);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let host = own_host.clone().filter(|_| !is_recorded && !is_file(&domain));
            let devices = match &libvirt {
                Some(libvirt) if is_libvirts(&domain) => host::devices(libvirt, &domain),
                _ => Vec::new(),
            };
            guests.push(Guest { frames, host, devices });
        }
        let hosts = own_host.iter().filter(|_| libvirt.is_some());
        let hosts = hosts.map(|name| host::networking(name)).collect();
        if guests.iter().any(|guest| guest.frames.is_live()) {
            privileges::give_up();
        }
        Ok(Self { guests, hosts, are_named })
    }

    /// The frames after others, where there are such.
    fn next(&mut self, before: &[Taken]) -> Result<Vec<Taken>, Failure> {
        let mut taken = Vec::new();
        for Taken { guest: place, frame } in before {
            let Some(guest) = self.guests.get_mut(*place) else { continue };
            let next = guest.frames.next(frame, SECTIONS);
            match next {
                Ok(frame) => taken.extend(frame.map(|frame| Taken { guest: *place, frame })),
                Err(Failure::Nfm(error)) if !self.are_named => complain(&error),
                Err(failure) => return Err(failure),
            }
        }
        Ok(taken)
    }

    /// A frame of each guest.
    fn take(&mut self) -> Result<Vec<Taken>, Failure> {
        let mut taken = Vec::new();
        for (place, guest) in self.guests.iter_mut().enumerate() {
            match guest.frames.latest(SECTIONS) {
                Ok(frame) => taken.push(Taken { guest: place, frame }),
                Err(Failure::Nfm(error)) if !self.are_named => complain(&error),
                Err(failure) => return Err(failure),
            }
        }
        Ok(taken)
    }

    /// Frames with their hosts' side.
    fn of_hosts<'a>(&'a self, frames: &'a [Taken]) -> Vec<GuestOfHost<'a>> {
        let with_host = |taken: &'a Taken| {
            let guest = self.guests.get(taken.guest)?;
            let (host, devices) = (guest.host.as_deref(), guest.devices.as_slice());
            Some(GuestOfHost { host, frame: &taken.frame, devices })
        };
        frames.iter().filter_map(with_host).collect()
    }

    fn topology(&self, frames: &[Taken]) -> Topology {
        topology_of(&self.of_hosts(frames), &self.hosts)
    }
}
