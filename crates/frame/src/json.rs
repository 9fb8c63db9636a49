//! JSON that may be printed: whatever a guest's text holds, no terminal is steered by it.

use serde::Serialize;

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
    if json.bytes().all(|byte| byte < 0x7f) || json.chars().all(is_harmless) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match is_harmless(c) {
            true => text.push(c),
            // None of them is beyond 16 bits.
            false => text.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    text
}

/// JSON's own line breaks are harmless; those of strings are escaped already.
fn is_harmless(c: char) -> bool {
    match c {
        '\n' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        '\u{feff}' => false,
        c => !c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::json;

    #[test]
    fn nothing_steers_a_terminal_and_everything_comes_back() {
        let all: String =
            (0..=0x2100).chain([0xfeff, 0xfffd, 0x1f600]).filter_map(char::from_u32).collect();
        for pretty in [false, true] {
            let text = json(&[&all], pretty);
            let steers =
                |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
            assert!(!text.contains(steers), "{text}");
            let back: Vec<String> = serde_json::from_str(&text).unwrap();
            assert_eq!(back, [all.as_str()]);
        }
        assert_eq!(json("größe \u{9b}2J\u{7f}\u{202e}", false), r#""größe \u009b2J\u007f\u202e""#);
    }
}
