//! A host's guests, followed: events that a program takes one after another.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::offset_of;
use std::ops::ControlFlow;
use std::slice;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::nfm_error_t;
use super::frame::nfm_frame_t;
use super::options::{self, Options, nfm_crawl_options_t, nfm_open_options_t};
use super::rows::{Fill, Lazy, Row, hand_out_one};
use super::{ffi, free, optional, optional_text, value};
use crate::control::Control;
use crate::error::Error;
use crate::fleet::{FleetEvent, FollowOptions, Follower};
use crate::resolve::DomainSummary;
use crate::this_process::{Owner, without_signals};

/// Patterns of domains that a program may give.
const MOST_PATTERNS: usize = 65_536;

/// Domains that are followed: opened as they start, crawled at a steady rate, opened anew where their hypervisor was
/// restarted, left out when they end. Any number of threads may take its events.
pub struct nfm_fleet_t {
    follower: Arc<DomainFollower>,
    events: Arc<Events>,
    /// Ends crawls that run.
    control: Control,
    thread: Option<JoinHandle<()>>,
    owner: Owner,
}

const _: () = {
    const fn any_thread<T: Send + Sync>() {}
    any_thread::<nfm_fleet_t>();
};

type Chosen = Box<dyn Fn(&DomainSummary) -> bool + Send + Sync>;
type Each = Box<dyn Fn(FleetEvent<'_>) -> ControlFlow<()> + Send + Sync>;
type DomainFollower = Follower<Chosen, Each>;

/// Which domains to follow, and how. Zero the whole structure, then set size and what is to differ from the default. It
/// is only read during the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct nfm_fleet_options_t {
    /// sizeof(nfm_fleet_options_t).
    pub size: usize,
    /// How each domain is opened, and over which connection to libvirt they are listed; NULL for the defaults.
    pub open: *const nfm_open_options_t,
    /// How each is crawled; NULL for the defaults.
    pub crawl: *const nfm_crawl_options_t,
    /// The domains: UUIDs, or names in which * and ? stand for others (fnmatch()), and a NULL after the last; NULL for
    /// all.
    pub domains: *const *const c_char,
    /// The time from one frame of a domain to the next; 0 for the default, 1 second.
    pub period_ns: u64,
    /// The time from one look at which domains run to the next, the longest that a new one waits for its first frame;
    /// 0 for the default, 2 seconds.
    pub listing_period_ns: u64,
    /// Threads that crawl; 0 for the default, 2. The second and later ones help where the first is late.
    pub threads: u32,
    /// Zero.
    pub reserved: u32,
    /// 1 to follow the QEMU processes of this host, known to libvirt or not, instead of a libvirt's domains: libvirt is
    /// not asked, and uri and connection of open are NULL. The UUID of each is "qemu:PID" then, as nfm_open_domain()
    /// takes it. 0 for domains.
    pub processes: u32,
    /// Zero.
    pub reserved_2: u32,
}

// SAFETY: integers and raw pointers.
unsafe impl Options for nfm_fleet_options_t {
    const NAME: &str = "nfm_fleet_options_t";
    const SMALLEST: usize = offset_of!(Self, reserved) + size_of::<u32>();
}

/// Something that happened to a domain, as an int. Later versions may add some.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_event_kind_t {
    /// It was opened: for the first time, or after it had ended.
    NFM_EVENT_NEW = 1,
    /// It was crawled.
    NFM_EVENT_FRAME = 2,
    /// It could not be opened or crawled. It is tried again, ever less often.
    NFM_EVENT_FAILED = 3,
    /// It ended. If it is started again, it is new.
    NFM_EVENT_GONE = 4,
    /// libvirt does not tell which domains run. Those that are open are crawled all the same.
    NFM_EVENT_NOT_LISTED = 5,
}

/// Something that happened to a domain of a fleet. It never changes, and all that its functions return belongs to it:
/// any number of threads may read it at the same time, until nfm_event_free().
pub struct nfm_event_t {
    content: Content,
    info: Lazy<nfm_event_info_t>,
}

