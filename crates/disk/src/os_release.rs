//! The guest's operating system, as its os-release file tells it (os-release(5)).

use serde::{Deserialize, Serialize};

/// The facts of an os-release file; `None` of what it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsRelease {
    /// The distribution: `debian`.
    pub id: Option<String>,
    /// Distributions that it is like.
    pub id_like: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its name and version, for people.
    pub pretty_name: Option<String>,
    /// Its version.
    pub version_id: Option<String>,
    /// The code name of its version.
    pub version_codename: Option<String>,
}

impl OsRelease {
    /// The files of which the first that is there counts.
    pub const FILES: [&'static str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

    /// The facts of a file.
    pub fn parse(file: &[u8]) -> Self {
        let text = String::from_utf8_lossy(file);
        let of = |name: &str| {
            let value =
                text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
            let quoted = ['"', '\'']
                .iter()
                .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
            Some(quoted.unwrap_or(value).to_owned())
        };
        Self {
            id: of("ID"),
            id_like: of("ID_LIKE"),
            name: of("NAME"),
            pretty_name: of("PRETTY_NAME"),
            version_id: of("VERSION_ID"),
            version_codename: of("VERSION_CODENAME"),
        }
    }
}
