//! The example in C that follows guests (`examples/c/nfm-follow.c`), and what it told of each.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::programs::Build;

/// An emulated guest on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running example. Each line that it prints has the domain's name first.
pub struct Following {
    child: Child,
    lines: Receiver<String>,
    told: BTreeMap<String, Vec<String>>,
}

impl Following {
    /// Starts it, for the domains of a libvirt whose names fit a pattern.
    pub fn start(build: &Build, uri: &str, pattern: &str) -> Self {
        let mut command = build.program("examples/c/nfm-follow.c");
        command.arg(pattern).env("LIBVIRT_DEFAULT_URI", uri);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the example");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (told, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| told.send(line))
        });
        Self { child, lines, told: BTreeMap::new() }
    }

    /// Waits for a line of a domain, behind its first `after` ones; gives how many there are then.
    pub fn wait(&mut self, domain: &str, after: usize, is: impl Fn(&str) -> bool) -> usize {
        let end = Instant::now() + PATIENCE;
        loop {
            let told = self.told.entry(domain.to_owned()).or_default();
            if let Some(place) = told.iter().skip(after).position(|line| is(line)) {
                return after + place + 1;
            }
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("{:#?}", self.told));
            let (domain, what) = line.split_once(' ').expect("a domain, and what befell it");
            self.told.entry(domain.to_owned()).or_default().push(what.to_owned());
        }
    }

    /// Panics unless a domain was new, once it had booted, and had one frame after another since, and nothing else.
    /// Gives the number of its frames.
    pub fn lost_nothing(&self, domain: &str) -> usize {
        let events = self.told.get(domain).expect("events");
        let opened = events.iter().position(|line| !line.contains("firmware or boot loader"));
        let events = events.get(opened.unwrap_or_default()..).unwrap_or_default();
        assert_eq!(events.first().map(String::as_str), Some("new"), "{domain}: {events:#?}");
        for (index, line) in events.iter().skip(1).enumerate() {
            assert!(line.starts_with(&format!("frame {}", index + 1)), "{domain}: {events:#?}");
        }
        events.len() - 1
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
