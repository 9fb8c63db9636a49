//! Characters that must not reach a terminal from a guest or a file.

use std::borrow::Cow;

/// True if a terminal does something else with this character than show it: it moves the cursor, sets colours or
/// titles, turns writing around, or cannot be seen.
///
/// These are the characters of Unicode's general categories Cc (controls: C0, DEL and C1), Cf (formats: soft
/// hyphen, zero width, bidirectional marks, embeddings, overrides and isolates, annotations, tags), Zl and Zp
/// (separators of lines and paragraphs), and those that are reserved among the formats: U+2065, U+FFF0 to U+FFF8
/// and the block of tags, U+E0000 to U+E007F. Line breaks and tabs are among them: whoever prints several lines
/// passes them on by itself.
pub fn steers_terminal(c: char) -> bool {
    match c {
        // Most characters, at once.
        ' '..='~' => false,
        '\u{ad}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'..='\u{891}'
        | '\u{8e2}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}

/// Text in which all that steers a terminal is escaped, line breaks and tabs included.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(steers_terminal) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| match steers_terminal(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use super::{escaped, steers_terminal};

    #[test]
    fn guest_text_cannot_steer_the_terminal() {
        assert_eq!(escaped("sshd: root [priv]"), "sshd: root [priv]");
        assert_eq!(escaped("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(escaped("abc\u{202e}def"), "abc\\u{202e}def");
        assert_eq!(escaped("größe"), "größe");
        let all: String = ('\0'..=char::MAX).collect();
        assert!(!escaped(&all).contains(steers_terminal));
    }

    /// Every character against the tables of another crate, which are made from Unicode's own.
    #[test]
    fn it_is_by_the_categories_of_unicode() {
        let steers = regex::Regex::new(r"^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]$").unwrap();
        let is_reserved =
            |c| matches!(c, '\u{2065}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e007f}');
        let mut room = [0; 4];
        let mut count = 0;
        for c in '\0'..=char::MAX {
            let expected = steers.is_match(c.encode_utf8(&mut room)) || is_reserved(c);
            assert_eq!(steers_terminal(c), expected, "U+{:04X}", u32::from(c));
            count += u32::from(expected);
        }
        // 65 controls, 170 formats, two separators, 41 that are reserved.
        assert!(count >= 270, "only {count}");
    }
}
