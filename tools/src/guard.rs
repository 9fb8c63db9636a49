//! A process that resumes a suspended domain when nfm ends without having done so.
//!
//! nfm keeps one end of a pipe. However nfm ends, killed included, the pipe closes, and the guard, which
//! has its own process group, resumes the domain.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};

use crate::Failure;

/// Tells the guard that there is nothing to do.
const DISMISSED: &[u8] = b"done";

/// The guard's process, as nfm sees it.
pub(crate) struct Guard {
    process: Child,
}

impl Guard {
    /// Starts the guard of an open domain; `None` for what libvirt does not run, which cannot be
    /// suspended.
    pub(crate) fn start(found: &nfm::Findings) -> Result<Option<Self>, Failure> {
        let (Some(uri), Some(uuid)) = (&found.uri, &found.uuid) else { return Ok(None) };
        let process = Command::new("/proc/self/exe")
            .args(["resume-guard", uri, uuid])
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()?;
        Ok(Some(Self { process }))
    }

    /// Ends the guard: every frame is taken, and the domain runs.
    pub(crate) fn dismiss(mut self) {
        if let Some(mut pipe) = self.process.stdin.take() {
            let _ = pipe.write_all(DISMISSED);
        }
        let _ = self.process.wait();
    }
}

/// The guard itself: waits for the end of its standard input.
pub(crate) fn run(uri: &str, uuid: &str) -> Result<ExitCode, Failure> {
    let mut said = Vec::new();
    io::stdin().read_to_end(&mut said)?;
    if said != DISMISSED {
        nfm::resume_if_paused(uri, uuid)?;
    }
    Ok(ExitCode::SUCCESS)
}
