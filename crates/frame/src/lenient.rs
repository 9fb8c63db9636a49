//! Facts of newer versions in older readers.

use serde::{Deserialize, Deserializer};

/// An enumeration's value; a value that this version does not know is unknown, and no error.
pub(crate) fn or_unknown<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value<T> {
        Known(T),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Option::<Value<T>>::deserialize(deserializer)? {
        Some(Value::Known(value)) => Some(value),
        Some(Value::Other(_)) | None => None,
    })
}
