//! `nfm dump`.

use std::io::Write;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nfm::{DumpOptions, Mode};
use serde_json::json;

use super::{Verb, json, open_only};
use crate::args::Dump;
use crate::guard::Guard;
use crate::show::{complain, escaped, size};

/// The progress bar on a terminal; elsewhere there is none.
const BAR: &str = "{bar:40} {binary_bytes} of {binary_total_bytes}, {eta} left";

/// `nfm dump`: a guest's memory to a file.
pub(crate) fn dump(options: &nfm::OpenOptions, dump: &Dump, out: &mut dyn Write) -> Verb {
    let mut domain = open_only(options, &dump.target.domain)?;
    let guard = match dump.paused {
        true => Guard::start(domain.findings())?,
        false => None,
    };
    let mut options = DumpOptions::default();
    options.mode = if dump.paused { Mode::Paused } else { Mode::Live };
    options.overwrite = dump.force;
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    let written = domain.dump(&dump.file, &options, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    // The guest runs again by now, written or not.
    if let Some(guard) = guard {
        guard.dismiss();
    }
    let written = written?;
    let file = dump.file.display().to_string();
    if dump.target.json {
        let report = json!({
            "file": file,
            "ram_bytes": written.ram_bytes,
            "written_bytes": written.written_bytes,
            "unreadable_bytes": written.unreadable_bytes,
            "left_out": domain.findings().unplaced,
            "duration_ns": written.duration.as_nanos() as u64,
            "paused": dump.paused,
        });
        json(out, &report)?;
    } else {
        writeln!(
            out,
            "{}: {} of RAM, {} of them not zeros, in {:.1} s",
            escaped(&file),
            size(written.ram_bytes),
            size(written.written_bytes),
            written.duration.as_secs_f64()
        )?;
    }
    if written.unreadable_bytes > 0 {
        let unreadable = size(written.unreadable_bytes);
        complain(format_args!("{unreadable} could not be read and are zeros in it"));
    }
    if written.left_out_bytes > 0 {
        let left_out = size(written.left_out_bytes);
        let runs = domain.findings().unplaced.iter();
        let runs = runs.map(|(start, length)| format!("{start:#x} + {}", size(*length)));
        let runs = runs.collect::<Vec<_>>().join(", ");
        eprintln!(
            "nfm: {left_out} of RAM are left out, as it is not certain where the hypervisor keeps them: {runs}; \
             `virsh dump --memory-only` has them"
        );
    }
    Ok(ExitCode::SUCCESS)
}
