//! Installed packages, from guests' disks: `nfm packages`.

use std::cmp::Ordering;
use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;

use debversion::Version;
use nfm::{DomainIdentity, Libvirt, OpenOptions};
use nfm_disk::DiskError;
use nfm_disk::message::{Answer, Ask};
use nfm_disk::os_release::OsRelease;
use nfm_disk::packages::{Manager, Package};
use serde::Serialize;

use super::sbom;
use super::{Verb, json};
use crate::Failure;
use crate::disk::{INCOMPLETE, Sources, Worker};
use crate::disk_args::Packages;
use crate::show::{complain, table};

/// The packages of one guest.
#[derive(Serialize)]
pub(super) struct Installed {
    pub domain: String,
    pub os_release: OsRelease,
    pub packages: Vec<Package>,
}

/// `nfm packages`: of one guest, or of all that a pattern stands for.
pub(crate) fn packages(options: &OpenOptions, of: &Packages, out: &mut dyn Write) -> Verb {
    let wanted = of.has.as_deref().map(str::parse).transpose();
    let wanted: Option<Wanted> = wanted.map_err(nfm::Error::InvalidArgument)?;
    let domains = domains(options, &of.domain)?;
    let is_one = !is_pattern(&of.domain);
    let mut sources = Vec::new();
    let mut incomplete = false;
    for domain in &domains {
        match Sources::open(options, domain, &of.backing) {
            Ok(opened) => sources.push((domain, opened)),
            Err(failure) if is_one => return Err(failure),
            Err(failure) => {
                crate::status_of(failure);
                incomplete = true;
            }
        }
    }
    // All workers start before this process gives up its rights to start any.
    let asked =
        Worker::ask_all(sources.into_iter().map(|(_, opened)| opened).collect(), &Ask::Packages)?;
    let mut all = Vec::new();
    for mut worker in asked {
        match installed(&mut worker) {
            Ok(found) => all.push(found),
            Err(failure) if is_one => return Err(failure),
            Err(failure) => {
                crate::status_of(failure);
                incomplete = true;
            }
        }
        incomplete |= worker.is_incomplete();
    }
    if let Some(wanted) = &wanted {
        for guest in &mut all {
            guest.packages.retain(|package| {
                wanted.is(package).unwrap_or_else(|| {
                    complain(format_args!(
                        "{}: the version {} of {} cannot be compared",
                        guest.domain, package.version, package.name
                    ));
                    incomplete = true;
                    false
                })
            });
        }
        all.retain(|guest| !guest.packages.is_empty());
    }
    match (of.sbom, &all[..]) {
        (Some(form), [guest]) => json(out, &sbom::sbom(form, guest))?,
        (Some(_), _) => {
            let error =
                DiskError::unsupported("a bill of materials is of one guest that has packages");
            return Err(Failure::Disk(of.domain.clone(), error));
        }
        (None, _) if of.json && is_one && of.has.is_none() => {
            all.first().map(|guest| json(out, guest)).transpose()?;
        }
        (None, _) if of.json => json(out, &all)?,
        (None, _) => {
            let rows = all.iter().flat_map(|guest| {
                guest.packages.iter().map(|package| {
                    let architecture = package.architecture.clone().unwrap_or_default();
                    let row = [
                        package.name.clone(),
                        package.version.clone(),
                        architecture,
                        package.manager.name().to_owned(),
                    ];
                    let domain = (!is_one).then(|| guest.domain.clone());
                    domain.into_iter().chain(row).collect()
                })
            });
            let headings: &[&str] = &["DOMAIN", "PACKAGE", "VERSION", "ARCHITECTURE", "MANAGER"];
            table(out, headings.get(usize::from(is_one)..).unwrap_or_default(), rows)?;
        }
    }
    Ok(if incomplete { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}

fn is_pattern(domain: &str) -> bool {
    domain.contains(['*', '?']) && !domain.contains(':')
}

/// The domain, or all that a pattern stands for, running or not.
fn domains(options: &OpenOptions, domain: &str) -> Result<Vec<String>, Failure> {
    if !is_pattern(domain) {
        return Ok(vec![domain.to_owned()]);
    }
    let all = Libvirt::open(options.uri.as_deref())?.list(true)?;
    let names = all.into_iter().map(|one| one.name);
    Ok(names
        .filter(|name| {
            let identity = DomainIdentity { name: name.clone(), ..DomainIdentity::default() };
            identity.is_one_of(domain)
        })
        .collect())
}

fn installed(worker: &mut Worker) -> Result<Installed, Failure> {
    let mut found = Installed {
        domain: worker.name().to_owned(),
        os_release: OsRelease::default(),
        packages: Vec::new(),
    };
    while let Some(answer) = worker.next()? {
        match answer {
            Answer::OsRelease(os) => found.os_release = os,
            Answer::Package(package) => found.packages.push(package),
            _ => {}
        }
    }
    Ok(found)
}

/// Packages by name, and by a bound of their version: `openssl<3.0.15`.
#[derive(Clone, Debug)]
struct Wanted {
    name: String,
    bound: Option<(&'static str, Version)>,
}

/// Longer ones first.
const OPERATORS: [&str; 5] = ["<=", ">=", "<", ">", "="];

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = text.find(['<', '>', '=']).map(|at| text.split_at(at));
        let Some((name, rest)) = found else {
            return Ok(Self { name: text.to_owned(), bound: None });
        };
        let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator));
        let (operator, version) = operator
            .and_then(|operator| Some((operator, rest.strip_prefix(operator)?)))
            .ok_or("a bound is <, <=, =, >= or > and a version")?;
        let version = version
            .trim()
            .parse()
            .map_err(|_| format!("'{version}' is no version of Debian's form"))?;
        Ok(Self { name: name.trim().to_owned(), bound: Some((operator, version)) })
    }
}

