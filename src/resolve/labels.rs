//! Labels of a domain: its title, and what a cloud's manager wrote into its metadata.

use crate::frame::Text;

/// The namespaces of OpenStack's metadata begin so; their ends are versions.
const NOVA: &str = "http://openstack.org/xmlns/libvirt/nova/";
/// Bytes of a value: a label is shown and compared, and is no place for documents.
const LONGEST: usize = 256;

/// The labels that a definition gives, each as `NAME=VALUE`.
pub(crate) fn labels(xml: &str) -> Vec<Text> {
    let Ok(document) = roxmltree::Document::parse(xml) else { return Vec::new() };
    let root = document.root_element();
    let mut labels = Vec::new();
    let mut add = |name: &str, value: Option<&str>| {
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        labels.extend(value.map(|value| {
            let end = value.floor_char_boundary(LONGEST);
            Text::from(format!("{name}={}", value.get(..end).unwrap_or_default()).as_str())
        }));
    };
    let child = |name: &str| root.children().find(|node| node.has_tag_name(name));
    add("title", child("title").and_then(|node| node.text()));
    for node in child("metadata").iter().flat_map(|metadata| metadata.descendants()) {
        let tag = node.tag_name();
        if !tag.namespace().is_some_and(|namespace| namespace.starts_with(NOVA)) {
            continue;
        }
        let parent = node.parent().map_or("", |parent| parent.tag_name().name());
        match (parent, tag.name()) {
            ("instance", "name") => add("instance", node.text()),
            ("instance", "flavor") => add("flavor", node.attribute("name")),
            ("owner", "user") => add("user", node.text()),
            ("owner", "project") => {
                add("project", node.text());
                add("project_id", node.attribute("uuid"));
            }
            _ => {}
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::labels;

    #[test]
    fn a_title_and_openstacks_metadata() {
        let xml = "<domain type='kvm'><name>instance-0000a1</name><title> web 1 </title><metadata>\
            <nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>\
            <nova:package version='27.1.0'/><nova:name>web-1</nova:name>\
            <nova:flavor name='m1.small'><nova:memory>2048</nova:memory></nova:flavor>\
            <nova:owner><nova:user uuid='7f'>alice</nova:user>\
            <nova:project uuid='ab12'>shop</nova:project></nova:owner></nova:instance>\
            <other:name xmlns:other='http://example.org/'>nothing</other:name></metadata></domain>";
        let expected = [
            "title=web 1",
            "instance=web-1",
            "flavor=m1.small",
            "user=alice",
            "project=shop",
            "project_id=ab12",
        ];
        assert_eq!(labels(xml), expected);
        assert!(labels("<domain><name>plain</name></domain>").is_empty());
        assert!(labels("<domain").is_empty());
        let long = format!("<domain><title>{}</title></domain>", "ß".repeat(300));
        assert_eq!(labels(&long)[0].len(), "title=".len() + 256);
    }
}
