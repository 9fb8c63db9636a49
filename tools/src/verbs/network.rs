//! The network: `nfm ss` (also `netstat`), `nfm ip` (also `ifconfig`).

use std::collections::HashMap;
use std::io::Write;

use nfm::{Connection, Section};

use super::{Verb, each_frame, json};
use crate::args::FrameOf;
use crate::show::{escaped, known, table};

/// `nfm ss`: sockets of every network namespace.
pub(crate) fn ss(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Processes, Section::Connections], out, |frame, out| {
        let connections = frame.connections.as_deref().unwrap_or_default();
        if of.target.json {
            return json(out, connections);
        }
        let names: HashMap<u32, String> =
            frame.processes.iter().flatten().map(|p| (p.pid, known(p.name.as_ref()))).collect();
        let rows = connections.iter().map(|connection| {
            let owner = connection.pid.map(|pid| {
                let name = names.get(&pid).cloned().unwrap_or_default();
                format!("{name} (pid {pid}, fd {})", known(connection.fd))
            });
            vec![
                known(connection.netns),
                connection.protocol.to_string(),
                known(connection.state.as_ref()),
                local(connection),
                remote(connection),
                known(connection.uid),
                known(connection.inode),
                owner.unwrap_or_else(|| "-".to_owned()),
            ]
        });
        let headings = ["NETNS>", "PROTO", "STATE", "LOCAL", "REMOTE", "UID>", "INODE>", "PROCESS"];
        table(out, &headings, rows)?;
        Ok(())
    })
}

fn local(connection: &Connection) -> String {
    match &connection.local_address {
        None => connection.path.as_deref().unwrap_or("-").to_owned(),
        Some(address) => end(address, connection.local_port),
    }
}

fn remote(connection: &Connection) -> String {
    connection
        .remote_address
        .as_ref()
        .map_or_else(|| "-".to_owned(), |address| end(address, connection.remote_port))
}

fn end(address: &str, port: Option<u16>) -> String {
    let port = known(port);
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// `nfm ip`: interfaces of every network namespace.
pub(crate) fn ip(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Interfaces], out, |frame, out| {
        let interfaces = frame.interfaces.as_deref().unwrap_or_default();
        if of.target.json {
            return json(out, interfaces);
        }
        for one in interfaces {
            let state = match one.up {
                Some(true) => "UP",
                Some(false) => "DOWN",
                None => "?",
            };
            let name = known(one.name.as_ref());
            writeln!(
                out,
                "{}: {}: netns {} mtu {} state {state}",
                known(one.index),
                escaped(&name),
                known(one.netns),
                known(one.mtu),
            )?;
            if let Some(mac) = &one.mac {
                writeln!(out, "    link {}", escaped(mac))?;
            }
            for address in one.ipv4.iter().flatten() {
                writeln!(out, "    inet {}", escaped(address))?;
            }
            for address in one.ipv6.iter().flatten() {
                writeln!(out, "    inet6 {}", escaped(address))?;
            }
            for (way, bytes, packets, errors, dropped) in [
                ("RX", one.rx_bytes, one.rx_packets, one.rx_errors, one.rx_dropped),
                ("TX", one.tx_bytes, one.tx_packets, one.tx_errors, one.tx_dropped),
            ] {
                writeln!(
                    out,
                    "    {way}: bytes {} packets {} errors {} dropped {}",
                    known(bytes),
                    known(packets),
                    known(errors),
                    known(dropped),
                )?;
            }
        }
        Ok(())
    })
}
