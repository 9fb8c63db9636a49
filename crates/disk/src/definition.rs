//! The disks in a domain's definition.

use std::path::PathBuf;

use roxmltree::{Document, Node};

use crate::error::{DiskError, Reason, Result};
use crate::message::Format;

/// Images of a chain: more than QEMU opens in practice.
const MOST_IMAGES: usize = 200;

/// A disk, as the definition has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedDisk {
    /// The target's name: `vda`.
    pub name: String,
    /// The images, the uppermost first; or the reason for which nfm cannot open them.
    pub images: Result<Vec<(PathBuf, Format)>>,
}

/// The disks of a definition. Drives without a medium are none; what is no disk (a CD) is left out.
///
/// # Errors
/// The definition cannot be parsed.
pub fn disks(xml: &str) -> Result<Vec<DefinedDisk>> {
    let document = Document::parse(xml)
        .map_err(|error| DiskError::damaged(format!("the domain's definition: {error}")))?;
    let is_disk = |node: &Node| {
        node.has_tag_name("disk") && matches!(node.attribute("device"), None | Some("disk" | "lun"))
    };
    let disks = document.descendants().filter(is_disk);
    Ok(disks
        .map(|disk| {
            let target = child(disk, "target").and_then(|target| target.attribute("dev"));
            let name = target.unwrap_or("disk").to_owned();
            DefinedDisk { name, images: chain(disk) }
        })
        .collect())
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// A disk's images: its own, and what the nested `backingStore` elements name.
fn chain(disk: Node) -> Result<Vec<(PathBuf, Format)>> {
    let mut images = Vec::new();
    let mut next = Some((
        disk,
        disk.attribute("type"),
        child(disk, "driver").and_then(|driver| driver.attribute("type")),
    ));
    while let Some((node, kind, format)) = next {
        let source = child(node, "source");
        let source = source.ok_or_else(|| DiskError::new(Reason::Missing, "it has no source"))?;
        if child(source, "encryption").is_some() || child(node, "encryption").is_some() {
            return Err(DiskError::new(Reason::Encrypted, "its image is encrypted"));
        }
        let path = match kind {
            Some("file") => source.attribute("file"),
            Some("block") => source.attribute("dev"),
            other => {
                let text = format!("its source is of type {}", other.unwrap_or("none"));
                return Err(DiskError::unsupported(text));
            }
        };
        let path = path.ok_or_else(|| DiskError::new(Reason::Missing, "it has no source"))?;
        images.push((PathBuf::from(path), format_of(format)?));
        if images.len() > MOST_IMAGES {
            return Err(DiskError::damaged("its chain of images does not end"));
        }
        // An element without a type says that the chain ends here.
        next =
            child(node, "backingStore").filter(|below| below.has_attribute("type")).map(|below| {
                let format = child(below, "format").and_then(|format| format.attribute("type"));
                (below, below.attribute("type"), format)
            });
    }
    Ok(images)
}

fn format_of(name: Option<&str>) -> Result<Format> {
    match name {
        // libvirt's own default: it does not probe, as a guest could write any header.
        None | Some("raw") => Ok(Format::Raw),
        Some("qcow2") => Ok(Format::Qcow2),
        Some(other) => Err(DiskError::unsupported(format!("its image is of format {other}"))),
    }
}
