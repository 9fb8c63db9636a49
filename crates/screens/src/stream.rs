//! All guests of a host over one connection: frames are shown as they come.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use nfm_frame::{Frame, Section, SourceError};

use crate::feed::{Closed, LONGEST_WAIT, News, OF_OPEN, OPTIONAL, Order, REQUIRED};
use crate::guest::GuestView;

/// The longest wait for a frame: orders wait for so long, too.
const PATIENCE: Duration = Duration::from_millis(100);

/// Frames of all guests of a host, as they come.
pub trait FrameStream {
    /// Waits so long for what comes next; `None` if nothing does.
    ///
    /// # Errors
    /// The host is not connected any more.
    fn next(&mut self, patience: Duration) -> Result<Option<StreamNews>, SourceError>;

    /// The newest frame of a guest, with those of these sections that there are.
    ///
    /// # Errors
    /// There is no such guest, or its frame cannot be read.
    fn frame(&mut self, guest: &str, sections: &[Section]) -> Result<Frame, SourceError>;

    /// Takes sections of one guest along, and no more of the one before.
    ///
    /// # Errors
    /// The host is not connected any more.
    fn take_along(&mut self, guest: Option<&str>, sections: &[Section]) -> Result<(), SourceError>;
}

/// Something that came from a host.
pub enum StreamNews {
    /// A guest has a newer frame.
    Frame {
        /// The guest.
        guest: String,
        /// When the frame was taken, nanoseconds since 1970.
        time_ns: u64,
    },
    /// All guests that there are, and why there are no newer frames of one.
    Guests(Vec<(String, Option<String>)>),
}

/// Opens a stream with these sections of each guest. `None` if there is nothing to open any more.
pub type StreamOpener =
    Box<dyn FnMut(&[Section]) -> Result<Option<Box<dyn FrameStream>>, SourceError> + Send>;

/// The thread of a host.
pub(crate) struct StreamReader {
    pub host: String,
    pub name: String,
    pub open: StreamOpener,
    pub interval: Duration,
    pub orders: Receiver<Order>,
    pub news: SyncSender<News>,
}

/// A host that is connected.
struct Connected {
    stream: Box<dyn FrameStream>,
    /// By guest.
    views: HashMap<String, Arc<GuestView>>,
}

/// The state of the thread.
#[derive(Default)]
struct State {
    connected: Option<Connected>,
    is_running: bool,
    /// The guest that is open.
    opened: Option<String>,
    /// Guests that were shown, whose rows stay when the host is lost.
    shown: Vec<String>,
    failures: u32,
    next: Option<Instant>,
}

impl StreamReader {
    /// Ends with the screen, or where there is nothing to be opened any more.
    pub(crate) fn run(mut self) {
        let mut state = State::default();
        loop {
            // At rest, with nothing that comes, an order is all that there is to wait for.
            let order = match (&state.connected, state.is_running) {
                (None, false) => self.orders.recv().map_err(|_| TryRecvError::Disconnected),
                _ => self.orders.try_recv(),
            };
            let done = match order {
                Ok(order) => self.obey(&mut state, order),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => self.go_on(&mut state),
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn obey(&self, state: &mut State, order: Order) -> Result<(), Closed> {
        match order {
            Order::Run => {
                state.is_running = true;
                state.next = None;
                // Frames that came meanwhile were not shown.
                self.show_all(state)
            }
            Order::Rest | Order::Show(_) => {
                state.is_running = false;
                Ok(())
            }
            Order::Open(guest) => {
                state.opened = guest;
                let Some(connected) = &mut state.connected else { return Ok(()) };
                match connected.stream.take_along(state.opened.as_deref(), &OF_OPEN) {
                    Ok(()) => Ok(()),
                    Err(error) => self.lose(state, &error),
                }
            }
        }
    }

    /// Takes what comes, or connects.
    fn go_on(&mut self, state: &mut State) -> Result<(), Closed> {
        let now = Instant::now();
        let Some(connected) = &mut state.connected else {
            let left =
                state.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now));
            if !left.is_zero() {
                std::thread::sleep(left.min(PATIENCE));
                return Ok(());
            }
            return self.connect(state);
        };
        match connected.stream.next(PATIENCE) {
            Ok(None) => Ok(()),
            Ok(Some(StreamNews::Frame { guest, time_ns })) => {
                state.failures = 0;
                if !state.is_running {
                    return Ok(());
                }
                let last = connected.views.get(&guest).map(|view| view.frame().time_ns);
                let is_due = last.is_none_or(|last| self.is_due(last, time_ns));
                let is_open = state.opened.as_deref() == Some(&*guest);
                if is_due || (is_open && connected.lacks_details(&guest)) {
                    return self.show(state, &guest);
                }
                Ok(())
            }
            Ok(Some(StreamNews::Guests(guests))) => self.guests(state, &guests),
            Err(error) => self.lose(state, &error),
        }
    }

    /// True if a frame is so much later than the last one that its use of the CPU is worth telling. Frames are a little
    /// early at times.
    fn is_due(&self, last_ns: u64, time_ns: u64) -> bool {
        let interval = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX);
        time_ns.saturating_sub(last_ns) >= interval / 10 * 9 || time_ns < last_ns
    }

