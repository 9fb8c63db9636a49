//! `nfm profile`: what nfm needs to know of a kernel, in a file.

use std::io::Write;
use std::process::ExitCode;

use nfm::{CrawlOptions, Profile, Section};

use super::{Verb, open_only};
use crate::args::{Export, Import};
use crate::show::escaped;

/// `nfm profile export`: of a running guest's kernel, or of a kernel's files.
pub(crate) fn export(options: &nfm::OpenOptions, export: &Export, out: &mut dyn Write) -> Verb {
    let profile = match (&export.domain, &export.vmlinux) {
        (Some(domain), _) => {
            let mut domain = open_only(options, domain)?;
            // Drivers that are modules are learned when their devices are met.
            domain.crawl(&CrawlOptions::sections(&[Section::Interfaces]))?;
            domain.profile()?
        }
        (None, vmlinux) => {
            let vmlinux = vmlinux.as_deref().unwrap_or_else(|| "".as_ref());
            Profile::of_files(vmlinux, export.system_map.as_deref())?
        }
    };
    profile.write(&export.file)?;
    writeln!(out, "{}", about(&profile, &export.file.display().to_string()))?;
    Ok(ExitCode::SUCCESS)
}

/// `nfm profile import`: from now on, guests of its kernel open with it.
pub(crate) fn import(import: &Import, out: &mut dyn Write) -> Verb {
    let profile = Profile::read(&import.file)?;
    let path = profile.import()?;
    writeln!(out, "{}", about(&profile, &path.display().to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn about(profile: &Profile, path: &str) -> String {
    let release = profile.release().unwrap_or("a kernel of unknown release");
    let text = format!("{path}: {release}, build id {}", profile.build_id());
    escaped(&text).into_owned()
}
