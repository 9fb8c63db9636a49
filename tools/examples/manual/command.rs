//! `nfm(1)` and a page for each verb, from the definition of the command line.

use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::{Cli, EXIT_STATUS};

const EXAMPLES: [(&str, &str); 4] = [
    ("nfm list", "The running domains."),
    ("nfm ps web-1", "The processes of the guest web-1."),
    (
        "nfm ss web-1 --json | jq '.connections[] | select(.state == \"LISTEN\")'",
        "Its sockets that listen, for a program.",
    ),
    (
        "nfm crawl web-1 --json --watch 1 --sections processes,connections",
        "A frame of two sections each second, each on a line of its own.",
    ),
];

/// Paths with texts or, for verbs that have more than one name, with the page that they lead to.
type Files = Vec<(String, String)>;

/// The pages, and those that are links.
pub(crate) fn pages(date: &str) -> io::Result<(Files, Files)> {
    let mut nfm = Cli::command()
        .disable_help_subcommand(true)
        .subcommand_help_heading("VERBS")
        .subcommand_value_name("VERB");
    nfm.build();
    let verbs: Vec<_> = nfm.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect();
    let mut pages = vec![(path("nfm"), overview(&nfm, date)?)];
    let mut aliases = Vec::new();
    for verb in verbs {
        let name = format!("nfm-{}", verb.get_name());
        for alias in verb.get_visible_aliases() {
            aliases.push((path(&format!("nfm-{alias}")), format!("{name}.1")));
        }
        pages.push((path(&name), page(&verb, date)?));
    }
    Ok((pages, aliases))
}

fn path(name: &str) -> String {
    format!("man/man1/{name}.1")
}

fn man(command: &Command, date: &str) -> Man {
    let source = concat!("nfm ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).date(date).source(source).manual("Near Field Monitoring")
}

fn overview(nfm: &Command, date: &str) -> io::Result<String> {
    let mut page = head(nfm, date)?;
    man(nfm, date).render_subcommands_section(&mut page)?;
    let mut more = Roff::new();
    more.control("SH", ["EXIT STATUS"]);
    for line in EXIT_STATUS.lines().skip(1) {
        let (number, meaning) = line.trim_start().split_once("  ").unwrap_or((line, ""));
        more.control("TP", ["6"]).text([bold(number)]).text([roman(meaning)]);
    }
    more.control("SH", ["ENVIRONMENT"]);
    more.control("TP", []).text([bold("LIBVIRT_DEFAULT_URI")]);
    more.text([roman("The connection that is used where --connect is not given.")]);
    more.control("TP", []).text([bold("NFM_LOG")]);
    more.text([roman(
        "What nfm logs of its own work to standard error: error, warn, info, debug or trace, for all \
         of it or by module (nfm=debug). Nothing by default.",
    )]);
    more.control("SH", ["EXAMPLES"]);
    for (command, meaning) in EXAMPLES {
        more.control("TP", []).text([bold(command)]).text([roman(meaning)]);
    }
    more.control("SH", ["SEE ALSO"]);
    more.text([
        bold("virsh"),
        roman("(1), "),
        bold("libnfm"),
        roman("(3), "),
        bold("nfm-security"),
        roman("(7)"),
    ]);
    more.to_writer(&mut page)?;
    text(page)
}

fn page(verb: &Command, date: &str) -> io::Result<String> {
    let mut page = head(verb, date)?;
    let mut more = Roff::new();
    let aliases: Vec<_> = verb.get_visible_aliases().collect();
    if !aliases.is_empty() {
        more.control("SH", ["ALIASES"]);
        more.text([roman(format!("nfm {}", aliases.join(", nfm ")))]);
    }
    more.control("SH", ["EXIT STATUS"]);
    more.text([roman("0 for success; "), bold("nfm"), roman("(1) lists the others.")]);
    more.control("SH", ["SEE ALSO"]);
    more.text([bold("nfm"), roman("(1), "), bold("nfm-security"), roman("(7)")]);
    more.to_writer(&mut page)?;
    text(page)
}

fn head(command: &Command, date: &str) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = man(command, date);
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    Ok(page)
}

/// A page's text. clap_mangen leaves an empty line above an option's values, where mandoc(1) wants none.
fn text(page: Vec<u8>) -> io::Result<String> {
    let page = String::from_utf8(page).map_err(io::Error::other)?;
    Ok(page.replace("\n.br\n\n.br\n", "\n.br\n"))
}
