//! The host's side of a topology: its name, its interfaces, and the network devices of its guests.

use std::fs;
use std::path::Path;

use nfm::{Libvirt, OpenOptions};
use nfm_analysis::{HostDevice, HostNetworking, NetworkDevice};
use nfm_live::SshHost;

use crate::show::complain;
use crate::verbs::live::default_uri;

/// The name of the host whose guests run.
pub(super) fn name(options: &OpenOptions) -> Option<String> {
    let uri = options.uri.clone().or_else(default_uri);
    match uri.as_deref().and_then(SshHost::of_uri) {
        Some(host) => host.ok().map(|host| host.host),
        None => {
            let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
            Some(name.trim().to_owned())
        }
    }
}

/// True if the guests run on another host, whose side is not known here.
pub(super) fn is_elsewhere(options: &OpenOptions) -> bool {
    options.uri.clone().or_else(default_uri).is_some_and(|uri| SshHost::of_uri(&uri).is_some())
}

/// The network devices that libvirt gives a domain; says it if they cannot be told.
pub(super) fn devices(libvirt: &Libvirt, domain: &str) -> Vec<NetworkDevice> {
    match libvirt.find(domain) {
        Ok(definition) => definition.network_devices(),
        Err(error) => {
            complain(format_args!("the network devices of '{domain}' are not known: {error}"));
            Vec::new()
        }
    }
}

/// The interfaces of this host, as sysfs shows them.
pub(super) fn networking(host: &str) -> HostNetworking {
    let entries = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let mut devices: Vec<HostDevice> = entries.map(|entry| device(&entry.path())).collect();
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    HostNetworking { host: host.to_owned(), devices }
}

fn device(folder: &Path) -> HostDevice {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mtu = fs::read_to_string(folder.join("mtu")).ok();
    HostDevice {
        name: name(folder).unwrap_or_default(),
        mtu: mtu.and_then(|mtu| mtu.trim().parse().ok()),
        bridge: fs::read_link(folder.join("master")).ok().and_then(|master| name(&master)),
    }
}
