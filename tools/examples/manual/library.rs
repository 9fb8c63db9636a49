//! Section 3: a page for each function of the library, from the header's comments.

use std::fmt::Write;

use super::header::{Function, Header, Structure};
use super::types;

const HEADER: &str = include_str!("../../../include/nfm.h");

/// The named parts of a comment, each with the heading under which it stands.
const HEADINGS: [(&str, &str); 6] = [
    ("Parameters", "PARAMETERS"),
    ("Returns", "RETURN VALUES"),
    ("Errors", "ERRORS"),
    ("Ownership", "OWNERSHIP"),
    ("Note", "NOTES"),
    ("Threads", "THREADS"),
];

/// Paths and texts of the pages.
pub(crate) fn pages(date: &str) -> Result<Vec<(String, String)>, String> {
    let header = Header::parse(HEADER);
    let page = |function| {
        let text = page(&header, function, date)?;
        Ok((format!("man/man3/{}.3", function.name), text))
    };
    let mut pages: Vec<_> = header.functions.iter().map(page).collect::<Result<_, String>>()?;
    pages.extend(types::pages(&header, date).map_err(|_| "no page of a type can be made")?);
    Ok(pages)
}

fn page(header: &Header, function: &Function, date: &str) -> Result<String, String> {
    let mut page = String::new();
    render(&mut page, header, function, date)
        .map_err(|_| format!("{}: no page can be made", function.name))?;
    let unknown = function
        .parts
        .iter()
        .find(|(part, _)| part != "Since" && HEADINGS.iter().all(|(known, _)| known != part));
    match unknown {
        Some((part, _)) => Err(format!("{}: '{part}:' has no heading here", function.name)),
        None => Ok(page),
    }
}

fn render(
    page: &mut String,
    header: &Header,
    function: &Function,
    date: &str,
) -> Result<(), std::fmt::Error> {
    let name = &function.name;
    writeln!(
        page,
        ".Dd {date}\n.Dt {} 3\n.Os nfm {}",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION")
    )?;
    writeln!(page, ".Sh NAME\n.Nm {name}\n.Nd {}", summary(&function.description))?;
    writeln!(page, ".Sh LIBRARY\nlibnfm (pkg-config name nfm)")?;
    writeln!(page, ".Sh SYNOPSIS\n.In nfm.h\n.Ft \"{}\"", function.returns)?;
    writeln!(page, ".Fo {name}")?;
    for parameter in &function.parameters {
        writeln!(page, ".Fa \"{parameter}\"")?;
    }
    writeln!(page, ".Fc\n.Sh DESCRIPTION\n{}", filled(&function.description))?;
    for (part, heading) in HEADINGS {
        let text = function.part(part);
        if let Some(text) = text {
            writeln!(page, ".Sh {heading}")?;
            match part {
                "Parameters" => parameters(page, function, text)?,
                _ if function.takes(text.split(' ').next().unwrap_or_default()) => {
                    writeln!(page, "{}", filled(text))?;
                }
                _ => writeln!(page, "{}", filled(&with_first(text, char::to_ascii_uppercase)))?,
            }
        }
        // The declarations that the words above refer to.
        match part {
            "Parameters" => {
                for structure in options(header, function) {
                    members(page, structure)?;
                }
            }
            "Returns" => {
                if let Some(structure) = rows(header, function) {
                    members(page, structure)?;
                }
            }
            "Errors" => errors(page, header, function)?,
            _ => {}
        }
    }
    writeln!(page, ".Sh SEE ALSO\n.Xr libnfm 3 ,\n.Xr nfm-security 7")?;
    if let Some(since) = function.part("Since") {
        writeln!(page, ".Sh HISTORY\n.Fn {name}\nis there since nfm {since}.")?;
    }
    Ok(())
}

