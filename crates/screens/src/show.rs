//! How facts look on a screen.

use std::borrow::Cow;

use nfm_frame::escaped;

/// Characters of a text that any screen shows.
const LONGEST_TEXT: usize = 1000;

/// A text of a guest for the screen.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => escaped(text.get(..end).unwrap_or_default()),
        None => escaped(text),
    }
}

/// Bytes in four or five characters: `512K`, `1.5G`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["K", "M", "G", "T", "P"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let unit = units.get(unit).copied().unwrap_or_default();
    let is_whole = value >= 100.0 || value.fract() == 0.0;
    if is_whole { format!("{value:.0}{unit}") } else { format!("{value:.1}{unit}") }
}

/// A duration: `2.5s`, `04:05`, `3:04:05`, `12d03h`.
pub(crate) fn clock(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match seconds {
        0..60 => format!("{:.1}s", ns as f64 / 1e9),
        60..3600 => format!("{minutes:02}:{:02}", seconds % 60),
        3600..86_400 => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{}d{:02}h", hours / 24, hours % 24),
    }
}

/// Percent, or `?` where it is not known.
pub(crate) fn percent(percent: Option<f64>) -> String {
    percent.map_or_else(|| "?".to_owned(), |percent| format!("{percent:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_texts() {
        let sizes = [0, 4096, 5 << 18, 1000 << 10, 512 << 20, 3 << 29, u64::MAX];
        assert_eq!(sizes.map(size), ["0K", "4K", "1.2M", "1.0M", "512M", "1.5G", "16384P"]);
        let times = [0, 59_940_000_000, 245 << 30, 86_399_000_000_000, 90_061_000_000_000];
        assert_eq!(times.map(clock), ["0.0s", "59.9s", "04:23", "23:59:59", "1d01h"]);
        assert_eq!(text("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(text(&"x".repeat(5000)).len(), LONGEST_TEXT);
    }
}
