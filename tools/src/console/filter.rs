//! Filters behind `|` in a line of the console: `grep`, `head`, `tail`, `wc`.

use std::collections::VecDeque;
use std::io;

use regex::bytes::{Regex, RegexBuilder};

/// Lines of an output, each with its line break.
pub(super) type Lines<'a> = Box<dyn Iterator<Item = io::Result<Vec<u8>>> + 'a>;

/// The lines that `head` and `tail` let through where no number is named.
const FEW: usize = 10;

/// The filters and their arguments, for errors and for help.
pub(super) const FORMS: &str = "grep [-i] [-v] [-c] PATTERN, head [-N], tail [-N] or wc [-l]";

/// A filter of lines.
#[derive(Debug)]
pub(super) enum Filter {
    /// The lines in which a pattern is found, or is not, or their number.
    Grep { pattern: Regex, is_inverted: bool, counts: bool },
    /// The first lines.
    Head(usize),
    /// The last lines.
    Tail(usize),
    /// The number of lines, and that of words and bytes unless lines alone are asked for.
    Count { lines_only: bool },
}

impl Filter {
    /// A filter from its words.
    ///
    /// # Errors
    /// One sentence: there is no such filter, or its arguments are wrong.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let (name, arguments) = words.split_first().ok_or("a filter is missing behind '|'")?;
        match name.as_str() {
            "grep" => grep(arguments),
            "head" => few(arguments).map(Self::Head),
            "tail" => few(arguments).map(Self::Tail),
            "wc" => match arguments {
                [] => Ok(Self::Count { lines_only: false }),
                [option] if option == "-l" => Ok(Self::Count { lines_only: true }),
                _ => Err("wc takes -l or nothing".to_owned()),
            },
            _ => Err(format!("there is no filter '{name}': there are {FORMS}")),
        }
    }

    /// The lines that it lets through, or makes of them.
    pub fn over<'a>(&'a self, lines: Lines<'a>) -> Lines<'a> {
        match self {
            Self::Grep { pattern, is_inverted, counts } => {
                let fits = move |line: &[u8]| {
                    pattern.is_match(line.strip_suffix(b"\n").unwrap_or(line)) != *is_inverted
                };
                let kept = lines.filter(move |line| line.as_ref().map_or(true, |line| fits(line)));
                match counts {
                    false => Box::new(kept),
                    true => total(kept, |_| 1, |count| format!("{count}\n")),
                }
            }
            Self::Head(count) => Box::new(lines.take(*count)),
            Self::Tail(count) => Box::new(std::iter::once_with(|| last(lines, *count)).flatten()),
            Self::Count { lines_only: true } => total(lines, |_| 1, |count| format!("{count}\n")),
            Self::Count { lines_only: false } => Box::new(std::iter::once_with(|| {
                let (mut count, mut words, mut bytes) = (0_u64, 0, 0);
                for line in lines {
                    let line = line?;
                    count += 1;
                    bytes += line.len();
                    words +=
                        line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
                }
                Ok(format!("{count} {words} {bytes}\n").into_bytes())
            })),
        }
    }
}

/// One line: a sum over all of them.
fn total<'a>(
    lines: impl Iterator<Item = io::Result<Vec<u8>>> + 'a,
    of: impl Fn(&[u8]) -> u64 + 'a,
    text: impl Fn(u64) -> String + 'a,
) -> Lines<'a> {
    Box::new(std::iter::once_with(move || {
        let mut sum = 0;
        for line in lines {
            sum += of(&line?);
        }
        Ok(text(sum).into_bytes())
    }))
}

/// The last lines; an error ends them.
fn last(lines: Lines, count: usize) -> Vec<io::Result<Vec<u8>>> {
    let mut kept = VecDeque::new();
    for line in lines {
        let is_error = line.is_err();
        kept.push_back(line);
        if kept.len() > count {
            kept.pop_front();
        }
        if is_error {
            break;
        }
    }
    kept.into()
}

fn grep(arguments: &[String]) -> Result<Filter, String> {
    let (mut is_inverted, mut counts, mut ignores_case) = (false, false, false);
    let mut patterns = Vec::new();
    let mut options_end = false;
    for argument in arguments {
        match argument.strip_prefix('-').filter(|letters| !options_end && !letters.is_empty()) {
            Some("-") => options_end = true,
            Some(letters) => {
                for letter in letters.chars() {
                    match letter {
                        'i' => ignores_case = true,
                        'v' => is_inverted = true,
                        'c' => counts = true,
                        'E' => {}
                        other => {
                            return Err(format!("grep has no option -{other}: it has -i, -v, -c"));
                        }
                    }
                }
            }
            None => patterns.push(argument),
        }
    }
    let [pattern] = patterns.as_slice() else {
        return Err("grep takes one pattern; one with spaces stands in quotes".to_owned());
    };
    let pattern = RegexBuilder::new(pattern).case_insensitive(ignores_case).build();
    let pattern = pattern.map_err(|error| format!("grep cannot use that pattern: {error}"))?;
    Ok(Filter::Grep { pattern, is_inverted, counts })
}

/// The number of `head -5`, `head -n 5` and `head -n5`.
fn few(arguments: &[String]) -> Result<usize, String> {
    let number = match arguments {
        [] => return Ok(FEW),
        [option, number] if option == "-n" => number.as_str(),
        [one] => one.strip_prefix("-n").or_else(|| one.strip_prefix('-')).unwrap_or(one),
        _ => "",
    };
    number.parse().map_err(|_| "head and tail take a number of lines: head -5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "PID NAME\n  1 init\n 70 sshd\n 71 sshd: root\n";

    fn filtered(filter: &str) -> String {
        let words: Vec<String> = filter.split(' ').map(str::to_owned).collect();
        let filter = Filter::parse(&words).unwrap();
        let lines = TEXT.split_inclusive('\n').map(|line| Ok(line.as_bytes().to_vec()));
        let bytes: Vec<u8> = filter.over(Box::new(lines)).flat_map(Result::unwrap).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn filters_do_what_their_namesakes_do() {
        assert_eq!(filtered("grep sshd$"), " 70 sshd\n");
        assert_eq!(filtered("grep -iv SSHD"), "PID NAME\n  1 init\n");
        assert_eq!(filtered("grep -c sshd"), "2\n");
        assert_eq!(filtered("grep -- -x"), "");
        assert_eq!(filtered("head -1"), "PID NAME\n");
        assert_eq!(filtered("head -n 0"), "");
        assert_eq!(filtered("tail -n2"), " 70 sshd\n 71 sshd: root\n");
        assert_eq!(filtered("tail"), TEXT);
        assert_eq!(filtered("wc -l"), "4\n");
        assert_eq!(filtered("wc"), format!("4 9 {}\n", TEXT.len()));
    }

    #[test]
    fn wrong_filters_are_one_sentence() {
        for wrong in
            ["grep", "grep a b", "grep -q a", "grep (", "head x", "head -1 2", "wc -c", "sort"]
        {
            let words: Vec<String> = wrong.split(' ').map(str::to_owned).collect();
            let error = Filter::parse(&words).unwrap_err();
            assert!(!error.is_empty() && !error.ends_with('.'), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_error_of_reading_comes_through() {
        for filter in [Filter::Tail(1), Filter::Head(1), Filter::Count { lines_only: false }] {
            let lines = std::iter::once_with(|| Err(io::ErrorKind::Other.into()));
            assert!(filter.over(Box::new(lines)).any(|line| line.is_err()), "{filter:?}");
        }
    }
}
