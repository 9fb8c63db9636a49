//! JSON that may be printed: whatever a guest's text holds, no terminal is steered by it.

use serde::Serialize;

use super::steers_terminal;

/// Facts as JSON, on one line or indented. It is sound JSON whatever they hold. Characters that steer a
/// terminal, turn writing around or cannot be seen are escaped, also those that JSON itself would let
/// pass: readers get them back as they were.
pub fn json<T: Serialize + ?Sized>(facts: &T, pretty: bool) -> String {
    let text = match pretty {
        true => serde_json::to_string_pretty(facts),
        false => serde_json::to_string(facts),
    };
    // Facts have string keys and no writer that fails.
    printable(text.unwrap_or_default())
}

/// Escapes what JSON leaves as it is. All of it is within strings: the rest of JSON is plain ASCII.
fn printable(json: String) -> String {
    // JSON's own line breaks are harmless; those of strings are escaped already.
    let is_harmless = |c| c == '\n' || !steers_terminal(c);
    if json.bytes().all(|byte| byte < 0x7f) || json.chars().all(is_harmless) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_harmless(c) {
            text.push(c);
        } else {
            // Two of them for a character beyond 16 bits.
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{json, steers_terminal};

    #[test]
    fn nothing_steers_a_terminal_and_everything_comes_back() {
        let all: String = ('\0'..=char::MAX).collect();
        for pretty in [false, true] {
            let text = json(&[&all], pretty);
            let found = text.find(|c| c != '\n' && steers_terminal(c));
            assert_eq!(found.map(|at| text[at..].chars().next()), None);
            let back: Vec<String> = serde_json::from_str(&text).unwrap();
            assert_eq!(back, [all.as_str()]);
        }
        let text = json("größe \u{9b}2J\u{7f}\u{202e}\u{e0041}", false);
        assert_eq!(text, r#""größe \u009b2J\u007f\u202e\udb40\udc41""#);
    }
}
