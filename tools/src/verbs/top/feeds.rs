//! The living guests of hosts: each recorder is followed over one connection, and guests that it lacks are read here.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nfm::{
    CrawlOptions, Domain, DomainIdentity, ErrorCode, Frame, FrameSource, LiveFrames, OpenOptions,
    Section, SourceError,
};
use nfm_live::{Followed, Following, LiveConnection, LiveError};
use nfm_screens::{Feed, Finder, FrameStream, StreamNews, Way as FeedWay};

use super::super::guests_of_this_host;
use super::super::live::{Way, reason, recorder_here, way};
use super::guests;
use crate::Failure;
use crate::args::Top;
use crate::hosts::{Host, connect, is_pattern};
use crate::record_args::Live;

/// The guests whose memory is read here, by name: the recorder's frames of them are left out.
type ReadHere = Arc<Mutex<HashSet<String>>>;

fn lock(read_here: &ReadHere) -> MutexGuard<'_, HashSet<String>> {
    read_here.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names the sources of the guests of these hosts, again and again.
pub(super) fn finder(
    options: &OpenOptions,
    hosts: &[(Host, Vec<String>)],
    top: &Top,
) -> Result<Finder, Failure> {
    let mut finders: Vec<Finder> = Vec::new();
    for (host, patterns) in hosts {
        finders.push(match host.ssh()? {
            Some(ssh) => {
                let (name, patterns) = (host.name.clone(), patterns.clone());
                Box::new(move || {
                    let (ssh, patterns) = (ssh.clone(), patterns.clone());
                    let open = move |sections: &[Section]| {
                        let recorder = connect(&ssh)?;
                        Recorder::follow(recorder, &patterns, sections, ReadHere::default())
                            .map(Some)
                    };
                    let way = FeedWay::Followed(Box::new(open));
                    Ok(vec![Feed { host: name.clone(), name: String::new(), way }])
                })
            }
            None => {
                let mut options = options.clone();
                options.uri.clone_from(&host.uri);
                let here = Here {
                    host: host.name.clone(),
                    patterns: patterns.clone(),
                    options,
                    live: top.when.live.clone(),
                    read_here: ReadHere::default(),
                };
                Box::new(move || here.feeds())
            }
        });
    }
    Ok(Box::new(move || {
        let mut all = Vec::new();
        for find in &mut finders {
            all.extend(find()?);
        }
        Ok(all)
    }))
}

/// This host's guests that are asked for.
struct Here {
    host: String,
    patterns: Vec<String>,
    options: OpenOptions,
    live: Live,
    read_here: ReadHere,
}

impl Here {
    fn feeds(&self) -> Result<Vec<Feed>, SourceError> {
        let running = guests_of_this_host(self.options.uri.as_deref())?;
        let is_chosen = |one: &DomainIdentity, patterns: &[String]| {
            guests::is_chosen(patterns, &one.name, one.uuid.as_deref())
        };
        let chosen = running.iter().filter(|one| is_chosen(one, &self.patterns));
        let mut names: Vec<String> = chosen.map(|one| one.name.clone()).collect();
        // An id, or qemu:PID of a guest that libvirt knows by another name.
        let is_known =
            |name: &String| running.iter().any(|one| is_chosen(one, std::slice::from_ref(name)));
        let unknown = self.patterns.iter().filter(|name| !is_pattern(name) && !is_known(name));
        names.extend(unknown.cloned());
        let served = self.served();
        let is_served = served.iter().any(|name| names.contains(name));
        let read_here = lock(&self.read_here).clone();
        names.retain(|name| read_here.contains(name) || !served.contains(name));
        let mut feeds: Vec<Feed> = names.into_iter().map(|name| self.feed(name)).collect();
        if is_served {
            feeds.push(self.recorder());
        }
        Ok(feeds)
    }

    /// The names of the guests that this host's recorder has.
    fn served(&self) -> HashSet<String> {
        let recorder = recorder_here(&self.options, &self.live);
        let domains = recorder.and_then(|one| one.ok()?.live_domains().ok()).unwrap_or_default();
        domains.into_iter().map(|one| one.domain.name).collect()
    }

    /// The recorder's guests, until it ends.
    fn recorder(&self) -> Feed {
        let (socket, patterns) = (self.live.socket.clone(), self.patterns.clone());
        let read_here = self.read_here.clone();
        let open =
            move |sections: &[Section]| followed_here(&socket, &patterns, sections, &read_here);
        let way = FeedWay::Followed(Box::new(open));
        Feed { host: self.host.clone(), name: String::new(), way }
    }

