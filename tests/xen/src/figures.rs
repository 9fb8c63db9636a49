//! The cost of frames here. Emulation of emulation is slow and uneven: compare the figures of one run.

use std::process::Command;
use std::time::{Duration, Instant};

use nfm::{CrawlOptions, Domain, OpenOptions, Section};

use crate::lab::{Guest, URI};

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// How often the guest is opened.
const OPENED: u32 = 3;

/// The limits of the back end that are measured, and the figures that show them.
const LIMITS: [(&str, &[(&str, &str)]); 4] = [
    ("as usual", &[]),
    ("nothing kept mapped", &[("NFM_XEN_KEPT_PAGES", "0")]),
    ("one page a call", &[("NFM_XEN_BATCH", "1")]),
    ("one page a call, none kept", &[("NFM_XEN_BATCH", "1"), ("NFM_XEN_KEPT_PAGES", "0")]),
];

/// Prints the figures of a guest under each of the limits.
pub fn print(title: &str, guest: &Guest) {
    for (what, variables) in LIMITS {
        of(&format!("{title}, {what}"), URI, guest.domain(), variables);
    }
}

/// Measures in a process of its own, as the limits are read once, and prints a line.
pub fn of(title: &str, uri: &str, domain: &str, variables: &[(&str, &str)]) {
    let output = Command::new("/proc/self/exe")
        .args(["measure", uri, domain])
        .envs(variables.iter().copied())
        .output()
        .expect("a process to measure in");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("  {title}: {}", text.trim());
}

/// Measures frames of a domain and prints one line.
pub fn measure(uri: &str, domain: &str) -> Result<(), nfm::Error> {
    let mut options = OpenOptions::default();
    options.uri = Some(uri.to_owned());
    // The shortest of some: opening reads the kernel's image, page after page.
    let mut opened = f64::INFINITY;
    for _ in 0..OPENED {
        let domain = Domain::open(domain, &options)?;
        opened = opened.min(domain.findings().open_time.as_secs_f64() * 1e3);
    }
    let mut domain = Domain::open(domain, &options)?;
    let mut line = format!("open {opened:.0} ms");
    let kinds = [
        ("processes", CrawlOptions::sections(&[Section::Processes])),
        ("full", CrawlOptions::default()),
    ];
    for (what, options) in kinds {
        // The first one maps what the others find mapped.
        domain.crawl(&options)?;
        let begun = Instant::now();
        let mut frames = 0;
        while begun.elapsed() < MEASURED {
            domain.crawl(&options)?;
            frames += 1;
        }
        let rate = f64::from(frames) / begun.elapsed().as_secs_f64();
        let cost = domain.statistics();
        line +=
            &format!("; {what} {rate:.1} frames/s ({} pages, {} reads)", cost.pages, cost.batches);
    }
    println!("{line}");
    Ok(())
}
