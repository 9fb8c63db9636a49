//! Printed screens of the guests of several hosts, each of which is followed over one connection.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use nfm::{ErrorCode, OpenOptions, SourceError};
use nfm_screens::{Finder, GuestView, News, Order, start};

use super::super::{Verb, report};
use super::{feeds, print};
use crate::Failure;
use crate::args::Top;
use crate::hosts::Host;
use crate::show::complain;

/// How long a host is waited for beyond the time between two frames.
const PATIENCE: Duration = Duration::from_secs(12);
/// The time from one look at which guests there are to the next.
const FINDING: Duration = Duration::from_secs(2);
/// News that wait to be taken.
const WAITING: usize = 256;

/// A guest that was heard of.
#[derive(Default)]
struct Heard {
    view: Option<Arc<GuestView>>,
    /// Frames that came.
    frames: u32,
    trouble: Option<String>,
}

/// The guests of hosts, as they are heard of.
struct Listener {
    find: Finder,
    found: Option<Instant>,
    interval: Duration,
    feeds: HashMap<(String, String), Sender<Order>>,
    sender: SyncSender<News>,
    news: Receiver<News>,
    /// By host and guest; the guest's name is empty where a host is in trouble.
    heard: BTreeMap<(String, String), Heard>,
}

/// Prints one screen, or one after another.
pub(super) fn show(
    options: &OpenOptions,
    hosts: &[(Host, Vec<String>)],
    top: &Top,
    out: &mut dyn Write,
) -> Verb {
    let find = feeds::finder(options, hosts, top)?;
    super::give_up(hosts);
    let (sender, news) = sync_channel(WAITING);
    let (feeds, heard) = (HashMap::new(), BTreeMap::new());
    let interval = top.interval;
    let mut listener = Listener { find, found: None, interval, feeds, sender, news, heard };
    let names: Vec<&str> = hosts.iter().map(|(host, _)| &*host.name).collect();
    listener.listen(Instant::now() + interval + PATIENCE, |heard| is_heard(heard, &names))?;
    if top.once {
        return listener.print(&names, top, out);
    }
    loop {
        let _ = listener.print(&names, top, out)?;
        listener.listen(Instant::now() + interval, |_| false)?;
    }
}

/// True if each guest of each host has two frames, or is in trouble.
fn is_heard(heard: &BTreeMap<(String, String), Heard>, hosts: &[&str]) -> bool {
    let of = |host: &str| heard.keys().any(|(one, _)| one == host);
    let is_done = |one: &Heard| one.frames > 1 || one.trouble.is_some();
    hosts.iter().all(|host| of(host)) && heard.values().all(is_done)
}

impl Listener {
    /// Takes news until it has heard enough, or a time comes.
    fn listen(
        &mut self,
        until: Instant,
        is_enough: impl Fn(&BTreeMap<(String, String), Heard>) -> bool,
    ) -> Result<(), Failure> {
        while !is_enough(&self.heard) {
            if self.found.is_none_or(|then| then.elapsed() >= FINDING) {
                self.find()?;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if let Ok(news) = self.news.recv_timeout(left.min(Duration::from_millis(200))) {
                self.take(news);
            }
        }
        Ok(())
    }

    fn find(&mut self) -> Result<(), Failure> {
        for feed in (self.find)()? {
            let key = (feed.host.clone(), feed.name.clone());
            if !self.feeds.contains_key(&key) {
                let orders = start(feed, self.interval, self.sender.clone());
                // One that has ended takes none.
                let _ = orders.send(Order::Run);
                self.feeds.insert(key, orders);
            }
        }
        self.found = Some(Instant::now());
        Ok(())
    }

    fn take(&mut self, news: News) {
        match news {
            News::Frame { host, guest, view, .. } => {
                self.heard.remove(&(host.clone(), String::new()));
                let own = self.heard.entry((host, guest)).or_default();
                (own.view, own.trouble) = (Some(view), None);
                own.frames = own.frames.saturating_add(1);
            }
            News::Trouble { host, guest, reason, .. } => {
                self.heard.entry((host, guest)).or_default().trouble = Some(reason);
            }
            News::Ended { host, guest, is_last } => {
                let key = (host, guest);
                self.heard.remove(&key);
                if is_last {
                    self.feeds.remove(&key);
                }
            }
            News::Shown { .. } | News::Found(_) | News::Terminal(_) => {}
        }
    }

    /// Prints what was heard, and complains of what was not.
    fn print(&mut self, hosts: &[&str], top: &Top, out: &mut dyn Write) -> Verb {
        let mut troubled = HashSet::new();
        let named = |host: &str, guest: &str| match (host, guest) {
            ("", guest) => guest.to_owned(),
            (host, "") => host.to_owned(),
            (host, guest) => format!("{host}/{guest}"),
        };
        for ((host, guest), one) in &self.heard {
            if let Some(trouble) = &one.trouble {
                complain(format_args!("{}: {trouble}", named(host, guest)));
                troubled.insert(host.clone());
            }
            report(one.view.iter().flat_map(|view| &view.frame().consistency.problems));
        }
        for host in hosts {
            if !self.heard.keys().any(|(one, _)| one == host) {
                complain(format_args!("{}: nothing was heard of it in time", named(host, "")));
                troubled.insert((*host).to_owned());
            }
        }
        let shown = self.heard.iter().filter_map(|((host, _), one)| {
            Some(print::Shown { host, view: one.view.as_ref()?, is_live: true })
        });
        let shown: Vec<print::Shown> = shown.collect();
        if shown.is_empty() {
            let reason = "there is no guest to be shown".to_owned();
            return Err(SourceError::NoFrame { reason }.into());
        }
        print::show(top, &shown, out)?;
        Ok(match troubled.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(ErrorCode::Other as u8),
        })
    }
}
