//! `nfm list`.

use std::io::Write;
use std::process::ExitCode;

use nfm::{DomainSummary, Libvirt, QemuGuestSummary, SourceError, qemu_guests};
use nfm_live::LiveDomain;

use super::Verb;
use super::live::{default_uri, of_other_host};
use crate::Failure;
use crate::args::List;
use crate::show::table;

/// `nfm list`: libvirt's domains, then the guests of QEMU processes that are none of them.
pub(crate) fn list(connect: Option<&str>, list: &List, out: &mut dyn Write) -> Verb {
    if let Some(mut recorder) = of_other_host(connect)? {
        let guests = recorder.live_domains().map_err(SourceError::from)?;
        return of_recorder(&guests, list, out);
    }
    let GuestsHere { domains, others, unreached } = guests_here(connect, list.all)?;
    if let Some(error) = unreached {
        eprintln!("nfm: {error}; what is listed are QEMU's processes alone");
    }
    if list.json {
        let known = domains.iter().map(|domain| {
            serde_json::json!({
                "id": domain.id,
                "name": domain.name,
                "uuid": domain.uuid,
                "state": domain.state.name(),
            })
        });
        let others = others.iter().map(|guest| {
            serde_json::json!({
                "id": named(guest),
                "name": guest.name,
                "uuid": guest.uuid,
                "state": null,
            })
        });
        let rows: Vec<_> = known.chain(others).collect();
        writeln!(out, "{}", nfm::json(&rows, false))?;
        return Ok(ExitCode::SUCCESS);
    }
    let none = || "-".to_owned();
    let known = domains.into_iter().map(|domain| {
        let id = domain.id.map_or_else(none, |id| id.to_string());
        vec![id, domain.name, domain.state.name().to_owned(), domain.uuid]
    });
    let others = others.into_iter().map(|guest| {
        let id = named(&guest);
        vec![id, guest.name.unwrap_or_else(none), none(), guest.uuid.unwrap_or_else(none)]
    });
    table(out, &["ID>", "NAME", "STATE", "UUID"], known.chain(others))?;
    Ok(ExitCode::SUCCESS)
}

/// The guests of this host's QEMU processes, where that is the host that is asked for: another libvirt's guests may run
/// elsewhere.
fn qemu_here(uri: Option<&str>) -> Result<Vec<QemuGuestSummary>, Failure> {
    let is_here = uri.is_none_or(|uri| uri.starts_with("qemu:///"));
    Ok(if is_here { qemu_guests()? } else { Vec::new() })
}

/// The guests of this host.
pub(super) struct GuestsHere {
    /// libvirt's.
    pub domains: Vec<DomainSummary>,
    /// Those of QEMU processes that are none of them.
    pub others: Vec<QemuGuestSummary>,
    /// The reason why there are none of libvirt's, on a host of which libvirt is no part.
    pub unreached: Option<nfm::Error>,
}

/// The guests of this host: libvirt's that run, or all of them, then those of QEMU processes that are none of them.
///
/// # Errors
/// libvirt cannot be reached, and was named or has no QEMU process beside it.
pub(super) fn guests_here(connect: Option<&str>, all: bool) -> Result<GuestsHere, Failure> {
    let listed = Libvirt::open(connect).and_then(|libvirt| libvirt.list(all));
    let default = default_uri();
    let uri = connect.or(default.as_deref());
    let mut others = qemu_here(uri)?;
    let (domains, unreached) = match listed {
        Ok(domains) => (domains, None),
        Err(error) if uri.is_none() && !others.is_empty() => (Vec::new(), Some(error)),
        Err(error) => return Err(error.into()),
    };
    others.retain(|guest| !is_known(guest, &domains));
    Ok(GuestsHere { domains, others, unreached })
}

/// The guests of another host's recorder, which has frames of those that run.
fn of_recorder(guests: &[LiveDomain], list: &List, out: &mut dyn Write) -> Verb {
    let uuid = |guest: &LiveDomain| guest.domain.uuid.clone();
    let state = |guest: &LiveDomain| guest.failure.is_none().then_some("running");
    if list.json {
        let rows: Vec<_> = guests
            .iter()
            .map(|guest| {
                serde_json::json!({
                    "id": null,
                    "name": guest.domain.name,
                    "uuid": uuid(guest),
                    "state": state(guest),
                })
            })
            .collect();
        writeln!(out, "{}", nfm::json(&rows, false))?;
        return Ok(ExitCode::SUCCESS);
    }
    let none = || "-".to_owned();
    let rows = guests.iter().map(|guest| {
        let state = state(guest).map_or_else(none, str::to_owned);
        vec![none(), guest.domain.name.clone(), state, uuid(guest).unwrap_or_else(none)]
    });
    table(out, &["ID>", "NAME", "STATE", "UUID"], rows)?;
    Ok(ExitCode::SUCCESS)
}

/// The name by which nfm opens it.
pub(super) fn named(guest: &QemuGuestSummary) -> String {
    format!("qemu:{}", guest.pid)
}

/// True if one of libvirt's domains, which runs, has its UUID.
fn is_known(guest: &QemuGuestSummary, domains: &[DomainSummary]) -> bool {
    let Some(uuid) = guest.uuid.as_deref() else { return false };
    domains.iter().any(|domain| domain.id.is_some() && domain.uuid.eq_ignore_ascii_case(uuid))
}
