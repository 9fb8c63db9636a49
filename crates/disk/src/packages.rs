//! Installed packages, as the guest's package manager notes them: dpkg's status, and apk's database.

use serde::{Deserialize, Serialize};

use crate::error::{DiskError, Result};
use crate::os_release::OsRelease;

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    /// Debian's.
    Dpkg,
    /// Alpine's.
    Apk,
}

impl Manager {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
        }
    }

    /// All of them, with the files of their databases.
    pub const ALL: [(Self, &'static str); 2] =
        [(Self::Dpkg, "/var/lib/dpkg/status"), (Self::Apk, "/lib/apk/db/installed")];
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, with epoch and revision.
    pub version: String,
    /// Its architecture.
    pub architecture: Option<String>,
    /// The source package that it was built of, where that has another name.
    pub source: Option<String>,
    /// The version of that, where it is another.
    pub source_version: Option<String>,
    /// The package manager.
    pub manager: Manager,
    /// Its package URL (purl).
    pub purl: Option<String>,
}

/// The packages of a database. One that is not whole is an error: it is being written, or damaged.
///
/// # Errors
/// A part of it is missing.
pub fn packages(manager: Manager, database: &[u8], os: &OsRelease) -> Result<Vec<Package>> {
    let database = String::from_utf8_lossy(database);
    let mut found = match manager {
        Manager::Dpkg => dpkg(&database)?,
        Manager::Apk => apk(&database)?,
    };
    for package in &mut found {
        package.purl = Some(purl(package, os));
    }
    Ok(found)
}

fn incomplete(what: &str) -> DiskError {
    DiskError::damaged(format!("the database of packages is not whole: {what}"))
}

/// The fields of a paragraph of dpkg's status; those that go on in further lines have the first one alone.
fn field<'a>(paragraph: &'a str, name: &str) -> Option<&'a str> {
    paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

fn dpkg(database: &str) -> Result<Vec<Package>> {
    if !database.is_empty() && !database.ends_with('\n') {
        return Err(incomplete("its last line has no end"));
    }
    let mut found = Vec::new();
    for paragraph in database.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let name =
            field(paragraph, "Package").ok_or_else(|| incomplete("a package without a name"))?;
        let status =
            field(paragraph, "Status").ok_or_else(|| incomplete("a package without a status"))?;
        // One that was removed has its configuration left; others are unpacked, and so on the disk.
        let state = status.split_whitespace().last().unwrap_or_default();
        if matches!(state, "config-files" | "not-installed") {
            continue;
        }
        let version =
            field(paragraph, "Version").ok_or_else(|| incomplete("a package without a version"))?;
        let source = field(paragraph, "Source").map(|source| match source.split_once(" (") {
            Some((name, version)) => (name, Some(version.trim_end_matches(')'))),
            None => (source, None),
        });
        found.push(Package {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: field(paragraph, "Architecture").map(str::to_owned),
            source: source.map(|(name, _)| name.to_owned()),
            source_version: source.and_then(|(_, version)| version).map(str::to_owned),
            manager: Manager::Dpkg,
            purl: None,
        });
    }
    Ok(found)
}

fn apk(database: &str) -> Result<Vec<Package>> {
    if !database.is_empty() && !database.ends_with('\n') {
        return Err(incomplete("its last line has no end"));
    }
    let mut found = Vec::new();
    for paragraph in database.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let name = field(paragraph, "P").ok_or_else(|| incomplete("a package without a name"))?;
        let version =
            field(paragraph, "V").ok_or_else(|| incomplete("a package without a version"))?;
        let source = field(paragraph, "o").filter(|source| *source != name);
        found.push(Package {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: field(paragraph, "A").map(str::to_owned),
            source: source.map(str::to_owned),
            source_version: None,
            manager: Manager::Apk,
            purl: None,
        });
    }
    Ok(found)
}

/// The package URL, with the qualifiers that syft gives it.
fn purl(package: &Package, os: &OsRelease) -> String {
    let kind = match package.manager {
        Manager::Dpkg => "deb",
        Manager::Apk => "apk",
    };
    let distribution = os.id.as_deref().unwrap_or("unknown");
    let mut qualifiers = Vec::new();
    if let Some(architecture) = &package.architecture {
        qualifiers.push(format!("arch={}", encoded(architecture)));
    }
    if let Some(version) = &os.version_id {
        qualifiers.push(format!("distro={}", encoded(&format!("{distribution}-{version}"))));
    }
    if let Some(source) = &package.source {
        let source = match &package.source_version {
            Some(version) => format!("{source}@{version}"),
            None => source.clone(),
        };
        qualifiers.push(format!("upstream={}", encoded(&source)));
    }
    let (name, version) = (encoded(&package.name), encoded(&package.version));
    format!("pkg:{kind}/{}/{name}@{version}?{}", encoded(distribution), qualifiers.join("&"))
}

/// Percent-encoded, as the specification of package URLs has it: a colon stays.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let bytes = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: libc++1-14
Status: install ok installed
Architecture: amd64
Source: llvm-toolchain-14 (1:14.0.6-12)
Version: 1:14.0.6-12+b1
Description: text
 with Package: a word

Package: gone
Status: deinstall ok config-files
Version: 1

Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
";

    #[test]
    fn packages_of_dpkg() {
        let os = OsRelease::parse(b"ID=debian\nVERSION_ID=\"12\"\n");
        let found = packages(Manager::Dpkg, STATUS.as_bytes(), &os).unwrap();
        let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["libc++1-14", "adduser"]);
        let purls: Vec<&str> = found.iter().filter_map(|package| package.purl.as_deref()).collect();
        assert_eq!(
            purls,
            [
                "pkg:deb/debian/libc%2B%2B1-14@1:14.0.6-12%2Bb1?arch=amd64&distro=debian-12&upstream=llvm-toolchain-14%401:14.0.6-12",
                "pkg:deb/debian/adduser@3.134?arch=all&distro=debian-12"
            ]
        );
        // Cut anywhere but behind a whole paragraph, it is no list.
        for cut in [STATUS.len() - 1, STATUS.len() - 9, 20] {
            assert!(packages(Manager::Dpkg, &STATUS.as_bytes()[..cut], &os).is_err(), "{cut}");
        }
    }

    #[test]
    fn packages_of_apk() {
        let os = OsRelease::parse(b"ID=alpine\nVERSION_ID=3.20.3\n");
        let database = b"C:Q1=\nP:libcrypto3\nV:3.3.2-r0\nA:x86_64\no:openssl\nF:lib\n\n";
        let found = packages(Manager::Apk, database, &os).unwrap();
        let purl =
            "pkg:apk/alpine/libcrypto3@3.3.2-r0?arch=x86_64&distro=alpine-3.20.3&upstream=openssl";
        assert_eq!(found.iter().filter_map(|one| one.purl.as_deref()).collect::<Vec<_>>(), [purl]);
    }
}
