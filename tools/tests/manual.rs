//! The manual pages and completions say what the command does: same verbs, same options, same statuses.

#[allow(dead_code, reason = "its main is the example's")]
#[path = "../examples/manual/main.rs"]
mod manual;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The pages that the example makes, in a folder that goes with the value.
struct Manual(PathBuf);

impl Manual {
    fn new(test: &str) -> Self {
        let name = format!("manual-{test}-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        manual::generate(&folder).unwrap();
        Self(folder)
    }

    fn text(&self, path: &str) -> String {
        let path = self.0.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A page of section 1 as a reader sees it: without fonts and escapes.
    fn page(&self, name: &str) -> String {
        let mut text = self.text(&format!("man/man1/{name}.1"));
        for font in ["\\fB", "\\fI", "\\fR"] {
            text = text.replace(font, "");
        }
        text.replace("\\-", "-").replace("\\*(Aq", "'")
    }

    fn names(&self, folder: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.0.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Manual {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_nfm")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs with their other names, from `nfm --help`.
fn verbs() -> BTreeMap<String, Vec<String>> {
    let help = help(&["--help"]);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.split("\n\n").next().unwrap();
    // A comment's second line begins further to the right.
    let verbs = commands.lines().filter(|line| !line.starts_with("   ")).map(|line| {
        let verb = line.split_whitespace().next().unwrap().to_owned();
        let aliases = line.split_once(" [alias").map_or("", |(_, rest)| rest);
        let aliases = aliases.trim_start_matches("es").trim_start_matches(": ");
        let aliases = aliases.trim_end_matches(']').split(", ").filter(|name| !name.is_empty());
        (verb, aliases.map(str::to_owned).collect())
    });
    verbs.filter(|(verb, _)| verb != "help").collect()
}

/// Lines that begin with an option, each cut to the options' names.
fn options<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let words = lines.filter(|line| line.starts_with('-')).flat_map(|line| {
        let words = line.split([' ', ',', '=', '[']);
        words.take_while(|word| word.is_empty() || word.starts_with('-'))
    });
    // Possible values of one are marked by "-".
    words.filter(|word| word.len() > 1).map(str::to_owned).collect()
}

#[test]
fn every_verb_has_a_page_with_its_options() {
    let manual = Manual::new("options");
    let mut pages = BTreeSet::from(["nfm.1".to_owned()]);
    let verbs = verbs();
    assert!(verbs.len() > 10, "{verbs:?}");
    for (verb, aliases) in &verbs {
        let page = manual.page(&format!("nfm-{verb}"));
        let (_, in_page) = page.split_once(".SH OPTIONS\n").unwrap();
        let in_page = options(in_page.split("\n.SH ").next().unwrap().lines());
        let in_help = options(help(&[verb, "--help"]).lines().map(str::trim_start));
        // The output of these is files, or that of other verbs.
        assert!(
            ["cat", "console", "exporter", "profile", "record", "serve", "store"]
                .contains(&verb.as_str())
                || in_help.contains("--json"),
            "{verb}: {in_help:?}"
        );
        assert_eq!(in_page, in_help, "{verb}");
        pages.insert(format!("nfm-{verb}.1"));
        for alias in aliases {
            assert_eq!(manual.page(&format!("nfm-{alias}")), page, "{alias}");
            pages.insert(format!("nfm-{alias}.1"));
        }
    }
    assert_eq!(manual.names("man/man1"), pages);
    let overview = manual.page("nfm");
    for verb in verbs.keys() {
        assert!(overview.contains(&format!("\nnfm-{verb}(1)\n")), "{verb}");
    }
}

#[test]
fn the_statuses_are_those_of_the_help() {
    let manual = Manual::new("statuses");
    let page = manual.page("nfm");
    let (_, statuses) = page.split_once(".SH \"EXIT STATUS\"\n").unwrap();
    let statuses = statuses.split("\n.SH ").next().unwrap();
    let lines: Vec<_> = statuses.lines().filter(|line| !line.starts_with(".TP")).collect();
    let in_page: Vec<_> =
        lines.chunks(2).map(|pair| format!("{:>4}  {}", pair[0], pair[1])).collect();
    let help = help(&["--help"]);
    let (_, in_help) = help.split_once("Exit status:\n").unwrap();
    assert_eq!(in_page, in_help.trim_end().lines().collect::<Vec<_>>());
    assert!(in_page.len() > 14, "{in_page:?}");
}

#[test]
fn all_that_the_header_declares_has_a_page() {
    let manual = Manual::new("functions");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let header = fs::read_to_string(root.join("include/nfm.h")).unwrap();
    let (_, functions) = header.split_once("extern \"C\" {").unwrap();
    // Declarations stand at the beginning of a line, and all end so.
    let mut pages = BTreeSet::from(["libnfm.3".to_owned()]);
    for line in functions.lines().filter(|line| line.starts_with(char::is_alphabetic)) {
        let name = line.split('(').next().unwrap().rsplit([' ', '*']).next().unwrap();
        if name.starts_with("nfm_") {
            pages.insert(format!("{name}.3"));
        }
    }
    assert!(pages.len() > 15, "{pages:?}");
    let types = header.lines().filter_map(|line| {
        let rest = ["typedef struct ", "typedef enum "]
            .iter()
            .find_map(|begin| line.strip_prefix(begin))?;
        Some(format!("{}.3", rest.split([' ', ';']).next()?))
    });
    pages.extend(types);
    pages.extend(["NFM_ROW.3", "NFM_FOREACH.3"].map(str::to_owned));
    assert!(pages.len() > 100, "{}", pages.len());
    assert_eq!(manual.names("man/man3"), pages);

    let page = manual.text("man/man3/nfm_open_domain.3");
    for part in [
        ".Fa \"const nfm_open_options_t *options\"\n",
        ".It Vt \"const char *uri\"\n",
        ".It Er NFM_ERR_NO_SUCH_DOMAIN\n",
    ] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
}

#[test]
fn the_shells_complete_verbs_and_options() {
    let manual = Manual::new("shells");
    for file in ["bash/nfm", "zsh/_nfm", "fish/nfm.fish"] {
        let text = manual.text(&format!("completions/{file}"));
        for word in ["lsmod", "sections", "connect"] {
            assert!(text.contains(word), "{file}: no {word}");
        }
        assert!(!text.contains("resume-guard"), "{file}: a verb that is no user's");
    }
    let script = r#"
        source "$1"
        COMP_WORDS=(nfm ps --j) COMP_CWORD=2
        _nfm nfm --j ps
        echo "${COMPREPLY[@]}"
    "#;
    let file = manual.0.join("completions/bash/nfm");
    let output = Command::new("bash").args(["-c", script, "bash"]).arg(file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--json\n", "{output:?}");
}
