//! Section 3: a page for each structure, enumeration and macro of the header.

use std::fmt::{Error, Write};

use super::header::{Header, Structure};
use super::library::{escaped, filled, members, summary};

/// Paths and texts of the pages.
pub(crate) fn pages(header: &Header, date: &str) -> Result<Vec<(String, String)>, Error> {
    let mut pages = Vec::new();
    let mut add = |name: &str, text: String| pages.push((format!("man/man3/{name}.3"), text));
    for one in &header.structures {
        add(&one.name, structure(header, one, date)?);
    }
    for one in &header.enumerations {
        add(&one.name, enumeration(header, one, date)?);
    }
    for (call, comment) in &header.macros {
        let name = call.split('(').next().unwrap_or(call);
        let mut page = head(name, comment, date)?;
        let parameters = call.get(name.len()..).unwrap_or_default();
        let parameters = parameters.trim_matches(['(', ')']).replace(", ", " ");
        writeln!(page, ".Fn {name} {parameters}\n.Sh DESCRIPTION\n{}", filled(comment))?;
        see_also(&mut page, header, name)?;
        add(name, page);
    }
    Ok(pages)
}

fn head(name: &str, comment: &str, date: &str) -> Result<String, Error> {
    let (title, version) = (name.to_uppercase(), env!("CARGO_PKG_VERSION"));
    let mut page = format!(".Dd {date}\n.Dt {title} 3\n.Os nfm {version}\n");
    writeln!(page, ".Sh NAME\n.Nm {name}\n.Nd {}", summary(comment))?;
    writeln!(page, ".Sh LIBRARY\nlibnfm (pkg-config name nfm)\n.Sh SYNOPSIS\n.In nfm.h")?;
    Ok(page)
}

fn structure(header: &Header, one: &Structure, date: &str) -> Result<String, Error> {
    let name = &one.name;
    let mut page = head(name, &one.comment, date)?;
    writeln!(page, ".Vt \"typedef struct {name} {name}\" ;")?;
    writeln!(page, ".Sh DESCRIPTION\n{}", filled(&one.comment))?;
    if one.members.is_empty() {
        writeln!(
            page,
            ".Pp\nA program sees pointers to it alone, and nothing of what it is made of."
        )?;
    } else {
        members(&mut page, one)?;
    }
    let begin = format!("Bit of {name}.");
    let bits = header.bits.iter().filter(|(_, comment)| comment.starts_with(&begin));
    let bits: Vec<&str> = bits.map(|(bit, _)| bit.as_str()).collect();
    if !bits.is_empty() {
        writeln!(page, ".Pp\nThe bits of\n.Va known ,\neach of the member of its name:")?;
        writeln!(page, ".Bl -item -compact")?;
        bits.iter().try_for_each(|bit| writeln!(page, ".It\n.Dv {bit}"))?;
        writeln!(page, ".El")?;
    }
    see_also(&mut page, header, name)?;
    Ok(page)
}

fn enumeration(header: &Header, one: &Structure, date: &str) -> Result<String, Error> {
    let mut page = head(&one.name, &one.comment, date)?;
    writeln!(page, ".Vt \"enum {}\" ;", one.name)?;
    writeln!(page, ".Sh DESCRIPTION\n{}", filled(&one.comment))?;
    writeln!(page, ".Bl -tag -width Ds")?;
    for value in &one.members {
        writeln!(page, ".It Dv {}\n{}", escaped(&value.declaration), filled(&value.comment))?;
    }
    writeln!(page, ".El")?;
    see_also(&mut page, header, &one.name)?;
    Ok(page)
}

/// The functions that take it, return it or speak of it, and the structures that do.
fn see_also(page: &mut String, header: &Header, name: &str) -> Result<(), Error> {
    let is_it = |text: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
    };
    let functions = header.functions.iter().filter(|function| {
        is_it(&function.returns)
            || function.parameters.iter().any(|one| is_it(one))
            || is_it(&function.description)
            || function.parts.iter().any(|(_, text)| is_it(text))
    });
    let mut pages: Vec<&str> = functions.map(|function| function.name.as_str()).collect();
    let structures = header.structures.iter().filter(|one| {
        one.members.iter().any(|member| is_it(&member.comment) || is_it(&member.declaration))
    });
    pages.extend(structures.map(|one| one.name.as_str()).filter(|one| *one != name));
    pages.sort_unstable();
    pages.insert(0, "libnfm");
    let lines: Vec<String> = pages.iter().map(|page| format!(".Xr {page} 3")).collect();
    writeln!(page, ".Sh SEE ALSO\n{}", lines.join(" ,\n"))
}
