//! The network devices of a domain's definition.

use nfm_analysis::NetworkDevice;
use roxmltree::Node;

/// The network devices that a definition gives, in its order; none where it cannot be parsed.
pub(crate) fn network_devices(xml: &str) -> Vec<NetworkDevice> {
    let Ok(document) = roxmltree::Document::parse(xml) else { return Vec::new() };
    let root = document.root_element();
    let devices = root.children().filter(|node| node.has_tag_name("devices"));
    let interfaces = devices
        .flat_map(|devices| devices.children())
        .filter(|node| node.has_tag_name("interface"));
    interfaces.map(network_device).collect()
}

fn network_device(interface: Node) -> NetworkDevice {
    let child = |name: &str| interface.children().find(|node| node.has_tag_name(name));
    let of = |name: &str, attribute: &str| child(name)?.attribute(attribute).map(str::to_owned);
    let source = ["network", "bridge", "dev", "path", "port"]
        .into_iter()
        .find_map(|attribute| of("source", attribute));
    let tag = child("vlan").and_then(|vlan| {
        let mut tags = vlan.children().filter(|node| node.has_tag_name("tag"));
        // In a trunk, the guest itself says the VLAN of each packet.
        let only = tags.next().filter(|_| tags.next().is_none())?;
        only.attribute("id")?.parse().ok()
    });
    NetworkDevice {
        kind: interface.attribute("type").unwrap_or_default().to_owned(),
        mac: of("mac", "address"),
        bridge: of("source", "bridge"),
        target: of("target", "dev"),
        source,
        vlan: tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_a_living_domain() {
        // Open vSwitch has the tap's VLAN in the definition; a trunk has several.
        let xml = "<domain><devices>\
            <interface type='network'><mac address='52:54:00:00:00:01'/>\
            <source network='default' portid='x' bridge='virbr0'/><target dev='vnet3'/></interface>\
            <interface type='bridge'><mac address='52:54:00:00:00:02'/><source bridge='ovsbr0'/>\
            <vlan><tag id='42'/></vlan><virtualport type='openvswitch'/><target dev='vnet4'/></interface>\
            <interface type='bridge'><source bridge='ovsbr0'/><vlan trunk='yes'><tag id='1'/><tag id='2'/></vlan></interface>\
            <interface type='direct'><mac address='52:54:00:00:00:03'/><source dev='eno1' mode='bridge'/>\
            <target dev='macvtap0'/></interface>\
            <interface type='client'><source address='127.0.0.1' port='5558'/></interface>\
            <interface type='user'/></devices></domain>";
        let shown: Vec<String> = network_devices(xml)
            .iter()
            .map(|one| {
                let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                let vlan = one.vlan.map(|vlan| vlan.to_string());
                [&one.mac, &one.source, &one.bridge, &one.target, &vlan].map(text).join(" ")
            })
            .collect();
        let expected = [
            "52:54:00:00:00:01 default virbr0 vnet3 -",
            "52:54:00:00:00:02 ovsbr0 ovsbr0 vnet4 42",
            "- ovsbr0 ovsbr0 - -",
            "52:54:00:00:00:03 eno1 - macvtap0 -",
            "- 5558 - - -",
            "- - - - -",
        ];
        assert_eq!(shown, expected);
        assert!(network_devices("<domain").is_empty());
    }
}
