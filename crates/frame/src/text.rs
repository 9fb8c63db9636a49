//! Names and other text from the guest.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::{SmolStr, ToSmolStr};

/// A text of the guest, as UTF-8. Up to 23 bytes lie in the value itself, so that most rows of a frame take no
/// memory of their own for their texts; longer ones are shared by all rows that hold the same, and by clones.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(SmolStr);

impl Text {
    /// Guest bytes as UTF-8; what is none becomes U+FFFD.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => String::from_utf8_lossy(bytes).as_ref().into(),
        }
    }

    /// The same, up to the first NUL.
    pub fn from_c(bytes: &[u8]) -> Self {
        let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
        Self::from_bytes(bytes.get(..end).unwrap_or_default())
    }

    /// A text that never changes.
    pub const fn fixed(text: &'static str) -> Self {
        Self(SmolStr::new_static(text))
    }

    /// The text that `format_args!` makes.
    pub fn of(parts: fmt::Arguments<'_>) -> Self {
        Self(parts.to_smolstr())
    }

    /// Bytes that it takes beside itself: none for a short one.
    pub fn bytes(&self) -> usize {
        if self.0.is_heap_allocated() { self.0.len() } else { 0 }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0.into()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SmolStr::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn bytes_of_any_kind_are_text() {
        assert_eq!(Text::from_c(b"init\0junk"), "init");
        assert_eq!(Text::from_c(b"a\xff"), "a\u{fffd}");
        assert_eq!(Text::from_bytes(b"a\0b"), "a\0b");
        assert_eq!(Text::of(format_args!("{}:{}", 1, "x")).as_str(), "1:x");
        assert_eq!(format!("{:>4}|{:?}", Text::fixed("ab"), Text::from("c\n")), r#"  ab|"c\n""#);
    }

    #[test]
    fn long_texts_are_shared_by_clones() {
        let text = Text::from("/usr/lib/x86_64-linux-gnu/libc.so.6");
        assert_eq!(text.clone().as_ptr(), text.as_ptr());
    }
}
