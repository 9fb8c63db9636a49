//! `nfm list`.

use std::io::Write;
use std::process::ExitCode;

use nfm::Libvirt;

use super::Verb;
use crate::args::List;
use crate::show::table;

/// `nfm list`.
pub(crate) fn list(connect: Option<&str>, list: &List, out: &mut dyn Write) -> Verb {
    let domains = Libvirt::open(connect)?.list(list.all)?;
    if list.json {
        let rows: Vec<_> = domains
            .iter()
            .map(|domain| {
                serde_json::json!({
                    "id": domain.id,
                    "name": domain.name,
                    "uuid": domain.uuid,
                    "state": domain.state.name(),
                })
            })
            .collect();
        writeln!(out, "{}", nfm::json(&rows, false))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = domains.into_iter().map(|domain| {
        let id = domain.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        vec![id, domain.name, domain.state.name().to_owned(), domain.uuid]
    });
    table(out, &["ID>", "NAME", "STATE", "UUID"], rows)?;
    Ok(ExitCode::SUCCESS)
}
