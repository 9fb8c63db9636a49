//! The sources of the screen: living guests, files of frames, the store.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nfm::{At, DomainIdentity, Frame, FrameLines, FrameSource, OpenOptions, Section, SourceError};
use nfm_screens::{Clock, Feed, Finder, Options, Sources, Way};
use nfm_store::Store;
use signal_hook::consts::{SIGHUP, SIGTERM};

use super::super::recorded::{open_store, time_of};
use super::super::{Verb, recorded};
use super::{feeds, guests};
use crate::Failure;
use crate::args::Top;
use crate::hosts::{Host, connect, is_pattern};
use crate::show::complain;
use crate::time::{FORMS, Moment, moment, shown};

/// The time from one look at which guests were recorded to the next.
const LISTING: Duration = Duration::from_secs(10);

/// The exit status of a screen that a signal ended, as shells have it.
const ENDED: u8 = 128 + SIGTERM as u8;

/// Shows the screen until it is closed.
pub(super) fn show(options: &OpenOptions, hosts: &[(Host, Vec<String>)], top: &Top) -> Verb {
    let damage = Damage::default();
    let mut times = Times::default();
    let mut sources = Sources::default();
    if guests::of_files(top) {
        let mut files = Files::open(&top.domains)?;
        times = Times { at: files.first_ns(), until: None, plays: true };
        let mut files = Some(files);
        sources.recorded = Some(Feed {
            host: String::new(),
            name: String::new(),
            way: Way::Asked(Box::new(move || Ok(files.take().map(|files| Box::new(files) as _)))),
        });
    } else if let Some(file) = top.domains.iter().find(|name| recorded(name).is_some()) {
        let reason = "frames of files are shown beside those of other files alone".to_owned();
        return Err(SourceError::File { path: file.clone(), reason }.into());
    } else {
        let (folder, patterns) = (top.when.folder(), top.domains.clone());
        if top.when.is_recorded() {
            times = Times::of_store(&folder, top)?;
        } else {
            sources.find = Some(living(options, hosts, top)?);
        }
        if sources.find.is_none() || open_store(&folder).is_ok() {
            let damage = damage.clone();
            let open = move || {
                let (stores, listed) = (HashMap::new(), None);
                let (folder, patterns, damage) = (folder.clone(), patterns.clone(), damage.clone());
                let recordings = Recordings { folder, patterns, stores, listed, damage };
                Ok(Some(Box::new(recordings) as Box<dyn FrameSource>))
            };
            let (host, name) = (String::new(), String::new());
            sources.recorded = Some(Feed { host, name, way: Way::Asked(Box::new(open)) });
        }
    }
    super::give_up(hosts);
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let options = Options {
        interval: top.when.every.unwrap_or(top.interval),
        has_live: sources.find.is_some(),
        has_recorded: sources.recorded.is_some(),
        at_ns: times.at,
        plays: times.plays,
        until_ns: times.until,
        no_color: is_set("NO_COLOR"),
        is_ascii: !is_utf8(),
    };
    let parse = |text: &str| match moment(text) {
        Ok(Moment::Time(time)) => Some(time),
        _ => None,
    };
    let ended = sources.ended.clone();
    for signal in [SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, ended.clone())?;
    }
    nfm_screens::run(sources, options, Clock { parse, forms: FORMS, show: shown })?;
    damage.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(complain);
    if ended.load(Ordering::Relaxed) {
        return Ok(ExitCode::from(ENDED));
    }
    Ok(ExitCode::SUCCESS)
}

/// True if the terminal's characters are Unicode's, by the locale (setlocale(3)).
fn is_utf8() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let mut set = names.iter().filter_map(|name| std::env::var(name).ok());
    let locale = set.find(|value| !value.is_empty()).unwrap_or_default().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// The sources of living guests. Before there is a screen it is told that nothing can be listed, and why the one guest that is
/// named cannot be opened.
fn living(
    options: &OpenOptions,
    hosts: &[(Host, Vec<String>)],
    top: &Top,
) -> Result<Finder, Failure> {
    if let [(host, patterns)] = hosts {
        match (&**patterns, host.ssh()?) {
            ([one], Some(ssh)) if !is_pattern(one) => {
                connect(&ssh)?.live_frame(one, &[], None)?;
            }
            (_, Some(ssh)) => drop(connect(&ssh)?),
            ([one], None) if guests::is_one(top) => {
                feeds::opened(one, options, &top.when.live)?;
            }
            (_, None) => {
                guests::named(options, top)?;
            }
        }
    }
    feeds::finder(options, hosts, top)
}

/// The times that are asked for, nanoseconds since 1970.
#[derive(Default)]
struct Times {
    at: Option<u64>,
    until: Option<u64>,
    plays: bool,
}

