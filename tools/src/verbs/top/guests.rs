//! The guests that a table is of.

use nfm::{DomainIdentity, FrameSource, OpenOptions, SourceError};

use super::super::guests_of_this_host;
use super::super::recorded;
use super::super::recorded::open_store;
use crate::Failure;
use crate::args::Top;
use crate::hosts::is_pattern;

/// True if one guest is named by its name alone: what fails with it is then the verb's failure.
pub(super) fn is_one(top: &Top) -> bool {
    matches!(&*top.domains, [one] if !is_pattern(one))
}

/// True if a guest of this name and UUID is asked for.
pub(super) fn is_chosen(patterns: &[String], name: &str, uuid: Option<&str>) -> bool {
    let (name, uuid) = (name.to_owned(), uuid.map(str::to_owned));
    DomainIdentity { name, uuid, ..DomainIdentity::default() }.is_any_of(patterns)
}

/// The names of the guests that are asked for. Those that are named need not be there: to open them tells why.
pub(super) fn named(options: &OpenOptions, top: &Top) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> =
        top.domains.iter().filter(|name| !is_pattern(name)).cloned().collect();
    let patterns: Vec<String> =
        top.domains.iter().filter(|name| is_pattern(name)).cloned().collect();
    if !patterns.is_empty() || names.is_empty() {
        let there: Vec<(String, Option<String>)> = match top.when.is_recorded() {
            true => {
                let domains = open_store(&top.when.folder())?.domains()?;
                domains.into_iter().map(|one| (one.name, one.uuid)).collect()
            }
            false => {
                let running = guests_of_this_host(options.uri.as_deref())?;
                running.into_iter().map(|one| (one.name, one.uuid)).collect()
            }
        };
        for (name, uuid) in there {
            if is_chosen(&patterns, &name, uuid.as_deref()) && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty() {
        let of = match patterns.is_empty() {
            true => String::new(),
            false => format!(" whose name is {}", patterns.join(" or ")),
        };
        let reason = match top.when.is_recorded() {
            true => format!("no guest{of} was recorded"),
            false => format!("no guest{of} runs here: nfm list --all shows those that do not run"),
        };
        return Err(SourceError::NoFrame { reason }.into());
    }
    Ok(names)
}

/// True if the guests that are named are all of files with recorded frames.
pub(super) fn of_files(top: &Top) -> bool {
    !top.domains.is_empty() && top.domains.iter().all(|name| recorded(name).is_some())
}