/// An event, before C sees it.
pub struct Content {
    kind: nfm_event_kind_t,
    /// Name and UUID of the domain; `None` where it is of none.
    domain: Option<(String, String)>,
    /// The frame, and the one before it.
    frames: [Option<Box<nfm_frame_t>>; 2],
    restarted: bool,
    failure: Option<Failure>,
}

impl Content {
    fn is_failure_of(&self, other: &Self) -> bool {
        self.failure.is_some() && self.kind == other.kind && self.domain == other.domain
    }
}

struct Failure {
    error: Box<nfm_error_t>,
    again: Duration,
    repeated: bool,
}

/// Bit of nfm_event_info_t.known: name.
pub const NFM_EVENT_INFO_NAME: u64 = 1u64 << 0;
/// Bit of nfm_event_info_t.known: uuid.
pub const NFM_EVENT_INFO_UUID: u64 = 1u64 << 1;
/// Bit of nfm_event_info_t.known: frame.
pub const NFM_EVENT_INFO_FRAME: u64 = 1u64 << 2;
/// Bit of nfm_event_info_t.known: before.
pub const NFM_EVENT_INFO_BEFORE: u64 = 1u64 << 3;
/// Bit of nfm_event_info_t.known: error.
pub const NFM_EVENT_INFO_ERROR: u64 = 1u64 << 4;
/// Bit of nfm_event_info_t.known: retry_after_ns.
pub const NFM_EVENT_INFO_RETRY_AFTER_NS: u64 = 1u64 << 5;

/// The members of an event.
#[repr(C)]
pub struct nfm_event_info_t {
    /// Which members are known, NFM_EVENT_INFO_... combined; kind, restarted and repeated always are.
    pub known: u64,
    /// The domain's name; NULL with NFM_EVENT_NOT_LISTED.
    pub name: *const c_char,
    /// The domain's UUID in the usual text form; NULL with NFM_EVENT_NOT_LISTED.
    pub uuid: *const c_char,
    /// The frame of NFM_EVENT_FRAME; NULL with others. nfm_frame_share() keeps it for longer than the event.
    pub frame: *const nfm_frame_t,
    /// The domain's frame before that one, for nfm_frame_diff(); NULL where there is none.
    pub before: *const nfm_frame_t,
    /// Why NFM_EVENT_FAILED or NFM_EVENT_NOT_LISTED; NULL with others. nfm_error_retry() tells whether it passes by
    /// itself.
    pub error: *const nfm_error_t,
    /// With error: the time until the next try.
    pub retry_after_ns: u64,
    /// The kind of event, one of nfm_event_kind_t.
    pub kind: u32,
    /// With NFM_EVENT_FRAME: 1 if the guest's kernel, or its hypervisor, was started anew since the frame before, else 0.
    pub restarted: u32,
    /// With error: 1 if the last try failed with the same number, else 0. Who reports failures has reported this one.
    pub repeated: u32,
    /// Zero.
    pub reserved: u32,
}

impl Row for nfm_event_info_t {
    type Item = Content;