    /// A guest that is read here.
    fn feed(&self, name: String) -> Feed {
        let (options, live) = (self.options.clone(), self.live.clone());
        let (domain, read_here) = (name.clone(), self.read_here.clone());
        let open = move || {
            lock(&read_here).remove(&domain);
            match opened(&domain, &options, &live) {
                // The recorder has it by now.
                Ok(None) => Ok(None),
                Ok(Some(frames)) => {
                    lock(&read_here).insert(domain.clone());
                    Ok(Some(frames))
                }
                Err(Failure::Nfm(error)) => match error.code() {
                    ErrorCode::NoSuchDomain | ErrorCode::NotRunning | ErrorCode::Gone => Ok(None),
                    _ => Err(Failure::Nfm(error).into()),
                },
                Err(failure) => Err(failure.into()),
            }
        };
        Feed { host: self.host.clone(), name, way: FeedWay::Asked(Box::new(open)) }
    }
}

/// The frames of a living guest by its memory; `None` if the recorder gives them.
pub(super) fn opened(
    name: &str,
    options: &OpenOptions,
    live: &Live,
) -> Result<Option<Box<dyn FrameSource>>, Failure> {
    let unserved = match way(options, name, live)? {
        Way::Recorder(_) => return Ok(None),
        Way::Memory(unserved) => unserved,
    };
    match Domain::open(name, options) {
        Ok(domain) => Ok(Some(Box::new(LiveFrames::new(domain, CrawlOptions::default())))),
        Err(error) => Err(reason(error.into(), unserved)),
    }
}

/// Follows this host's recorder; `None` if there is none any more.
fn followed_here(
    socket: &Path,
    patterns: &[String],
    sections: &[Section],
    read_here: &ReadHere,
) -> Result<Option<Box<dyn FrameStream>>, SourceError> {
    let recorder = match LiveConnection::unix(socket) {
        Err(LiveError::NotThere { .. }) => return Ok(None),
        recorder => recorder?,
    };
    Recorder::follow(recorder, patterns, sections, read_here.clone()).map(Some)
}

/// The guests of a recorder that is followed.
struct Recorder {
    following: Following,
    patterns: Vec<String>,
    /// The guests that there were at the beginning, until they are told.
    first: Option<Vec<(String, Option<String>)>>,
    read_here: ReadHere,
}

impl Recorder {
    fn follow(
        mut recorder: LiveConnection,
        patterns: &[String],
        sections: &[Section],
        read_here: ReadHere,
    ) -> Result<Box<dyn FrameStream>, SourceError> {
        let domains = recorder.live_domains()?;
        let following = recorder.following(patterns, sections)?;
        let patterns = patterns.to_vec();
        let mut own = Self { following, patterns, first: None, read_here };
        own.first = Some(own.guests(domains));
        Ok(Box::new(own))
    }

    /// The guests that are asked for, and why there are no newer frames of one.
    fn guests(&self, domains: Vec<nfm_live::LiveDomain>) -> Vec<(String, Option<String>)> {
        let read_here = lock(&self.read_here);
        let chosen = domains.into_iter().filter(|one| {
            one.domain.is_any_of(&self.patterns) && !read_here.contains(&one.domain.name)
        });
        chosen.map(|one| (one.domain.name, one.failure)).collect()
    }
}

impl FrameStream for Recorder {
    fn next(&mut self, patience: Duration) -> Result<Option<StreamNews>, SourceError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(StreamNews::Guests(first)));
        }
        Ok(match self.following.next(patience)? {
            Some(Followed::Frame { domain, time_ns }) => {
                let is_read_here = lock(&self.read_here).contains(&domain);
                (!is_read_here).then_some(StreamNews::Frame { guest: domain, time_ns })
            }
            Some(Followed::Domains(domains)) => Some(StreamNews::Guests(self.guests(domains))),
            None => None,
        })
    }

    fn frame(&mut self, guest: &str, sections: &[Section]) -> Result<Frame, SourceError> {
        self.following.frame(guest, sections)
    }

    fn take_along(&mut self, guest: Option<&str>, sections: &[Section]) -> Result<(), SourceError> {
        let more = guest.map(|guest| (guest.to_owned(), sections.to_vec()));
        Ok(self.following.take_along(more)?)
    }
}