    fn connect(&mut self, state: &mut State) -> Result<(), Closed> {
        let sections = [REQUIRED.as_slice(), &OPTIONAL].concat();
        let opened = (self.open)(&sections).and_then(|stream| {
            let Some(mut stream) = stream else { return Ok(None) };
            if state.opened.is_some() {
                stream.take_along(state.opened.as_deref(), &OF_OPEN)?;
            }
            Ok(Some(stream))
        });
        match opened {
            Ok(Some(stream)) => {
                state.connected = Some(Connected { stream, views: HashMap::new() });
                Ok(())
            }
            Ok(None) => {
                for guest in std::mem::take(&mut state.shown) {
                    self.end(guest, false)?;
                }
                self.end(self.name.clone(), true)?;
                Err(Closed)
            }
            Err(error) => self.lose(state, &error),
        }
    }

    fn end(&self, guest: String, is_last: bool) -> Result<(), Closed> {
        self.tell(News::Ended { host: self.host.clone(), guest, is_last })
    }

    fn tell(&self, news: News) -> Result<(), Closed> {
        self.news.send(news).map_err(|_| Closed)
    }

    fn tell_trouble(&self, guest: &str, reason: String) -> Result<(), Closed> {
        let (host, guest) = (self.host.clone(), guest.to_owned());
        self.tell(News::Trouble { host, guest, reason, serial: None })
    }

    /// Tells that the host is not connected, and waits longer each time before it is connected anew.
    fn lose(&self, state: &mut State, error: &SourceError) -> Result<(), Closed> {
        state.connected = None;
        let wait = self.interval.saturating_mul(1 << state.failures.min(8)).min(LONGEST_WAIT);
        state.next = Some(Instant::now() + wait);
        state.failures = state.failures.saturating_add(1);
        match state.shown.is_empty() {
            true => self.tell_trouble(&self.name, error.to_string()),
            false => {
                state.shown.iter().try_for_each(|guest| self.tell_trouble(guest, error.to_string()))
            }
        }
    }

    /// Takes the list of guests: those that are missing have ended.
    fn guests(&self, state: &mut State, guests: &[(String, Option<String>)]) -> Result<(), Closed> {
        let is_there = |name: &String| guests.iter().any(|(one, _)| one == name);
        let (shown, ended) = std::mem::take(&mut state.shown).into_iter().partition(is_there);
        state.shown = shown;
        for guest in Vec::<String>::into_iter(ended) {
            if let Some(connected) = &mut state.connected {
                connected.views.remove(&guest);
            }
            self.end(guest, false)?;
        }
        let failed = guests.iter().filter_map(|(name, reason)| Some((name, reason.as_ref()?)));
        for (name, reason) in failed {
            if !state.shown.contains(name) {
                state.shown.push(name.clone());
            }
            self.tell_trouble(name, reason.clone())?;
        }
        Ok(())
    }

    /// Shows the newest frame of each guest that was shown before.
    fn show_all(&self, state: &mut State) -> Result<(), Closed> {
        if state.connected.is_none() {
            return Ok(());
        }
        let names = state.shown.clone();
        names.iter().try_for_each(|guest| self.show(state, guest))
    }

    /// Shows the newest frame of a guest.
    fn show(&self, state: &mut State, guest: &str) -> Result<(), Closed> {
        let Some(connected) = &mut state.connected else { return Ok(()) };
        let mut sections = [REQUIRED.as_slice(), &OPTIONAL].concat();
        if state.opened.as_deref() == Some(guest) {
            sections.extend(OF_OPEN);
        }
        let frame = match connected.stream.frame(guest, &sections) {
            Ok(frame) => frame,
            Err(error) => return self.tell_trouble(guest, error.to_string()),
        };
        if let Some(section) = REQUIRED.into_iter().find(|one| !frame.has(*one)) {
            let known = Section::ALL.into_iter().filter(|one| frame.has(*one)).collect();
            let error = SourceError::NoSection { section, known };
            return self.tell_trouble(guest, error.to_string());
        }
        let view = Arc::new(match connected.views.get(guest) {
            Some(last) if last.frame().time_ns < frame.time_ns => last.next(frame),
            Some(last) => last.anew(frame),
            None => GuestView::first(frame),
        });
        connected.views.insert(guest.to_owned(), view.clone());
        if !state.shown.iter().any(|one| one == guest) {
            state.shown.push(guest.to_owned());
        }
        let (host, guest) = (self.host.clone(), guest.to_owned());
        self.tell(News::Frame { host, guest, view, serial: None })
    }
}

impl Connected {
    /// True if a guest that is open is shown without its details yet.
    fn lacks_details(&self, guest: &str) -> bool {
        let view = self.views.get(guest);
        view.is_some_and(|view| OF_OPEN.iter().any(|one| !view.frame().has(*one)))
    }
}