impl Times {
    /// The times that are asked for. That there is no store, or nothing of then, is told before there is a screen.
    fn of_store(folder: &Path, top: &Top) -> Result<Self, Failure> {
        let mut store = open_store(folder)?;
        let names = guests::named(&OpenOptions::default(), top)?;
        let mut time = |moment: Option<Moment>| match (moment, &*names) {
            (None, _) => Ok::<_, Failure>(None),
            (Some(Moment::Time(time)), _) => Ok(Some(time)),
            (Some(number), [name]) => time_of(&mut store, name, number).map(Some),
            (Some(Moment::Number(_)), _) => {
                let reason = "a frame's number is of one guest: name it".to_owned();
                Err(SourceError::NoFrame { reason }.into())
            }
        };
        let (at, since) = (time(top.when.at)?, time(top.when.since)?);
        let until = time(top.when.until)?;
        let plays = top.when.is_range();
        let first = match plays {
            true => At::After(since.unwrap_or(0)),
            false => at.map_or(At::Latest, At::Before),
        };
        let mut found: Option<u64> = None;
        let mut missing = None;
        for name in &names {
            match store.frame(name, first, &[]) {
                Ok(frame) => {
                    let time = Some(frame.time_ns);
                    found =
                        if plays && found.is_some() { found.min(time) } else { found.max(time) };
                }
                Err(error) => missing = Some(error),
            }
        }
        match (found, missing) {
            (None, Some(error)) => Err(error.into()),
            (found, _) => Ok(Self { at: at.or(found), until, plays }),
        }
    }
}

/// Damage that was met, to be told once the screen is closed.
type Damage = Arc<Mutex<Vec<String>>>;

/// Files of frames, as one source.
struct Files {
    files: Vec<FrameLines>,
}

impl Files {
    fn open(names: &[String]) -> Result<Self, Failure> {
        let paths = names.iter().filter_map(|name| recorded(name));
        let files = paths.map(FrameLines::open).collect::<Result<_, _>>()?;
        Ok(Self { files })
    }

    /// The time of the first frame.
    fn first_ns(&mut self) -> Option<u64> {
        let mut first: Option<u64> = None;
        for file in &mut self.files {
            for domain in file.domains().unwrap_or_default() {
                let frame = file.frame(&domain.name, At::After(0), &[]);
                let time = frame.ok().map(|frame| frame.time_ns);
                first = [first, time].into_iter().flatten().min();
            }
        }
        first
    }

    fn of(&mut self, domain: &str) -> Result<&mut FrameLines, SourceError> {
        let mut known = Vec::new();
        let mut found = None;
        for (index, file) in self.files.iter_mut().enumerate() {
            let domains = file.domains()?;
            let is_it =
                |one: &DomainIdentity| one.name == domain || one.uuid.as_deref() == Some(domain);
            if domains.iter().any(is_it) {
                found = Some(index);
            }
            known.extend(domains.into_iter().map(|one| one.name));
        }
        found
            .and_then(|index| self.files.get_mut(index))
            .ok_or_else(|| SourceError::NoSuchDomain { domain: domain.to_owned(), known })
    }
}

impl FrameSource for Files {
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        let mut all = Vec::new();
        for file in &mut self.files {
            all.extend(file.domains()?);
        }
        Ok(all)
    }

    fn is_live(&self) -> bool {
        false
    }

    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError> {
        self.of(domain)?.frame(domain, at, sections)
    }

    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError> {
        self.of(&after.domain.name)?.next(after, sections)
    }
}

/// The guests of a store that are asked for. Each has a [`Store`] of its own, which keeps in mind where it was last.
struct Recordings {
    folder: PathBuf,
    patterns: Vec<String>,
    stores: HashMap<String, Store>,
    /// The guests, and when they were listed.
    listed: Option<(Instant, Vec<DomainIdentity>)>,
    damage: Damage,
}

impl Recordings {
    fn note_damage(&mut self, damage: Vec<String>) {
        let mut all = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(damage);
        all.dedup();
    }

    fn act<T>(
        &mut self,
        domain: &str,
        act: impl FnOnce(&mut Store) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let store = match self.stores.entry(domain.to_owned()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Store::open(&self.folder)?)
            }
        };
        let done = act(store);
        let damage = store.take_damage();
        self.note_damage(damage);
        done
    }
}

impl FrameSource for Recordings {
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        if let Some((then, domains)) = &self.listed
            && then.elapsed() < LISTING
        {
            return Ok(domains.clone());
        }
        let mut store = Store::open(&self.folder)?;
        let mut domains = store.domains()?;
        let damage = store.take_damage();
        self.note_damage(damage);
        domains.retain(|one| guests::is_chosen(&self.patterns, &one.name, one.uuid.as_deref()));
        domains.sort_by(|one, other| one.name.cmp(&other.name));
        domains.dedup_by(|one, other| one.name == other.name);
        self.listed = Some((Instant::now(), domains.clone()));
        Ok(domains)
    }

    fn is_live(&self) -> bool {
        false
    }

    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError> {
        self.act(domain, |store| store.frame(domain, at, sections))
    }

    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError> {
        self.act(&after.domain.name, |store| store.next(after, sections))
    }
}
