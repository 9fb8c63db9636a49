//! Frames for the screen: each source of frames in a thread of its own, so that a slow one holds up neither the others
//! nor the keys. Living guests and recorded ones are read by the same code, over [`FrameSource`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nfm_frame::{At, Frame, FrameSource, Section, SourceError};

use crate::guest::GuestView;
use crate::stream::{StreamOpener, StreamReader};

/// Sections that no table of processes can be made without.
pub(crate) const REQUIRED: [Section; 2] = [Section::Os, Section::Processes];
/// Sections that frames may lack.
pub(crate) const OPTIONAL: [Section; 3] = [Section::Cpus, Section::Memory, Section::Host];
/// Sections that are shown of the one guest that is open, beside its processes.
pub(crate) const OF_OPEN: [Section; 3] = [Section::Connections, Section::Files, Section::Log];
/// The longest wait after a failure.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Opens a source. `None` if its guest is there no more.
pub type Opener = Box<dyn FnMut() -> Result<Option<Box<dyn FrameSource>>, SourceError> + Send>;

/// A source of frames of one host: of one guest, or of several.
pub struct Feed {
    /// The host, empty for this one.
    pub host: String,
    /// The guest's name; of a source of several guests, its own.
    pub name: String,
    /// The way to its frames.
    pub way: Way,
}

/// The way to the frames of a source, which is opened within its thread.
pub enum Way {
    /// It is asked for each frame.
    Asked(Opener),
    /// It gives frames of all of its guests as they come.
    Followed(StreamOpener),
}

/// An order to a source's thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Take frames, one each interval.
    Run,
    /// Take none.
    Rest,
    /// Give the frames of a time.
    Show(Show),
    /// Take the sections of an open guest along, of the guest of this name.
    Open(Option<String>),
}

/// The frames of a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Show {
    /// Counts such orders: an answer to an older one is out of date.
    pub serial: u64,
    /// The time.
    pub at: At,
    /// Only of this guest.
    pub guest: Option<String>,
}

/// News from a source's thread. `serial` is that of the order that they answer; `None` if they are of now.
pub enum News {
    /// A guest's frame.
    Frame {
        /// The host.
        host: String,
        /// The guest.
        guest: String,
        /// The guest by that frame.
        view: Arc<GuestView>,
        /// The order.
        serial: Option<u64>,
    },
    /// There is no frame of a guest.
    Trouble {
        /// The host.
        host: String,
        /// The guest.
        guest: String,
        /// The reason, in one sentence.
        reason: String,
        /// The order.
        serial: Option<u64>,
    },
    /// A guest is there no more.
    Ended {
        /// The host.
        host: String,
        /// The guest.
        guest: String,
        /// True if the source ends with it.
        is_last: bool,
    },
    /// All frames of a time were given.
    Shown {
        /// The order.
        serial: u64,
        /// The time of the newest of them.
        newest_ns: Option<u64>,
        /// The reason why there is none.
        trouble: Option<String>,
    },
    /// The sources that there are now.
    Found(Result<Vec<Feed>, String>),
    /// A key, the mouse, another size.
    Terminal(crossterm::event::Event),
}

/// Starts the thread of a source, at rest.
pub fn start(feed: Feed, interval: Duration, news: SyncSender<News>) -> Sender<Order> {
    let (sender, orders) = channel();
    let Feed { host, name, way } = feed;
    let open = match way {
        Way::Asked(open) => open,
        Way::Followed(open) => {
            let reader = StreamReader { host, name, open, interval, orders, news };
            thread::spawn(move || reader.run());
            return sender;
        }
    };
    // A source need not be able to move from thread to thread.
    let reader = move || Reader {
        host,
        name,
        open_source: open,
        interval,
        source: None,
        views: HashMap::new(),
        open: None,
        shown: None,
        waiting: VecDeque::new(),
        orders,
        news,
    };
    thread::spawn(move || reader().run());
    sender
}

/// The screen is closed.
pub(crate) struct Closed;

struct Reader {
    host: String,
    /// The guest's name; of a source of several guests, its own.
    name: String,
    open_source: Opener,
    interval: Duration,
    source: Option<Box<dyn FrameSource>>,
    /// By guest.
    views: HashMap<String, Arc<GuestView>>,
    open: Option<String>,
    /// The last order of its kind.
    shown: Option<Show>,
    waiting: VecDeque<Order>,
    orders: Receiver<Order>,
    news: SyncSender<News>,
}

