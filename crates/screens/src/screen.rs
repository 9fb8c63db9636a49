//! The terminal: from the first frame to the last key.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use nfm_frame::SourceError;
use ratatui::DefaultTerminal;

use crate::app::{App, Clock, Effect, Options};
use crate::feed::{Feed, News, Order, start};

/// News that wait for the screen. A source that is faster waits.
const WAITING: usize = 256;
/// The time from one look at which sources there are to the next.
const FINDING: Duration = Duration::from_secs(2);
/// The shortest time between two drawings, unless a key is pressed.
const DRAWING: Duration = Duration::from_millis(100);
/// The longest: ages go on.
const AGES: Duration = Duration::from_secs(1);

/// Names all sources of living guests that there are now.
pub type Finder = Box<dyn FnMut() -> Result<Vec<Feed>, SourceError> + Send>;

/// The sources of a screen.
#[derive(Default)]
pub struct Sources {
    /// Looks for living guests every two seconds.
    pub find: Option<Finder>,
    /// Recorded guests.
    pub recorded: Option<Feed>,
    /// Set where the screen is to be closed from outside: by a signal.
    pub ended: Arc<AtomicBool>,
}

/// Shows the screen until it is closed.
///
/// # Errors
/// The terminal cannot be used.
pub fn run(sources: Sources, options: Options, clock: Clock) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let done = execute!(io::stdout(), EnableMouseCapture)
        .and_then(|()| Screen::new(sources, options, clock).show(&mut terminal));
    let _ = execute!(io::stdout(), DisableMouseCapture);
    ratatui::restore();
    done
}

struct Screen {
    app: App,
    begin: Vec<Effect>,
    interval: Duration,
    sources: Option<Sources>,
    /// The threads of living guests' sources, by host and name.
    live: HashMap<(String, String), Sender<Order>>,
    is_running: bool,
    recorded: Option<Sender<Order>>,
    open: Option<(String, String)>,
}

impl Screen {
    fn new(sources: Sources, options: Options, clock: Clock) -> Self {
        let interval = options.interval;
        let (app, begin) = App::new(options, clock);
        Self {
            app,
            begin,
            interval,
            sources: Some(sources),
            live: HashMap::new(),
            is_running: false,
            recorded: None,
            open: None,
        }
    }

    fn show(mut self, terminal: &mut DefaultTerminal) -> io::Result<()> {
        let (sender, news) = sync_channel(WAITING);
        let sources = self.sources.take().unwrap_or_default();
        read_terminal(sender.clone());
        if let Some(find) = sources.find {
            look(find, sender.clone());
        }
        self.recorded = sources.recorded.map(|feed| start(feed, self.interval, sender.clone()));
        let begin = std::mem::take(&mut self.begin);
        self.carry_out(begin);
        let (mut drawn, mut ticked) = (None::<Instant>, Instant::now());
        let mut is_dirty = true;
        while !sources.ended.load(Ordering::Relaxed) {
            let now = Instant::now();
            let since = |then: Instant| now.saturating_duration_since(then);
            if since(ticked) >= self.interval {
                ticked = now;
                let effects = self.app.tick(wall_ns());
                is_dirty |= !effects.is_empty();
                self.carry_out(effects);
            }
            let due = if is_dirty { DRAWING } else { AGES };
            if drawn.is_none_or(|drawn| since(drawn) >= due) {
                terminal.draw(|frame| {
                    crate::draw::draw(&mut self.app, frame.area(), frame.buffer_mut(), wall_ns())
                })?;
                (drawn, is_dirty) = (Some(Instant::now()), false);
            }
            let due = if is_dirty { DRAWING } else { AGES };
            let left = drawn.map_or(Duration::ZERO, |drawn| due.saturating_sub(drawn.elapsed()));
            let left = left.min(self.interval.saturating_sub(ticked.elapsed()));
            let mut next = news.recv_timeout(left.max(Duration::from_millis(1)));
            loop {
                match next {
                    Ok(News::Found(found)) => self.found(found, &sender),
                    Ok(one) => {
                        let is_key = matches!(one, News::Terminal(_));
                        if let News::Ended { host, guest, is_last: true } = &one {
                            self.live.remove(&(host.clone(), guest.clone()));
                        }
                        let (is_seen, effects) = self.app.news(one, wall_ns());
                        is_dirty |= is_seen;
                        if is_key {
                            drawn = None;
                        }
                        if !self.carry_out(effects) {
                            return Ok(());
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
                next = news.try_recv().map_err(|_| RecvTimeoutError::Timeout);
            }
        }
        Ok(())
    }

    /// Starts the sources that are new.
    fn found(&mut self, found: Result<Vec<Feed>, String>, news: &SyncSender<News>) {
        match found {
            Ok(feeds) => {
                for feed in feeds {
                    let key = (feed.host.clone(), feed.name.clone());
                    if !self.live.contains_key(&key) {
                        let orders = start(feed, self.interval, news.clone());
                        if self.is_running {
                            let _ = orders.send(Order::Run);
                        }
                        self.live.insert(key, orders);
                    }
                }
            }
            Err(reason) => self.app.message = Some(reason),
        }
    }

    /// False if the screen is to be closed. A source that has ended takes no orders.
    fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        for effect in effects {
            match effect {
                Effect::Quit => return false,
                Effect::Live(order) => {
                    self.is_running = order == Order::Run;
                    for orders in self.live.values() {
                        let _ = orders.send(order.clone());
                    }
                }
                Effect::Recorded(order) => {
                    if let Some(orders) = &self.recorded {
                        let _ = orders.send(order);
                    }
                }
                Effect::Open(guest) => self.open(guest),
            }
        }
        true
    }

    /// Tells the sources of its host, and of the host of the one before, which guest is open.
    fn open(&mut self, guest: Option<(String, String)>) {
        let before = std::mem::replace(&mut self.open, guest);
        for ((host, _), orders) in &self.live {
            let on_host = |one: &&(String, String)| one.0 == *host;
            let own = self.open.as_ref().filter(on_host);
            if own.is_some() || before.as_ref().is_some_and(|one| on_host(&one)) {
                let _ = orders.send(Order::Open(own.map(|(_, name)| name.clone())));
            }
        }
        if let Some(orders) = &self.recorded {
            let _ = orders.send(Order::Open(self.open.as_ref().map(|(_, name)| name.clone())));
        }
    }
}

/// Passes on keys, the mouse and sizes, in a thread of its own.
fn read_terminal(news: SyncSender<News>) {
    thread::spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if news.send(News::Terminal(event)).is_err() {
                return;
            }
        }
    });
}

/// Looks for sources, in a thread of its own.
fn look(mut find: Finder, news: SyncSender<News>) {
    thread::spawn(move || {
        loop {
            let found = find().map_err(|error| error.to_string());
            if news.send(News::Found(found)).is_err() {
                return;
            }
            thread::sleep(FINDING);
        }
    });
}

/// The clock on the wall, nanoseconds since 1970.
fn wall_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
