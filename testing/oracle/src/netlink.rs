//! Lines of the lab's `oracle --routes` and `oracle --neighbours`.

use std::collections::HashMap;

use crate::view::Reading;

/// One line: its words by their names.
pub type Line = HashMap<String, String>;

/// The lines of one of the guest's own views.
pub fn lines(reading: &Reading, file: &str) -> Vec<Line> {
    let words = |line: &str| {
        let words = line.split(' ').map(|word| word.split_once('=').expect("NAME=VALUE"));
        words.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    reading.text(file).lines().map(words).collect()
}

/// A word that is a number.
pub fn number(line: &Line, name: &str) -> u64 {
    line[name].parse().unwrap_or_else(|_| panic!("{name} is no number: {line:?}"))
}

/// The family's name.
pub fn family_of(line: &Line) -> &'static str {
    if line["family"] == "2" { "inet" } else { "inet6" }
}

/// A number's name, or the number.
pub fn name(names: &[(u64, &str)], number: u64) -> String {
    let known = names.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}