impl Reader {
    /// Ends with the screen, or with the only guest.
    fn run(mut self) {
        let mut is_running = false;
        let mut failures = 0_u32;
        let mut next = Instant::now();
        loop {
            let order = match self.waiting.pop_front() {
                Some(order) => Ok(order),
                None if is_running => {
                    self.orders.recv_timeout(next.saturating_duration_since(Instant::now()))
                }
                None => self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let done = match order {
                Ok(Order::Run) => {
                    (is_running, next) = (true, Instant::now());
                    Ok(())
                }
                Ok(Order::Rest) => {
                    is_running = false;
                    Ok(())
                }
                Ok(Order::Open(guest)) => {
                    let before = std::mem::replace(&mut self.open, guest);
                    let is_own = |one: &Option<String>| {
                        one.as_ref().is_some_and(|one| self.views.contains_key(one))
                    };
                    match self.shown.clone() {
                        _ if !is_own(&before) && !is_own(&self.open) => Ok(()),
                        Some(show) if !is_running => self.show(show),
                        _ => {
                            next = Instant::now();
                            Ok(())
                        }
                    }
                }
                Ok(Order::Show(show)) => {
                    is_running = false;
                    self.show(show)
                }
                Err(RecvTimeoutError::Timeout) => {
                    next = (next + self.interval).max(Instant::now());
                    match self.take() {
                        Ok(Taken::Frames) => {
                            failures = 0;
                            Ok(())
                        }
                        Ok(Taken::Nothing) => {
                            failures = failures.saturating_add(1);
                            let wait = self.interval.saturating_mul(1 << failures.min(8));
                            next = Instant::now() + wait.min(LONGEST_WAIT).max(self.interval);
                            Ok(())
                        }
                        Ok(Taken::Ended) | Err(Closed) => return,
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn tell(&self, news: News) -> Result<(), Closed> {
        self.news.send(news).map_err(|_| Closed)
    }

    fn tell_trouble(
        &self,
        guest: &str,
        error: &SourceError,
        serial: Option<u64>,
    ) -> Result<(), Closed> {
        let (host, guest) = (self.host.clone(), guest.to_owned());
        self.tell(News::Trouble { host, guest, reason: error.to_string(), serial })
    }

    /// The source, opened if need be; `None` if there is nothing to open.
    fn source(&mut self) -> Result<Option<&mut Box<dyn FrameSource>>, SourceError> {
        if self.source.is_none() {
            self.source = (self.open_source)()?;
        }
        Ok(self.source.as_mut())
    }

    /// The names of the guests; `None` if there is nothing to open.
    fn guests(&mut self) -> Result<Option<Vec<String>>, SourceError> {
        let Some(source) = self.source()? else { return Ok(None) };
        Ok(Some(source.domains()?.into_iter().map(|one| one.name).collect()))
    }

    /// Takes the newest frame of each guest.
    fn take(&mut self) -> Result<Taken, Closed> {
        let guests = match self.guests() {
            Ok(Some(guests)) => guests,
            Ok(None) => {
                // They are known by the names that their frames have.
                for (guest, _) in std::mem::take(&mut self.views) {
                    self.tell(News::Ended { host: self.host.clone(), guest, is_last: false })?;
                }
                let (host, guest) = (self.host.clone(), self.name.clone());
                self.tell(News::Ended { host, guest, is_last: true })?;
                return Ok(Taken::Ended);
            }
            Err(error) => {
                self.source = None;
                self.tell_trouble(&self.name, &error, None)?;
                return Ok(Taken::Nothing);
            }
        };
        let gone: Vec<String> =
            self.views.keys().filter(|name| !guests.contains(name)).cloned().collect();
        for guest in gone {
            self.views.remove(&guest);
            self.tell(News::Ended { host: self.host.clone(), guest, is_last: false })?;
        }
        let mut taken = Taken::Nothing;
        for guest in guests {
            match self.frame(&guest, At::Latest) {
                Ok(frame) => {
                    taken = Taken::Frames;
                    let view = match self.views.get(&guest) {
                        Some(last) => last.next(frame),
                        None => GuestView::first(frame),
                    };
                    self.give(&guest, Arc::new(view), None)?;
                }
                Err(error) => self.tell_trouble(&guest, &error, None)?,
            }
        }
        if taken == Taken::Nothing {
            // Its guest may have ended: it is opened anew, which tells.
            self.source = None;
        }
        Ok(taken)
    }

    fn give(
        &mut self,
        guest: &str,
        view: Arc<GuestView>,
        serial: Option<u64>,
    ) -> Result<(), Closed> {
        self.views.insert(guest.to_owned(), view.clone());
        let (host, guest) = (self.host.clone(), guest.to_owned());
        self.tell(News::Frame { host, guest, view, serial })
    }

    /// Gives the frames of a time. Ends early where another time is asked for meanwhile.
    fn show(&mut self, show: Show) -> Result<(), Closed> {
        self.shown = Some(show.clone());
        let Show { serial, at, guest } = show;
        let guests = match guest {
            Some(guest) => Ok(Some(vec![guest])),
            None => self.guests(),
        };
        let (mut newest_ns, mut trouble) = (None, None);
        match guests {
            Ok(guests) => {
                for guest in guests.into_iter().flatten() {
                    self.waiting.extend(self.orders.try_iter());
                    if self.waiting.iter().any(|order| matches!(order, Order::Show(_))) {
                        return Ok(());
                    }
                    match self.view_at(&guest, at) {
                        Ok(view) => {
                            newest_ns = newest_ns.max(Some(view.frame().time_ns));
                            self.give(&guest, view, Some(serial))?;
                        }
                        Err(error) => {
                            self.tell_trouble(&guest, &error, Some(serial))?;
                            trouble = Some(error.to_string());
                        }
                    }
                }
            }
            Err(error) => trouble = Some(error.to_string()),
        }
        self.tell(News::Shown { serial, newest_ns, trouble })
    }

    /// A guest at a time, by the frame of then and one before it.
    fn view_at(&mut self, guest: &str, at: At) -> Result<Arc<GuestView>, SourceError> {
        let frame = self.frame(guest, at)?;
        let between = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX);
        if let Some(last) = self.views.get(guest) {
            let own = last.frame();
            let is_same = (own.seq, own.time_ns) == (frame.seq, frame.time_ns);
            if is_same && OF_OPEN.iter().all(|one| own.has(*one) == frame.has(*one)) {
                return Ok(last.clone());
            }
            let after = frame.time_ns.checked_sub(own.time_ns).filter(|ns| *ns > 0);
            if after.is_some_and(|ns| ns <= between.saturating_mul(3)) {
                return Ok(Arc::new(last.next(frame)));
            }
        }
        // So long before it, or the last one before it.
        let mut earlier =
            |ns: u64| self.frame(guest, At::Before(frame.time_ns.saturating_sub(ns))).ok();
        Ok(Arc::new(match earlier(between).or_else(|| earlier(1)) {
            Some(earlier) => GuestView::first(earlier).next(frame),
            None => GuestView::first(frame),
        }))
    }

    /// A guest's frame at a time, with as many of the sections that may be missing as there are.
    fn frame(&mut self, guest: &str, at: At) -> Result<Frame, SourceError> {
        let mut sections = [REQUIRED.as_slice(), &OPTIONAL].concat();
        if self.open.as_deref() == Some(guest) {
            sections.extend(OF_OPEN);
        }
        let Some(source) = self.source()? else {
            let reason = "it is there no more".to_owned();
            return Err(SourceError::NoFrame { reason });
        };
        frame(source.as_mut(), guest, at, sections)
    }
}

/// A guest's frame with these sections, but for those that may be missing and are.
fn frame(
    source: &mut dyn FrameSource,
    guest: &str,
    at: At,
    mut sections: Vec<Section>,
) -> Result<Frame, SourceError> {
    loop {
        match source.frame(guest, at, &sections) {
            Err(SourceError::NoSection { section, .. })
                if !REQUIRED.contains(&section) && sections.contains(&section) =>
            {
                sections.retain(|one| *one != section);
            }
            found => return found,
        }
    }
}

#[derive(PartialEq)]
enum Taken {
    Frames,
    Nothing,
    Ended,
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use nfm_frame::{Consistency, DomainIdentity, Os, Process};

    use super::*;

    const S: u64 = 1_000_000_000;

    /// Guests, each with a frame a second and a process that is its time; a frame takes its time, too.
    struct Made {
        guests: Vec<&'static str>,
        seconds: std::ops::RangeInclusive<u64>,
        takes: Duration,
        at: u64,
    }

    impl Made {
        fn frame_of(&self, guest: &str, second: u64) -> Frame {
            let process = Process { pid: second as u32, ..Process::default() };
            Frame {
                domain: identity(guest),
                seq: second,
                time_ns: second * S,
                consistency: Consistency { complete: true, ..Consistency::default() },
                os: Some(Os::default()),
                processes: Some(vec![process]),
                ..Frame::default()
            }
        }
    }

    fn identity(name: &str) -> DomainIdentity {
        DomainIdentity { name: name.to_owned(), ..DomainIdentity::default() }
    }

    impl FrameSource for Made {
        fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
            Ok(self.guests.iter().map(|name| identity(name)).collect())
        }

        fn is_live(&self) -> bool {
            true
        }

        fn frame(&mut self, guest: &str, at: At, of: &[Section]) -> Result<Frame, SourceError> {
            thread::sleep(self.takes);
            if let Some(section) = of.iter().copied().find(|one| !REQUIRED.contains(one)) {
                return Err(SourceError::NoSection { section, known: REQUIRED.to_vec() });
            }
            let second = match at {
                At::Latest => {
                    self.at += 1;
                    self.at
                }
                At::Before(time) => (time / S).min(*self.seconds.end()),
                At::After(time) => time.div_ceil(S).max(*self.seconds.start()),
                At::Nearest(time) => time / S,
            };
            match self.seconds.contains(&second) {
                true => Ok(self.frame_of(guest, second)),
                false => Err(SourceError::NoFrame { reason: "not of then".to_owned() }),
            }
        }

        fn next(&mut self, _: &Frame, _: &[Section]) -> Result<Option<Frame>, SourceError> {
            Ok(None)
        }
    }

    fn feed(name: &str, guests: &[&'static str], seconds: u64, takes: Duration) -> Feed {
        let guests = guests.to_vec();
        let mut opened = 0;
        let open = move || {
            opened += 1;
            let made = Made { guests: guests.clone(), seconds: 1..=seconds, takes, at: 0 };
            Ok((opened < 3).then(|| Box::new(made) as Box<dyn FrameSource>))
        };
        Feed { host: "h".to_owned(), name: name.to_owned(), way: Way::Asked(Box::new(open)) }
    }

    /// News as words.
    fn told(news: News) -> String {
        match news {
            News::Frame { guest, view, .. } => {
                let pids: Vec<u32> = view.rows().map(|row| row.process.pid).collect();
                format!("{guest} {pids:?} of {}", view.frame().time_ns / S)
            }
            News::Trouble { guest, reason, .. } => format!("{guest}: {reason}"),
            News::Ended { guest, is_last, .. } => format!("{guest} ended, {is_last}"),
            News::Shown { serial, newest_ns, trouble } => {
                format!("shown {serial} {:?} {trouble:?}", newest_ns.map(|ns| ns / S))
            }
            News::Found(_) | News::Terminal(_) => "other".to_owned(),
        }
    }

    #[test]
    fn a_slow_guest_holds_up_no_other() {
        let (sender, news) = sync_channel(4);
        let interval = Duration::from_millis(5);
        let slow =
            start(feed("slow", &["slow"], 9, Duration::from_secs(60)), interval, sender.clone());
        let fast = start(feed("fast", &["fast"], 3, Duration::ZERO), interval, sender);
        slow.send(Order::Run).expect("the slow one");
        fast.send(Order::Run).expect("the fast one");
        let wait = || told(news.recv_timeout(Duration::from_secs(20)).expect("news"));
        let all: Vec<String> = (0..10).map(|_| wait()).collect();
        // It fails after three frames, is opened once more, and then is there no more.
        assert_eq!(
            all[..4],
            ["fast [1] of 1", "fast [2] of 2", "fast [3] of 3", "fast: not of then"]
        );
        assert_eq!(all[4..8], all[..4]);
        assert_eq!(all[8..], ["fast ended, false", "fast ended, true"]);
    }

    #[test]
    fn the_frames_of_a_time() {
        let (sender, news) = sync_channel(99);
        let interval = Duration::from_secs(1);
        let orders = start(feed("", &["a", "b"], 5, Duration::ZERO), interval, sender);
        let told = |serial, at, guest: Option<&str>| {
            let guest = guest.map(str::to_owned);
            orders.send(Order::Show(Show { serial, at, guest })).expect("a reader");
            let mut all = Vec::new();
            loop {
                let one = told(news.recv_timeout(Duration::from_secs(20)).expect("news"));
                all.push(one);
                if all.last().is_some_and(|last| last.starts_with("shown")) {
                    return all;
                }
            }
        };
        let both = |second: u64| {
            vec![format!("a [{second}] of {second}"), format!("b [{second}] of {second}")]
        };
        let with = |mut all: Vec<String>, last: &str| {
            all.push(last.to_owned());
            all
        };
        assert_eq!(told(1, At::Before(4 * S + 7), None), with(both(4), "shown 1 Some(4) None"));
        assert_eq!(
            told(2, At::After(4 * S + 1), Some("b")),
            ["b [5] of 5", "shown 2 Some(5) None"]
        );
        let none = "shown 3 None Some(\"not of then\")";
        assert_eq!(told(3, At::Before(1), None), ["a: not of then", "b: not of then", none]);
    }
}
