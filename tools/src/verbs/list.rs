//! `nfm list`.

use std::io::Write;
use std::process::ExitCode;

use nfm::{
    DomainIdentity, DomainSummary, FrameSource, Libvirt, QemuGuestSummary, SourceError, qemu_guests,
};
use nfm_live::{LiveDomain, SshHost};

use super::Verb;
use crate::args::List;
use crate::hosts::{Host, Hosts, answers, connect};
use crate::show::{complain, table};
use crate::{Failure, code_of};

/// A domain that is listed.
struct Listed {
    /// libvirt's id, or the name by which nfm opens it.
    id: Option<serde_json::Value>,
    name: Option<String>,
    uuid: Option<String>,
    state: Option<&'static str>,
}

/// `nfm list`: libvirt's domains, then the guests of QEMU processes that are none of them, of each host.
pub(crate) fn list(hosts: &Hosts, list: &List, out: &mut dyn Write) -> Verb {
    let chosen = hosts.chosen(&list.domains)?;
    let (hosts, patterns): (Vec<Host>, Vec<Vec<String>>) = chosen.into_iter().unzip();
    let all = list.all;
    let is_one = hosts.len() == 1;
    let has_names = hosts.iter().any(|host| !host.name.is_empty());
    let (mut rows, mut status) = (Vec::new(), ExitCode::SUCCESS);
    for ((host, listed), patterns) in
        answers(hosts, move |host| listed(host, all)).into_iter().zip(patterns)
    {
        match listed {
            Ok(listed) => {
                let is_chosen = |one: &Listed| {
                    let (name, uuid) = (one.name.clone().unwrap_or_default(), one.uuid.clone());
                    DomainIdentity { name, uuid, ..DomainIdentity::default() }.is_any_of(&patterns)
                };
                let chosen = listed.into_iter().filter(is_chosen);
                rows.extend(chosen.map(|one| (host.name.clone(), one)));
            }
            Err(failure) if is_one => return Err(failure),
            Err(failure) => {
                complain(format_args!("{}: {failure}", host.name));
                status = ExitCode::from(code_of(&failure) as u8);
            }
        }
    }
    if list.json {
        let rows = rows.iter().map(|(host, one)| {
            serde_json::json!({
                "host": Some(host).filter(|host| !host.is_empty()),
                "id": one.id,
                "name": one.name,
                "uuid": one.uuid,
                "state": one.state,
            })
        });
        writeln!(out, "{}", nfm::json(&rows.collect::<Vec<_>>(), false))?;
        return Ok(status);
    }
    let none = || "-".to_owned();
    let rows = rows.into_iter().map(|(host, one)| {
        let id = one.id.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        let row = [id, one.name, one.state.map(str::to_owned), one.uuid];
        let row = row.into_iter().map(|text| text.unwrap_or_else(none));
        let host = has_names.then(|| if host.is_empty() { none() } else { host });
        host.into_iter().chain(row).collect()
    });
    let headings = ["HOST", "ID>", "NAME", "STATE", "UUID"];
    table(out, headings.get(usize::from(!has_names)..).unwrap_or_default(), rows)?;
    Ok(status)
}

/// The domains of a host.
fn listed(host: &Host, all: bool) -> Result<Vec<Listed>, Failure> {
    if let Some(ssh) = host.ssh()? {
        let guests = connect(&ssh)?.live_domains().map_err(SourceError::from)?;
        // A recorder has frames of those that run.
        let guest = |one: LiveDomain| Listed {
            id: None,
            name: Some(one.domain.name),
            uuid: one.domain.uuid,
            state: one.failure.is_none().then_some("running"),
        };
        return Ok(guests.into_iter().map(guest).collect());
    }
    let GuestsHere { domains, others, unreached } = guests_here(host.uri.as_deref(), all)?;
    if let Some(error) = unreached {
        eprintln!("nfm: {error}; what is listed are QEMU's processes alone");
    }
    let known = domains.into_iter().map(|domain| Listed {
        id: domain.id.map(Into::into),
        name: Some(domain.name),
        uuid: Some(domain.uuid),
        state: Some(domain.state.name()),
    });
    let others = others.into_iter().map(|guest| Listed {
        id: Some(named(&guest).into()),
        name: guest.name,
        uuid: guest.uuid,
        state: None,
    });
    Ok(known.chain(others).collect())
}

/// The guests of another host that run.
pub(crate) fn guests_of_host(host: &SshHost) -> Result<Vec<DomainIdentity>, SourceError> {
    connect(host)?.domains()
}

/// The guests of this host that run: libvirt's, then those of QEMU processes that libvirt does not know.
pub(crate) fn guests_of_this_host(uri: Option<&str>) -> Result<Vec<DomainIdentity>, Failure> {
    let GuestsHere { domains, others, .. } = guests_here(uri, false)?;
    let guest = |name, uuid| DomainIdentity { name, uuid, ..DomainIdentity::default() };
    let known = domains.into_iter().map(|domain| guest(domain.name, Some(domain.uuid)));
    let others = others.into_iter().map(|one| guest(named(&one), one.uuid));
    Ok(known.chain(others).collect())
}

/// The guests of this host's QEMU processes, where that is the host that is asked for: another libvirt's guests may run
/// elsewhere.
fn qemu_here(uri: Option<&str>) -> Result<Vec<QemuGuestSummary>, Failure> {
    let is_here = uri.is_none_or(|uri| uri.starts_with("qemu:///"));
    Ok(if is_here { qemu_guests()? } else { Vec::new() })
}

/// The guests of this host.
struct GuestsHere {
    /// libvirt's.
    domains: Vec<DomainSummary>,
    /// Those of QEMU processes that are none of them.
    others: Vec<QemuGuestSummary>,
    /// The reason why there are none of libvirt's, on a host of which libvirt is no part.
    unreached: Option<nfm::Error>,
}

/// The guests of this host: libvirt's that run, or all of them, then those of QEMU processes that are none of them.
///
/// # Errors
/// libvirt cannot be reached, and was named or has no QEMU process beside it.
fn guests_here(connect: Option<&str>, all: bool) -> Result<GuestsHere, Failure> {
    let listed = Libvirt::open(connect).and_then(|libvirt| libvirt.list(all));
    let mut others = qemu_here(connect)?;
    let (domains, unreached) = match listed {
        Ok(domains) => (domains, None),
        Err(error) if connect.is_none() && !others.is_empty() => (Vec::new(), Some(error)),
        Err(error) => return Err(error.into()),
    };
    others.retain(|guest| !is_known(guest, &domains));
    Ok(GuestsHere { domains, others, unreached })
}

/// The name by which nfm opens it.
fn named(guest: &QemuGuestSummary) -> String {
    format!("qemu:{}", guest.pid)
}

/// True if one of libvirt's domains, which runs, has its UUID.
fn is_known(guest: &QemuGuestSummary, domains: &[DomainSummary]) -> bool {
    let Some(uuid) = guest.uuid.as_deref() else { return false };
    domains.iter().any(|domain| domain.id.is_some() && domain.uuid.eq_ignore_ascii_case(uuid))
}