/// `domain, its name; out receives the domain` as a list by the parameters' names.
fn parameters(page: &mut String, function: &Function, text: &str) -> Result<(), std::fmt::Error> {
    writeln!(page, ".Bl -tag -width Ds")?;
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.ends_with('.') {
        words.pop();
    }
    let mut clauses = Vec::new();
    for clause in words.split("; ") {
        let name = clause.split([' ', ',']).next().unwrap_or(clause);
        match clauses.last_mut() {
            Some((_, text)) if !function.takes(name) => *text = format!("{text}; {clause}"),
            _ => {
                let rest = clause.get(name.len()..).unwrap_or_default();
                clauses.push((name, rest.trim_start_matches([',', ' ']).to_owned()));
            }
        }
    }
    for (name, text) in clauses {
        writeln!(page, ".It Fa {name}")?;
        if !text.is_empty() {
            writeln!(page, "{}.", filled(&with_first(&text, char::to_ascii_uppercase)))?;
        }
    }
    writeln!(page, ".El")
}

/// The structures that a function takes by pointer.
fn options<'a>(header: &'a Header, function: &'a Function) -> impl Iterator<Item = &'a Structure> {
    let names = function.parameters.iter().filter_map(|parameter| parameter.strip_prefix("const "));
    names.filter_map(|name| header.structure(name.split([' ', '*']).next()?))
}

/// The structure that a function returns a pointer to.
fn rows<'a>(header: &'a Header, function: &Function) -> Option<&'a Structure> {
    let name = function.returns.strip_prefix("const ")?.split([' ', '*']).next()?;
    header.structure(name)
}

pub(crate) fn members(page: &mut String, structure: &Structure) -> Result<(), std::fmt::Error> {
    writeln!(page, ".Pp\nMembers of\n.Vt {} :\n.Bl -tag -width Ds", structure.name)?;
    for member in &structure.members {
        writeln!(page, ".It Vt \"{}\"\n{}", member.declaration, filled(&member.comment))?;
    }
    writeln!(page, ".El")
}

/// The meaning of each error that a function names.
fn errors(page: &mut String, header: &Header, function: &Function) -> Result<(), std::fmt::Error> {
    let texts = [function.part("Returns"), function.part("Errors")].map(Option::unwrap_or_default);
    let words: Vec<&str> = texts
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .collect();
    let named: Vec<_> = header
        .results
        .iter()
        .filter(|(name, _)| name.starts_with("NFM_ERR_") && words.contains(&name.as_str()))
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    if function.part("Errors").is_none() {
        writeln!(page, ".Sh ERRORS")?;
    }
    writeln!(page, ".Bl -tag -width Ds")?;
    for (name, meaning) in named {
        writeln!(page, ".It Er {name}\n{}", filled(meaning))?;
    }
    writeln!(page, ".El")
}

/// The first sentence, as the title of a page.
pub(crate) fn summary(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = text.split(". ").next().unwrap_or(&text).trim_end_matches('.');
    let sentence = sentence.split(": ").next().unwrap_or(sentence);
    escaped(&with_first(sentence, char::to_ascii_lowercase))
}

/// The text with its first letter made large or small, unless it begins with a name of the library's.
fn with_first(text: &str, change: impl Fn(&char) -> char) -> String {
    let word = text.split([' ', ',', ';']).next().unwrap_or_default();
    let is_name = word.contains('_') || word.chars().skip(1).any(|c| c.is_uppercase());
    let mut letters = text.chars();
    match letters.next().filter(|_| !is_name) {
        Some(first) => format!("{}{}", change(&first), letters.as_str()),
        None => text.to_owned(),
    }
}

/// Text as mdoc has it: paragraphs, lists of dashes, and each sentence on a line of its own.
pub(crate) fn filled(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.split("\n\n") {
        if paragraph.starts_with("    ") {
            let code = paragraph.lines().map(|line| escaped(line.get(4..).unwrap_or_default()));
            lines.push(".Bd -literal -offset indent".to_owned());
            lines.extend(code);
            lines.push(".Ed".to_owned());
            continue;
        }
        if !lines.is_empty() {
            lines.push(".Pp".to_owned());
        }
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.extend(escaped(&words).replace(". ", ".\n").lines().map(str::to_owned));
    }
    lines.join("\n")
}

/// A line that begins with a dot or a quote would be a request; a backslash begins an escape.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace("...", "\\&.\\&.\\&.");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}
