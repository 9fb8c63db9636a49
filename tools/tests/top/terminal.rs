//! A program on a pseudo-terminal, and what it shows there.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with a program on it, which is ended with it.
pub struct Terminal {
    keys: File,
    parser: Arc<Mutex<vt100::Parser>>,
    child: Child,
}

impl Terminal {
    /// Starts a program on a terminal of so many lines and columns.
    pub fn start(command: &mut Command, lines: u16, columns: u16) -> Self {
        let pty = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&pty).expect("granted");
        unlockpt(&pty).expect("unlocked");
        let name = ptsname(&pty, Vec::new()).expect("its name").into_string().expect("UTF-8");
        set_size(&pty, lines, columns);
        let end = || File::options().read(true).write(true).open(&name).expect("the terminal");
        let child = command
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the program");
        let parser = Arc::new(Mutex::new(vt100::Parser::new(some(lines), some(columns), 0)));
        let keys = File::from(pty);
        let mut output = keys.try_clone().expect("the terminal once more");
        let screen = parser.clone();
        thread::spawn(move || {
            let mut bytes = [0; 65_536];
            // It fails when the program has ended.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                screen.lock().expect("the screen").process(&bytes[..count]);
            }
        });
        Self { keys, parser, child }
    }

    /// The program's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys");
    }

    /// The text of the screen.
    pub fn text(&self) -> String {
        self.parser.lock().expect("the screen").screen().contents()
    }

    /// Waits until the text is so, and gives it. It counts once two looks see the same: a screen comes in pieces, and one of
    /// which the upper half is new is none that anybody drew.
    pub fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        let mut last = None;
        loop {
            let text = self.text();
            if is_so(&text) && last.as_ref() == Some(&text) {
                return text;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}:\n{text}");
            last = Some(text);
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until the text has these words.
    pub fn wait_for(&self, words: &str) -> String {
        self.wait(words, |text| text.contains(words))
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, lines: u16, columns: u16) {
        self.parser.lock().expect("the screen").screen_mut().set_size(some(lines), some(columns));
        set_size(&self.keys, lines, columns);
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::WINCH).expect("a signal");
    }

    /// Clicks on the first place where a line that begins with `line` has these words.
    pub fn click(&mut self, line: &str, words: &str) {
        let text = self.text();
        let mut lines = text.lines().enumerate();
        let found =
            lines.find_map(|(y, one)| Some((one.starts_with(line).then(|| one.find(words))??, y)));
        let (x, y) = found.unwrap_or_else(|| panic!("no {words} in {line}:\n{text}"));
        self.press(&format!("\x1b[<0;{};{}M", x + 1, y + 1));
    }

    /// True if a character has another colour than the terminal's own.
    pub fn has_colours(&self) -> bool {
        let parser = self.parser.lock().expect("the screen");
        let screen = parser.screen();
        let (lines, columns) = screen.size();
        let is_coloured = |line, column| {
            let cell = screen.cell(line, column).expect("a cell");
            cell.fgcolor() != vt100::Color::Default || cell.bgcolor() != vt100::Color::Default
        };
        (0..lines.get()).any(|line| (0..columns.get()).any(|column| is_coloured(line, column)))
    }

    /// The screen as a drawing.
    pub fn svg(&self) -> String {
        svg(self.parser.lock().expect("the screen").screen())
    }

    /// Waits for the program's end.
    pub fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen of before is shown again: bytes of a program that has ended are read a moment later.
    pub fn wait_for_own_screen(&self) {
        let begun = Instant::now();
        while self.is_alternate() {
            assert!(begun.elapsed() < PATIENCE, "its screen stays:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// True if the program's own screen is shown, not the one of before.
    pub fn is_alternate(&self) -> bool {
        self.parser.lock().expect("the screen").screen().alternate_screen()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn some(size: u16) -> NonZeroU16 {
    NonZeroU16::new(size).expect("a size")
}

fn set_size(pty: &impl std::os::fd::AsFd, lines: u16, columns: u16) {
    let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(pty, size).expect("its size");
}

const CELL: (f64, usize) = (8.4, 18);
const INK: &str = "#d8dee9";
const PAPER: &str = "#1c2028";

/// A screen as SVG: a text for each run of cells that look alike.
fn svg(screen: &vt100::Screen) -> String {
    let (lines, columns) = screen.size();
    let (lines, columns) = (lines.get(), columns.get());
    let (width, height) = (CELL.0 * f64::from(columns) + 16.0, CELL.1 * usize::from(lines) + 16);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height}\" \
         font-family=\"DejaVu Sans Mono, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{PAPER}\"/>\n"
    );
    for line in 0..lines {
        let cell = |column| screen.cell(line, column).expect("a cell");
        let mut column = 0;
        while column < columns {
            let (begin, look) = (column, look(cell(column)));
            let mut text = String::new();
            while column < columns && self::look(cell(column)) == look {
                let own = cell(column).contents();
                text.push_str(if own.is_empty() { " " } else { own });
                column += 1;
            }
            let x = 8.0 + CELL.0 * f64::from(begin);
            let y = 8 + CELL.1 * usize::from(line);
            let length = CELL.0 * f64::from(column - begin);
            let (ink, paper) = if look.inverse { (PAPER, look.ink) } else { (look.ink, PAPER) };
            if look.inverse {
                svg += &format!(
                    "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{paper}\"/>\n",
                    CELL.1
                );
            }
            if text.trim().is_empty() {
                continue;
            }
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let weight = if look.bold { " font-weight=\"bold\"" } else { "" };
            let line = if look.underline { " text-decoration=\"underline\"" } else { "" };
            svg += &format!(
                "<text x=\"{x:.1}\" y=\"{}\" textLength=\"{length:.1}\" fill=\"{ink}\"{weight}{line} \
                 xml:space=\"preserve\">{text}</text>\n",
                y + 13
            );
        }
    }
    svg + "</svg>\n"
}

#[derive(PartialEq)]
struct Look {
    ink: &'static str,
    bold: bool,
    underline: bool,
    inverse: bool,
}

fn look(cell: &vt100::Cell) -> Look {
    let ink = match cell.fgcolor() {
        vt100::Color::Idx(11) => "#ebcb8b",
        vt100::Color::Idx(12) => "#81a1c1",
        vt100::Color::Idx(14) => "#88c0d0",
        _ if cell.dim() => "#7b8494",
        _ => INK,
    };
    let (bold, underline, inverse) = (cell.bold(), cell.underline(), cell.inverse());
    Look { ink, bold, underline, inverse }
}
