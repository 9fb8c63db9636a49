//! `nfm top`: who uses the CPU, by the difference of two frames: on a screen, or printed.

mod feeds;
mod guests;
mod hosts;
mod print;
mod screen;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nfm::{ErrorCode, Frame, Section, SourceError};
use nfm_screens::GuestView;
use rustix::thread::CapabilitySet;

use super::{Frames, Verb, report};
use crate::Failure;
use crate::args::Top;
use crate::hosts::{Host, Hosts};
use crate::privileges;
use crate::show::complain;

/// Sections that a printed screen needs.
const SECTIONS: [Section; 5] =
    [Section::Os, Section::Cpus, Section::Memory, Section::Processes, Section::Host];
/// The same of frames that were recorded without the host's view.
const WITHOUT_HOST: &[Section] = &[Section::Os, Section::Cpus, Section::Memory, Section::Processes];

/// `nfm top`.
pub(crate) fn top(
    options: &nfm::OpenOptions,
    hosts: &Hosts,
    top: &Top,
    out: &mut dyn Write,
) -> Verb {
    let is_now = !top.when.is_recorded() && !guests::of_files(top);
    let chosen = if is_now { hosts.chosen(&top.domains)? } else { Vec::new() };
    let mut options = options.clone();
    let is_here = match &*chosen {
        [] => true,
        [(host, _)] => host.name.is_empty() && host.ssh()?.is_none(),
        _ => false,
    };
    if let [(host, _)] = &*chosen {
        options.uri.clone_from(&host.uri);
    }
    let options = &options;
    let is_for_people = !top.once && !top.json && !top.csv;
    let is_screen = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    // A terminal that can do nothing but print has what a pipe has.
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb" || term.is_empty());
    if is_for_people && is_screen && !is_dumb {
        return screen::show(options, &chosen, top);
    }
    if !is_here {
        return hosts::show(options, &chosen, top, out);
    }
    let mut printed = Printed::open(options, top)?;
    if top.once {
        printed.begin(true)?;
        printed.print(top, out)?;
        return printed.end();
    }
    // Recorded frames that nobody watches need no time between them.
    let is_paced = printed.guests.iter().any(|guest| guest.frames.is_live()) || is_screen;
    let interval = if is_paced { top.interval } else { Duration::ZERO };
    let mut at = Instant::now();
    printed.begin(false)?;
    loop {
        std::thread::sleep((at + interval).saturating_duration_since(Instant::now()));
        at = Instant::now();
        printed.step()?;
        if printed.guests.is_empty() {
            return printed.end();
        }
        printed.print(top, out)?;
    }
}

/// Gives up what looking at these hosts does not need: guests that start later are opened with what is kept, and the store is
/// read. A host that was lost is connected anew by ssh, which is a program.
fn give_up(hosts: &[(Host, Vec<String>)]) {
    let kept = CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
    match hosts.iter().any(|(host, _)| !matches!(host.ssh(), Ok(None))) {
        true => privileges::give_up_capabilities(kept),
        false => privileges::give_up_but(kept),
    }
}

/// A guest that is printed.
struct Guest {
    frames: Frames,
    sections: &'static [Section],
    view: Option<GuestView>,
}

impl Guest {
    /// A frame, without the host's view where that was not recorded.
    fn taken<T>(
        &mut self,
        take: impl Fn(&mut Frames, &[Section]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match take(&mut self.frames, self.sections) {
            Err(Failure::Frames(SourceError::NoSection { section: Section::Host, .. })) => {
                self.sections = WITHOUT_HOST;
                take(&mut self.frames, self.sections)
            }
            taken => taken,
        }
    }

    fn show(&mut self, frame: Frame) {
        report(&frame.consistency.problems);
        self.view = Some(match &self.view {
            Some(view) => view.next(frame),
            None => GuestView::first(frame),
        });
    }
}

/// Guests that are printed. Where several are, one that cannot be read is complained of and left out.
struct Printed {
    guests: Vec<Guest>,
    is_one: bool,
    interval: Duration,
    failed: Option<ErrorCode>,
}

impl Printed {
    fn open(options: &nfm::OpenOptions, top: &Top) -> Result<Self, Failure> {
        let names = guests::named(options, top)?;
        let is_one = guests::is_one(top);
        let mut printed = Self { guests: Vec::new(), is_one, interval: top.interval, failed: None };
        for name in names {
            match Frames::open_only(options, &name, &top.when) {
                Ok(frames) => {
                    printed.guests.push(Guest { frames, sections: &SECTIONS, view: None });
                }
                Err(failure) => printed.fail(failure)?,
            }
        }
        if printed.guests.iter().any(|guest| guest.frames.is_live()) {
            privileges::give_up();
        }
        Ok(printed)
    }

    fn fail(&mut self, failure: Failure) -> Result<(), Failure> {
        if self.is_one {
            return Err(failure);
        }
        let (code, sentence) = match failure {
            Failure::Nfm(error) => (error.code(), error.to_string()),
            Failure::Frames(error) => (ErrorCode::File, error.to_string()),
            other @ (Failure::Output(_) | Failure::Disk(..)) => return Err(other),
        };
        complain(sentence);
        self.failed = Some(code);
        Ok(())
    }

    /// Does something with each guest; those that fail or have no more are left out.
    fn each(
        &mut self,
        mut act: impl FnMut(&mut Guest) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        for mut guest in std::mem::take(&mut self.guests) {
            match act(&mut guest) {
                Ok(true) => self.guests.push(guest),
                Ok(false) => {}
                Err(failure) => self.fail(failure)?,
            }
        }
        Ok(())
    }

    /// Takes first frames; both of two if there are no more to come.
    fn begin(&mut self, both: bool) -> Result<(), Failure> {
        let interval = self.interval;
        self.each(|guest| {
            if both && !guest.frames.is_live() {
                let [earlier, later] = guest.taken(|frames, of| frames.two(of, interval))?;
                guest.view = Some(GuestView::first(earlier));
                guest.show(later);
            } else {
                let frame = guest.taken(|frames, of| frames.first(of))?;
                guest.view = Some(GuestView::first(frame));
            }
            Ok(true)
        })?;
        if both && self.guests.iter().any(|guest| guest.frames.is_live()) {
            std::thread::sleep(interval);
            self.each(|guest| if guest.frames.is_live() { guest.step() } else { Ok(true) })?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Failure> {
        self.each(Guest::step)
    }

    fn print(&self, top: &Top, out: &mut dyn Write) -> Result<(), Failure> {
        let shown = self.guests.iter().filter_map(|guest| {
            let (view, is_live) = (guest.view.as_ref()?, guest.frames.is_live());
            Some(print::Shown { host: "", view, is_live })
        });
        print::show(top, &shown.collect::<Vec<_>>(), out)
    }

    fn end(self) -> Verb {
        Ok(self.failed.map_or(ExitCode::SUCCESS, |code| ExitCode::from(code as u8)))
    }
}

impl Guest {
    /// Goes on to the next frame; false if there is none.
    fn step(&mut self) -> Result<bool, Failure> {
        let Some(view) = self.view.take() else { return Ok(false) };
        let next = self.taken(|frames, of| frames.next(view.frame(), of));
        self.view = Some(view);
        let Some(frame) = next? else { return Ok(false) };
        self.show(frame);
        Ok(true)
    }
}