impl Wanted {
    /// True if a package, or the source that it was built of, has the name, and its version is within the bound;
    /// `None` where versions cannot be compared.
    fn is(&self, package: &Package) -> Option<bool> {
        if package.name != self.name && package.source.as_ref() != Some(&self.name) {
            return Some(false);
        }
        let Some((operator, bound)) = &self.bound else { return Some(true) };
        if package.manager != Manager::Dpkg {
            return None;
        }
        let version: Version = package.version.parse().ok()?;
        let order = version.cmp(bound);
        Some(match *operator {
            "<=" => order != Ordering::Greater,
            ">=" => order != Ordering::Less,
            "<" => order == Ordering::Less,
            ">" => order == Ordering::Greater,
            _ => order == Ordering::Equal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debian's own program, which is on every machine that builds this, is the oracle.
    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let versions = [
            "1.0",
            "1.0-1",
            "1.0-1~bpo12+1",
            "1:0.9",
            "1.0~rc1-1",
            "1.0+dfsg-1",
            "1.00-1",
            "1.0.10-1",
            "1.0.9-1",
            "3.0.15-1~deb12u1",
            "3.0.15-1",
            "3.0.2-0ubuntu1.18",
            "0:1.0-1",
            "1.0-1.1",
            "2024a-0+deb12u1",
            "9-9",
            "10-1",
        ];
        for version in versions {
            for bound in versions {
                for (operator, word) in
                    [("<", "lt"), ("<=", "le"), ("=", "eq"), (">=", "ge"), (">", "gt")]
                {
                    let status = std::process::Command::new("dpkg")
                        .args(["--compare-versions", version, word, bound])
                        .status()
                        .expect("dpkg");
                    let package = Package {
                        name: "a".to_owned(),
                        version: version.to_owned(),
                        architecture: None,
                        source: None,
                        source_version: None,
                        manager: Manager::Dpkg,
                        purl: None,
                    };
                    let wanted: Wanted = format!("a{operator}{bound}").parse().expect("a bound");
                    assert_eq!(
                        wanted.is(&package),
                        Some(status.success()),
                        "{version} {operator} {bound}"
                    );
                }
            }
        }
    }
}
