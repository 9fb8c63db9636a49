//! A topology as a page of its own: one file, which needs no network and no server.

use nfm_analysis::{Level, Timeline};
use serde_json::json;

use super::json::with_spans;
use crate::time::shown;

const PAGE: &str = include_str!("../../../assets/topology/page.html");
const STYLE: &str = include_str!("../../../assets/topology/page.css");
const PROGRAM: &str = include_str!("../../../assets/topology/page.js");
/// Cytoscape.js, as its makers publish it, with its licence at the beginning.
const LIBRARY: &str = include_str!("../../../assets/topology/cytoscape.min.js");

/// The page, which begins at a level unless that is the last one.
pub(super) fn page(timeline: &Timeline, level: Level) -> String {
    let mut data = with_spans(timeline, shown);
    if let Some(data) = data.as_object_mut() {
        let level = match level {
            Level::Host => Some("host"),
            Level::Guest => Some("guest"),
            Level::Container => Some("container"),
            Level::Process => None,
        };
        data.insert("level".to_owned(), json!(level));
    }
    let data = in_script(&data.to_string());
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + LIBRARY.len() + data.len());
    let mut rest = PAGE;
    // One after the other: what is put in is not looked at again.
    for (mark, content) in [
        ("/*STYLE*/", STYLE),
        ("/*DATA*/", data.as_str()),
        ("/*LIBRARY*/", LIBRARY),
        ("/*PROGRAM*/", PROGRAM),
    ] {
        if let Some((before, after)) = rest.split_once(mark) {
            page.push_str(before);
            page.push_str(content);
            rest = after;
        }
    }
    page + rest
}

/// JSON in which nothing ends or begins an element of HTML, a comment or a line of JavaScript.
fn in_script(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use nfm_analysis::{Node, NodeKind, Topology};

    use super::*;

    #[test]
    fn guests_end_no_script() {
        let name = "</script><script>alert(1)</script><!--/*PROGRAM*/\u{2028}&lt;";
        let node = Node {
            kind: NodeKind::Guest,
            id: name.to_owned(),
            name: name.to_owned(),
            parent: None,
        };
        let mut timeline = Timeline::default();
        timeline.push(0, &Topology { nodes: vec![node], edges: Vec::new() });
        let page = page(&timeline, Level::Guest);
        assert_eq!(page.matches("</script>").count(), 3, "those of the page itself");
        assert!(!page.contains("alert(1)</script>") && !page.contains('\u{2028}'));
        let data = page.split_once("id=\"data\">").expect("data").1;
        let data = data.split_once("</script>").expect("its end").0;
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(data["nodes"][0]["name"], name);
        assert!(page.contains("Permission is hereby granted"), "the licence of the library");
    }
}
