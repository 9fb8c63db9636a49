//! `nfm doctor`: what can be read of a guest, how, and why not.

use std::io::Write;
use std::process::ExitCode;

use nfm::{CrawlOptions, Domain, Findings, OpenOptions, Section};
use serde_json::json;

use crate::Failure;
use crate::args::Target;
use crate::privileges;
use crate::show::{escaped, size};

/// Opens the domain, tells each thing found, crawls every section once and tells what is missing.
pub(crate) fn doctor(
    options: &OpenOptions,
    target: &Target,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut domain = match Domain::open(&target.domain, options) {
        Ok(domain) => domain,
        Err(error) if target.json => {
            let code = error.code();
            let report =
                json!({"readable": false, "error": code.name(), "reason": error.to_string()});
            writeln!(out, "{}", nfm::json(&report, false))?;
            return Ok(ExitCode::from(code as u8));
        }
        Err(error) => return Err(error.into()),
    };
    privileges::give_up();
    let frame = domain.crawl(&CrawlOptions::default())?;
    let found = domain.findings();
    let cost = domain.statistics();
    if target.json {
        let report = json!({
            "readable": true,
            "uri": found.uri,
            "uuid": found.uuid,
            "pid": found.pid,
            "place": found.place,
            "ram": found.ram,
            "unplaced": found.unplaced,
            "paging_levels": found.paging_levels,
            "trampoline": found.trampoline,
            "machine_addresses": found.machine_addresses,
            "page_table": found.page_table,
            "image": {"virtual": found.image.0, "physical": found.image.1, "bytes": found.image.2},
            "release": found.release,
            "build_id": found.build_id,
            "vmcoreinfo": found.vmcoreinfo,
            "symbols": found.symbols,
            "symbols_from": found.symbols_from,
            "types_from": found.types_from,
            "btf_bytes": found.btf_bytes,
            "open_ns": found.open_time.as_nanos() as u64,
            "crawl_ns": frame.duration_ns,
            "problems": frame.consistency.problems,
            "backends": {"xen": nfm::find_backend("xen").ok()},
        });
        writeln!(out, "{}", nfm::json(&report, false))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(found, out)?;
    match nfm::find_backend("xen") {
        Ok(path) => {
            let path = path.display().to_string();
            writeln!(out, "xen           its back end is installed: {}", escaped(&path))?;
        }
        Err(reason) => writeln!(out, "xen           {}", escaped(&reason.to_string()))?,
    }
    let milliseconds = frame.duration_ns as f64 / 1e6;
    writeln!(
        out,
        "frame         {milliseconds:.1} ms, {} guest pages in {} reads",
        cost.pages, cost.batches
    )?;
    for section in Section::defaults() {
        let mut problems =
            frame.consistency.problems.iter().filter(|p| p.section == section.name()).peekable();
        if section == Section::Host && frame.host.is_none() {
            writeln!(out, "  {:<12}none: no host runs what is in a file", section.name())?;
        } else if problems.peek().is_none() {
            writeln!(out, "  {:<12}whole", section.name())?;
        }
        for problem in problems {
            let address = problem.address.map(|at| format!(" (at {at:#x})")).unwrap_or_default();
            writeln!(out, "  {:<12}{}{address}", section.name(), escaped(&problem.reason))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(found: &Findings, out: &mut dyn Write) -> std::io::Result<()> {
    let unknown = || "unknown".to_owned();
    let (start, physical, length) = found.image;
    if let (Some(uri), Some(uuid)) = (&found.uri, &found.uuid) {
        writeln!(out, "libvirt       {}, uuid {}", escaped(uri), escaped(uuid))?;
    }
    writeln!(out, "memory of     {}", escaped(&found.place))?;
    for (start, length) in &found.ram {
        writeln!(out, "ram           {:#012x} + {}", start, size(*length))?;
    }
    for (start, length) in &found.unplaced {
        let why = "cannot be read: where the hypervisor keeps this DIMM is not certain";
        writeln!(out, "ram           {:#012x} + {} {why}", start, size(*length))?;
    }
    let how = match found.trampoline {
        Some(page) => format!("found through {page:#x}"),
        None => "named by the hypervisor".to_owned(),
    };
    let (levels, table) = (found.paging_levels, found.page_table);
    writeln!(out, "page tables   {levels} levels, {table:#x} ({how})")?;
    let place = if found.machine_addresses { "machine address" } else { "physical" };
    writeln!(out, "kernel        {start:#x} at {place} {physical:#x}, {}", size(length))?;
    let release = found.release.clone().unwrap_or_else(unknown);
    writeln!(out, "release       {}", escaped(&release))?;
    let build_id = found.build_id.clone().unwrap_or_else(unknown);
    writeln!(out, "build id      {}", escaped(&build_id))?;
    let vmcoreinfo =
        found.vmcoreinfo.map_or_else(|| "not found".to_owned(), |at| format!("{at:#x}"));
    writeln!(out, "vmcoreinfo    {vmcoreinfo}")?;
    writeln!(out, "symbols       {} in {}", found.symbols, escaped(&found.symbols_from))?;
    let btf = match found.btf_bytes {
        0 => String::new(),
        bytes => format!(", {}", size(bytes as u64)),
    };
    writeln!(out, "types         {}{btf}", escaped(&found.types_from))?;
    if found.types_are_few {
        let path = found
            .release
            .as_deref()
            .map_or_else(|| "vmlinux".to_owned(), |release| format!("vmlinux-{release}"));
        writeln!(
            out,
            "              a profile tells the rest, once made of this kernel's vmlinux: nfm profile export --vmlinux {} kernel.profile && nfm profile import kernel.profile",
            escaped(&path)
        )?;
    }
    writeln!(out, "opened in     {:.1} ms", found.open_time.as_secs_f64() * 1e3)
}
