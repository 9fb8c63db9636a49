//! Lines that are typed into the console: a command, and filters behind `|`.

use super::filter::Filter;

/// A line.
#[derive(Debug)]
pub(super) struct Line {
    /// The command and its arguments; one at least.
    pub words: Vec<String>,
    /// The filters of its output, in order.
    pub filters: Vec<Filter>,
}

impl Line {
    /// A line from its text, with quotes as shells have them; `None` for an empty one and for a comment (`# …`).
    ///
    /// # Errors
    /// One sentence: a quote is open, or a filter is wrong.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        if text.is_empty() || text.starts_with("# ") || text == "#" {
            return Ok(None);
        }
        let mut parts = Vec::new();
        for part in pieces(text) {
            let words = shell_words::split(&part);
            parts.push(words.map_err(|_| "a quote is not closed".to_owned())?);
        }
        let (words, filters) = parts.split_first().ok_or("there is no command")?;
        if words.is_empty() {
            return Err("there is no command before '|'".to_owned());
        }
        let filters: Result<_, _> = filters.iter().map(|words| Filter::parse(words)).collect();
        Ok(Some(Self { words: words.clone(), filters: filters? }))
    }
}

/// The parts of a line between those `|` that stand in no quotes. A `#` in no quotes is escaped: it begins a frame's number,
/// not a comment.
fn pieces(text: &str) -> Vec<String> {
    let (mut quote, mut is_escaped) = (None, false);
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    for letter in text.chars() {
        match (quote, letter) {
            _ if is_escaped => is_escaped = false,
            (Some('"') | None, '\\') => is_escaped = true,
            (Some(open), letter) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '#') => piece.push('\\'),
            (None, '|') => {
                pieces.push(std::mem::take(&mut piece));
                continue;
            }
            _ => {}
        }
        piece.push(letter);
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_quotes_and_filters() {
        let words = |text| Line::parse(text).unwrap().unwrap().words;
        assert_eq!(words("ps"), ["ps"]);
        assert_eq!(words("  cat '/var/a b' "), ["cat", "/var/a b"]);
        assert_eq!(words("seek #123"), ["seek", "#123"]);
        assert_eq!(words(r#"find "/a|b" | head"#), ["find", "/a|b"]);
        assert_eq!(words(r"find /a\|b"), ["find", "/a|b"]);
        let line = Line::parse("ss | grep 'a|b' | wc -l").unwrap().unwrap();
        assert_eq!((line.words.len(), line.filters.len()), (1, 2));
        for nothing in ["", "  ", "# a comment", "#"] {
            assert!(Line::parse(nothing).unwrap().is_none());
        }
        for wrong in ["cat '/a", "| head", "ps |", "ps | cat", "ps | grep \""] {
            assert!(Line::parse(wrong).is_err(), "{wrong}");
        }
    }
}
