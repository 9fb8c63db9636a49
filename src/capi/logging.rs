//! Diagnostic messages of the library, to functions of the caller's: one for the process, and one for each handle that
//! wants its own.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::fmt::{self, Write};
use std::sync::{PoisonError, RwLock};

use tracing::dispatcher::{self, Dispatch};
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber, span};

use super::error::{c_text, nfm_error_t};
use super::status;

/// How grave a message is, as nfm_set_log() takes and tells it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum nfm_log_level_t {
    /// Nothing is told.
    NFM_LOG_OFF = 0,
    /// Something failed that cannot be returned: a guest that could not be resumed, for example.
    NFM_LOG_ERROR = 1,
    /// Something looks wrong.
    NFM_LOG_WARN = 2,
    /// Events.
    NFM_LOG_INFO = 3,
    /// Findings on the way, for whoever looks for a fault.
    NFM_LOG_DEBUG = 4,
    /// Everything.
    NFM_LOG_TRACE = 5,
}

impl nfm_log_level_t {
    fn of(level: Level) -> Self {
        match level {
            Level::ERROR => Self::NFM_LOG_ERROR,
            Level::WARN => Self::NFM_LOG_WARN,
            Level::INFO => Self::NFM_LOG_INFO,
            Level::DEBUG => Self::NFM_LOG_DEBUG,
            Level::TRACE => Self::NFM_LOG_TRACE,
        }
    }
}

/// The function that is called for each message (nfm_set_log(), nfm_open_options_t.log): with its level, one of
/// nfm_log_level_t; the part of the library that it comes from ("nfm::domain::open"); the message, UTF-8 in one line,
/// which can contain names that come from the guest; and the pointer that was given along with the function. The texts
/// are only there during the call.
pub type nfm_log_callback_t = Option<
    unsafe extern "C" fn(
        level: c_int,
        target: *const c_char,
        message: *const c_char,
        user: *mut c_void,
    ),
>;

/// A callback, and the messages that it is told.
#[derive(Clone, Copy)]
struct Listener {
    level: c_int,
    callback: nfm_log_callback_t,
    user: *mut c_void,
}

// SAFETY: the pointer is only handed to the callback, which by the caller's promise any thread may call.
unsafe impl Send for Listener {}
// SAFETY: as above.
unsafe impl Sync for Listener {}

/// The listener of the process.
static LISTENER: RwLock<Listener> =
    RwLock::new(Listener { level: 0, callback: None, user: std::ptr::null_mut() });

thread_local! {
    /// True while this thread is in a callback. It may hold `LISTENER` for reading then.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Has the library's diagnostic messages told to a function; there is one for the whole process. Handles that were opened
/// with a function of their own (nfm_open_options_t.log) tell theirs to that alone.
///
/// The function is called on whichever thread the message arises, several at the same time, while that
/// thread is inside a function of this library. It must return in the ordinary way (no longjmp, no C++
/// exception). It may call functions of this library, but messages that arise from that are not told,
/// and this function refuses. Once this function returns, the earlier function is not called any more.
///
/// Parameters: level, the least grave that is told, one of nfm_log_level_t; callback, or NULL for none;
/// user, what the callback is given; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT for a level that is none, and within the callback; NFM_ERR_OTHER if
/// the program is written in Rust and has a tracing subscriber of its own.
/// Ownership: user stays the caller's; it must last until another function is set.
/// Threads: any; waits until no thread is in the earlier function.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_set_log(
    level: c_int,
    callback: nfm_log_callback_t,
    user: *mut c_void,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        check_level(level)?;
        if INSIDE.get() {
            return Err(nfm_error_t::invalid("the log's callback cannot set another one"));
        }
        if callback.is_some() {
            install()?;
        }
        let mut listener = LISTENER.write().unwrap_or_else(PoisonError::into_inner);
        *listener = Listener { level, callback, user };
        Ok(())
    };
    // SAFETY: NULL or may be written, by the caller's promise.
    unsafe { status(error, body) }
}
symver!("NFM_0.1", nfm_set_log);

fn check_level(level: c_int) -> Result<(), nfm_error_t> {
    let levels = nfm_log_level_t::NFM_LOG_OFF as c_int..=nfm_log_level_t::NFM_LOG_TRACE as c_int;
    match levels.contains(&level) {
        true => Ok(()),
        false => Err(nfm_error_t::invalid(format!("level: there is no level {level}"))),
    }
}

/// Makes this library's messages come here, once for the process.
fn install() -> Result<(), nfm_error_t> {
    if dispatcher::has_been_set() && dispatcher::get_default(|one| one.is::<Log>()) {
        return Ok(());
    }
    tracing::subscriber::set_global_default(Log(None))
        .map_err(|_| nfm_error_t::other("this program has a tracing subscriber of its own already"))
}

/// Where the messages of one handle go: to a function of its own, or to that of the process.
#[derive(Default)]
pub(super) struct HandleLog(Option<Dispatch>);

impl HandleLog {
    /// By the members of options; a level of 0 is that of warnings.
    pub(super) fn new(
        callback: nfm_log_callback_t,
        user: *mut c_void,
        level: c_int,
    ) -> Result<Self, nfm_error_t> {
        check_level(level)?;
        let level = match level {
            0 => nfm_log_level_t::NFM_LOG_WARN as c_int,
            level => level,
        };
        let listener = Listener { level, callback, user };
        Ok(Self(callback.is_some().then(|| Dispatch::new(Log(Some(listener))))))
    }

    /// Does something for the handle.
    pub(super) fn scope<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(own) => dispatcher::with_default(own, act),
            None => act(),
        }
    }

    /// For threads of the handle's own.
    pub(super) fn subscriber(&self) -> Option<Dispatch> {
        self.0.clone()
    }
}

/// Tells a listener of each event: one of its own, or else that of the process.
struct Log(Option<Listener>);

impl Log {
    fn with_listener<T>(&self, act: impl FnOnce(&Listener) -> T) -> T {
        match &self.0 {
            Some(own) => act(own),
            None => act(&LISTENER.read().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl Subscriber for Log {
    /// Asked once for each place in the code: the level may be another one later.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // A thread that is in the callback holds the lock: it must not ask for it once more.
        if INSIDE.get() || !metadata.target().starts_with("nfm") {
            return false;
        }
        let level = nfm_log_level_t::of(*metadata.level()) as c_int;
        self.with_listener(|listener| listener.callback.is_some() && level <= listener.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = nfm_log_level_t::of(*event.metadata().level()) as c_int;
        self.with_listener(|listener| tell(listener, level, event.metadata().target(), &line.0));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn tell(listener: &Listener, level: c_int, target: &str, message: &str) {
    let Some(callback) = listener.callback else { return };
    let (target, message) = (c_text(target), c_text(message));
    INSIDE.set(true);
    // SAFETY: by the caller's promise it may be called on any thread; the texts outlive the call.
    unsafe { callback(level, target.as_ptr(), message.as_ptr(), listener.user) };
    INSIDE.set(false);
}

/// An event in one line: its message, then its fields.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let gap = if self.0.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{gap}{value:?}"),
            name => write!(self.0, "{gap}{name}={value:?}"),
        };
    }
}
