//! Restarts of a guest while a handle is open: they are noticed, and the new kernel is found.

use std::time::{Duration, Instant};

use super::findings::Findings;
use super::{Domain, OpenOptions, nanoseconds, not_cancelled, open};
use crate::control::Control;
use crate::error::{Error, Result};

/// How much a guest's clock may gain on the host's between two looks.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

impl Domain {
    /// True if the guest was not restarted since its kernel was found. Memory in a file never restarts.
    pub(super) fn is_same_boot(&self) -> bool {
        self.source.taken().is_some() || self.found.boot.runs_in(self.found.ram.memory())
    }

    /// Finds the kernel anew where the guest was restarted, within the time that is left of the crawl.
    pub(super) fn follow_restart(
        &mut self,
        left: Duration,
        control: Option<&Control>,
    ) -> Result<()> {
        if self.is_same_boot() {
            return Ok(());
        }
        let begun = Instant::now();
        let time_limit = self.options.time_limit.min(left);
        let control_too = control.cloned();
        let options = OpenOptions { control: control_too, time_limit, ..self.options.clone() };
        let later = open::find_kernel(self.source.as_ref(), &options);
        // Whatever else went wrong came of it.
        not_cancelled(control, &self.source.identity().name)?;
        let later = match later {
            Ok(later) => later,
            Err(Error::NotLinux { .. } | Error::NotBooted { .. }) => {
                return Err(self.restarting("it was restarted, and no kernel runs in it yet"));
            }
            Err(Error::TimeLimit { .. }) => {
                let evidence =
                    "it was restarted, and the time limit is reached before its kernel is found";
                return Err(self.restarting(evidence));
            }
            // Half of the old kernel; its own map of RAM may be anything.
            Err(Error::NoMemory { .. }) => {
                return Err(self.restarting("it was restarted, and no whole kernel is there yet"));
            }
            // The same, or a new one that cannot be used: only time tells.
            Err(
                error
                @ (Error::NoSymbols { .. } | Error::NoTypes { .. } | Error::WrongTypes { .. }),
            ) => {
                return Err(self.restarting(&format!("it was restarted; so far, {error}")));
            }
            Err(error) => return Err(error),
        };
        if !later.boot.follows(&self.found.boot) {
            // The remains of a kernel, or a new one without a clock yet. Should a kernel have set its clock back, or
            // firmware have been called without a restart (as after a sleep), it goes on all the same.
            let now = Instant::now();
            let clock = later.boot.clock;
            let earlier = self.remains.replace((clock, now));
            let goes_on = earlier.is_some_and(|(before, at)| {
                let most = nanoseconds(now.duration_since(at).saturating_add(CLOCK_SLACK));
                later.boot.goes_on_from(before, most)
            });
            if !goes_on {
                return Err(
                    self.restarting("it was restarted, and its new kernel is not there yet")
                );
            }
        }
        tracing::debug!(release = later.kernel.release, "the guest was restarted");
        self.findings = Findings::new(self.source.as_ref(), &later, begun.elapsed());
        self.found = later;
        self.restarts = self.restarts.saturating_add(1);
        self.remains = None;
        (self.plugs_problem, self.plugs_unread) = (None, false);
        Ok(())
    }

    /// There is no kernel to read.
    pub(super) fn restarting(&self, evidence: &str) -> Error {
        let domain = self.source.identity().name.clone();
        Error::NotBooted { domain, evidence: evidence.to_owned() }
    }
}