    fn of(content: &Content, fill: &mut Fill) -> Self {
        let Content { kind, domain, frames: [frame, before], restarted, failure } = content;
        let (domain, failure) = (domain.as_ref(), failure.as_ref());
        let again = failure.map(|failure| nanoseconds(failure.again));
        let error = failure.map(|failure| &*failure.error);
        Self {
            name: fill.text(NFM_EVENT_INFO_NAME, domain.map(|(name, _)| name.as_str())),
            uuid: fill.text(NFM_EVENT_INFO_UUID, domain.map(|(_, uuid)| uuid.as_str())),
            frame: fill.handle(NFM_EVENT_INFO_FRAME, frame.as_deref()),
            before: fill.handle(NFM_EVENT_INFO_BEFORE, before.as_deref()),
            error: fill.handle(NFM_EVENT_INFO_ERROR, error),
            retry_after_ns: fill.value(NFM_EVENT_INFO_RETRY_AFTER_NS, again),
            kind: *kind as u32,
            restarted: u32::from(*restarted),
            repeated: u32::from(failure.is_some_and(|failure| failure.repeated)),
            reserved: 0,
            known: fill.known(),
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The events that nobody took yet. A domain has one frame among them at most: the thread that crawls waits until it
/// was taken, so that none is lost, and no more are held than there are domains.
#[derive(Default)]
struct Events {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Content>,
    /// UUIDs of the domains that have a frame in it.
    with_frame: HashSet<String>,
    /// The last frame of each domain, by its UUID.
    last: HashMap<String, nfm_frame_t>,
    /// No further event is wanted.
    stopped: bool,
    /// The threads that make events have ended.
    ended: bool,
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, event: FleetEvent<'_>) -> ControlFlow<()> {
        let content = |kind, domain: Option<&DomainSummary>| Content {
            kind,
            domain: domain.map(|domain| (domain.name.clone(), domain.uuid.clone())),
            frames: [None, None],
            restarted: false,
            failure: None,
        };
        let failure = |error: &Error, again, repeated| {
            Some(Failure { error: Box::new(error.into()), again, repeated })
        };
        use nfm_event_kind_t::*;
        let mut waiting = self.lock();
        let event = match event {
            FleetEvent::New { domain } => content(NFM_EVENT_NEW, Some(domain)),
            FleetEvent::Gone { domain } => {
                waiting.last.remove(&domain.uuid);
                content(NFM_EVENT_GONE, Some(domain))
            }
            FleetEvent::Failed { domain, error, again, repeated } => Content {
                failure: failure(error, again, repeated),
                ..content(NFM_EVENT_FAILED, Some(domain))
            },
            FleetEvent::NotListed { error, again, repeated } => Content {
                failure: failure(error, again, repeated),
                ..content(NFM_EVENT_NOT_LISTED, None)
            },
            FleetEvent::Frame { domain, frame, restarted } => {
                while waiting.with_frame.contains(&domain.uuid) && !waiting.stopped {
                    waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
                let frame = nfm_frame_t::new(*frame);
                let before = waiting.last.insert(domain.uuid.clone(), frame.another());
                waiting.with_frame.insert(domain.uuid.clone());
                let frames = [Some(Box::new(frame)), before.map(Box::new)];
                Content { frames, restarted, ..content(NFM_EVENT_FRAME, Some(domain)) }
            }
        };
        if waiting.stopped {
            return ControlFlow::Break(());
        }
        // Whoever takes no events is told once, however often it is tried.
        let is_repetition = event.failure.as_ref().is_some_and(|failure| failure.repeated)
            && waiting.events.iter().any(|other| other.is_failure_of(&event));
        if is_repetition {
            return ControlFlow::Continue(());
        }
        waiting.events.push_back(event);
        self.changed.notify_all();
        ControlFlow::Continue(())
    }

    /// The next event; `None` where there was none within so much time.
    fn take(&self, patience: Duration) -> Result<Option<Content>, nfm_error_t> {
        let end = Instant::now().checked_add(patience);
        let mut waiting = self.lock();
        loop {
            if waiting.stopped {
                return Err(Error::Cancelled { domain: "the fleet".to_owned() }.into());
            }
            if let Some(event) = waiting.events.pop_front() {
                if let (Some((_, uuid)), [Some(_), _]) = (&event.domain, &event.frames) {
                    waiting.with_frame.remove(uuid);
                    self.changed.notify_all();
                }
                return Ok(Some(event));
            }
            if waiting.ended {
                return Err(nfm_error_t::panic("the threads of the fleet have ended"));
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            waiting = match left {
                Some(Duration::ZERO) => return Ok(None),
                Some(left) => {
                    let woken = self.changed.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn stop(&self) {
        let mut waiting = self.lock();
        waiting.stopped = true;
        waiting.events.clear();
        self.changed.notify_all();
    }
}

/// Tells that the threads have ended, also by a panic.
struct Ended(Arc<Events>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl nfm_fleet_t {
    fn start(mut options: FollowOptions, patterns: Vec<CString>) -> Result<Self, nfm_error_t> {
        let control = Control::default();
        for own in [&mut options.open.control, &mut options.crawl.control] {
            own.get_or_insert_with(|| control.clone());
        }
        let events = Arc::new(Events::default());
        let chosen: Chosen = Box::new(move |domain| is_chosen(domain, &patterns));
        let told = Arc::clone(&events);
        let each: Each = Box::new(move |event| told.add(event));
        let follower = Arc::new(Follower::new(options, chosen, each)?);
        let (running, ended) = (Arc::clone(&follower), Ended(Arc::clone(&events)));
        let run = move || {
            let _ended = ended;
            running.run();
        };
        let thread = std::thread::Builder::new().name("nfm-fleet".to_owned());
        let thread = without_signals(|| thread.spawn(run))
            .map_err(|error| Error::io("the thread of the fleet", error))?;
        Ok(Self { follower, events, control, thread: Some(thread), owner: Owner::this() })
    }

    fn stop(&self) {
        self.follower.stop();
        self.control.cancel();
        self.events.stop();
    }
}

impl Drop for nfm_fleet_t {
    fn drop(&mut self) {
        // A child by fork has none of the threads, and perhaps a lock that one of them held.
        let Some(thread) = self.thread.take() else { return };
        if self.owner.is_this() {
            self.stop();
            // A panic of it was said by Rust's own handler.
            let _ = thread.join();
        } else {
            std::mem::forget(thread);
        }
    }
}

/// Is one of the patterns the domain's UUID, or does one fit its name? All are chosen where there is none.
fn is_chosen(domain: &DomainSummary, patterns: &[CString]) -> bool {
    // A name of libvirt's has no NUL.
    let Ok(name) = CString::new(domain.name.as_str()) else { return false };
    patterns.is_empty()
        || patterns.iter().any(|pattern| {
            pattern.to_bytes().eq_ignore_ascii_case(domain.uuid.as_bytes())
                // SAFETY: two strings.
                || unsafe { libc::fnmatch(pattern.as_ptr(), name.as_ptr(), 0) } == 0
        })
}

/// # Safety
/// As of [`options::read`]; `domains` is NULL, or strings and a NULL.
unsafe fn patterns(mut domains: *const *const c_char) -> Result<Vec<CString>, nfm_error_t> {
    let mut patterns = Vec::new();
    // SAFETY: NULL or strings and a NULL, by the caller's promise; it goes on only behind a string.
    while let Some(pattern) = unsafe { domains.as_ref() }.filter(|pattern| !pattern.is_null()) {
        if patterns.len() == MOST_PATTERNS {
            return Err(nfm_error_t::invalid("options: domains has no NULL after the last"));
        }
        // SAFETY: a string, by the caller's promise.
        unsafe {
            optional_text(*pattern, "domains")?;
            patterns.push(CStr::from_ptr(*pattern).to_owned());
            domains = domains.add(1);
        }
    }
    Ok(patterns)
}

/// Follows the running domains of a libvirt, or the QEMU processes of this host: opens them as they start, crawls each
/// once a period, and tells of each what happens to it, until nfm_fleet_free(). nfm_fleet_next() gives the events.
///
/// The library starts threads for that, as many as the options say and one more, in which all signals are blocked.
///
/// Parameters: options, or NULL for the defaults; out receives the fleet; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT; NFM_ERR_CONNECT, as libvirt must be there at the beginning (later it may go and
/// come back); NFM_ERR_DESCRIPTORS, NFM_ERR_PANIC, NFM_ERR_OTHER.
/// Ownership: the fleet is the caller's, to be ended with nfm_fleet_free().
/// Threads: any.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_fleet_start(
    options: *const nfm_fleet_options_t,
    out: *mut *mut nfm_fleet_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: each is NULL or valid, by the caller's promise.
        let (given, (open, log), crawl, patterns) = unsafe {
            let given = options::read(options)?;
            (
                given,
                options::open(given.open)?,
                options::crawl(given.crawl)?,
                patterns(given.domains)?,
            )
        };
        options::zero(given.reserved)?;
        options::zero(given.reserved_2)?;
        let processes = options::flag("processes", given.processes)?;
        if processes && (open.uri.is_some() || open.connection.is_some()) {
            let words =
                "options: processes are followed without libvirt; leave uri and connection NULL";
            return Err(nfm_error_t::invalid(words));
        }
        let mut options = FollowOptions { open, crawl, processes, ..FollowOptions::default() };
        for (own, given) in [
            (&mut options.period, given.period_ns),
            (&mut options.listing_period, given.listing_period_ns),
        ] {
            if given != 0 {
                *own = Duration::from_nanos(given);
            }
        }
        if given.threads != 0 {
            options.threads = usize::try_from(given.threads).unwrap_or(usize::MAX);
        }
        options.subscriber = log.subscriber();
        log.scope(|| nfm_fleet_t::start(options, patterns))
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_fleet_start);

/// The next event of a fleet. The events of one domain come in their order.
///
/// A domain has one frame at most that was not taken yet: whoever takes them more slowly than the period gets the next
/// ones later, and loses none.
///
/// Parameters: fleet; timeout_ns, for how long to wait, 0 to take what is there, UINT64_MAX for ever; out receives the
/// event, NULL if there was none within that time; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT, also in a child by fork() of the process that started the fleet;
/// NFM_ERR_CANCELLED after nfm_fleet_stop(); NFM_ERR_PANIC if the fleet ended by a bug.
/// Ownership: the event is the caller's, to be ended with nfm_event_free(); it may outlive the fleet.
/// Threads: any number at the same time; each event is given to one.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_fleet_next(
    fleet: *mut nfm_fleet_t,
    timeout_ns: u64,
    out: *mut *mut nfm_event_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let patience = match timeout_ns {
        u64::MAX => Duration::MAX,
        timeout => Duration::from_nanos(timeout),
    };
    let body = || {
        // SAFETY: NULL or a fleet, by the caller's promise.
        let fleet = unsafe { fleet.as_ref() }.ok_or_else(|| nfm_error_t::null("fleet"))?;
        if !fleet.owner.is_this() {
            return Err(Error::Forked.into());
        }
        let event = fleet.events.take(patience)?;
        Ok(event.map(|content| nfm_event_t { content, info: Lazy::default() }))
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { optional(out, error, body) }
}
symver!("NFM_0.1", nfm_fleet_next);

/// Has nfm_fleet_next() return NFM_ERR_CANCELLED from now on, also where it waits. Does not wait for the fleet's
/// threads; nfm_fleet_free() does.
///
/// Parameters: fleet, or NULL, which does nothing.
/// Errors: none.
/// Ownership: fleet stays the caller's.
/// Threads: any number at the same time; not from a signal handler.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_fleet_stop(fleet: *mut nfm_fleet_t) {
    value((), || {
        // SAFETY: NULL or a fleet, by the caller's promise.
        if let Some(fleet) = unsafe { fleet.as_ref() }.filter(|fleet| fleet.owner.is_this()) {
            fleet.stop();
        }
    });
}
symver!("NFM_0.1", nfm_fleet_stop);

/// Ends a fleet: waits until its threads are gone, and closes its domains. A crawl that runs is cancelled, unless the
/// options named a control of the caller's.
///
/// In a child by fork() of the process that started it, it frees what the child has of it alone.
///
/// Parameters: fleet, or NULL, which does nothing.
/// Errors: none. To free a fleet twice, or while it is used, is undefined.
/// Ownership: fleet is no more; its events stay.
/// Threads: any, once no other uses the fleet.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_fleet_free(fleet: *mut nfm_fleet_t) {
    // SAFETY: NULL or a fleet that is freed this once, by the caller's promise.
    unsafe { free(fleet) };
}
symver!("NFM_0.1", nfm_fleet_free);

/// The members of an event.
///
/// Parameters: event.
/// Returns: the members; NULL only if event is NULL.
/// Errors: none.
/// Ownership: the event's, as are its frames and its error.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_event_info(event: *const nfm_event_t) -> *const nfm_event_info_t {
    // SAFETY: NULL or an event, by the caller's promise.
    unsafe { hand_out_one(event, |event| event.info.of(Some(slice::from_ref(&event.content)))) }
}
symver!("NFM_0.1", nfm_event_info);

/// Frees an event, and with it its frames, unless there are other handles of them (nfm_frame_share()).
///
/// Parameters: event, or NULL, which does nothing.
/// Errors: none. To free an event twice, or while it is read, is undefined.
/// Ownership: event is no more.
/// Threads: any, once no other uses the event.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_event_free(event: *mut nfm_event_t) {
    // SAFETY: NULL or an event that is freed this once, by the caller's promise.
    unsafe { free(event) };
}
symver!("NFM_0.1", nfm_event_free);
