//! The header: made anew by each build, compiled by every compiler, documented, and never broken.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use lab::programs::{Build, WARNINGS, output, run};
use lab::root;

use crate::members::told;

pub fn header() -> String {
    fs::read_to_string(root().join("include/nfm.h")).unwrap()
}

/// A function as the header declares it.
pub struct Function {
    pub comment: String,
    /// The names of its parameters.
    pub parameters: Vec<String>,
    pub returns_nothing: bool,
}

/// The functions of the header.
pub fn declared() -> BTreeMap<String, Function> {
    let header = header();
    let functions = header.split("extern \"C\" {").nth(1).unwrap();
    let blocks = functions.split("/**").skip(1).map(|block| {
        let (comment, declaration) = block.split_once("*/").unwrap();
        let (head, rest) = declaration.split_once('(').unwrap();
        let name = head.rsplit([' ', '*', '\n']).next().unwrap();
        let list = rest.split_once(");").unwrap().0;
        let last_word = |one: &str| one.rsplit([' ', '*']).next().unwrap().to_owned();
        let parameters = list.split(',').map(last_word).filter(|name| name != "void").collect();
        let returns_nothing = head.trim_start().starts_with("void ") && !head.contains('*');
        let comment = comment.split_whitespace().filter(|word| *word != "*").collect::<Vec<_>>();
        (name.to_owned(), Function { comment: comment.join(" "), parameters, returns_nothing })
    });
    blocks.collect()
}

#[test]
fn the_committed_header_is_the_one_that_the_build_makes() {
    let made = include_str!(concat!(env!("OUT_DIR"), "/nfm.h"));
    assert!(header() == made, "include/nfm.h is out of date: build once more and commit it");
}

#[test]
fn it_compiles_as_c_and_as_cpp() {
    let header = root().join("include/nfm.h");
    let languages = [
        (["gcc", "clang"], "c", "-std=c99"),
        (["gcc", "clang"], "c", "-std=c17"),
        (["g++", "clang++"], "c++", "-std=c++11"),
        (["g++", "clang++"], "c++", "-std=c++20"),
    ];
    for (compilers, language, standard) in languages {
        for compiler in compilers {
            let mut command = Command::new(compiler);
            command.args([standard, "-fsyntax-only", "-x", language]).args(WARNINGS).arg(&header);
            output(&mut command);
        }
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn structures_keep_their_layout() {
    for compiler in ["gcc", "clang"] {
        let mut command = Command::new(compiler);
        command.args(["-std=c11", "-fsyntax-only", "-I"]).arg(root().join("include"));
        output(command.args(WARNINGS).arg(root().join("tests/capi/layout.c")));
    }
}

/// A later member would land in padding, which older libraries do not clear.
#[test]
#[cfg(target_pointer_width = "64")]
fn structures_have_no_padding() {
    let mut command = Command::new("gcc");
    command.args(["-fsyntax-only", "-Wpadded", "-Werror", "-x", "c"]);
    output(command.arg(root().join("include/nfm.h")));
}

#[test]
fn every_structure_is_in_the_test_of_layout() {
    let pinned = fs::read_to_string(root().join("tests/capi/layout.c")).unwrap();
    let header = header();
    let names = header.lines().filter_map(|line| {
        line.strip_prefix("typedef struct ")?.strip_suffix(" {").map(str::to_owned)
    });
    for name in names {
        assert!(pinned.contains(&format!("SIZE({name}, ")), "{name} is not in layout.c");
    }
}

#[test]
fn every_function_is_documented() {
    for (name, function) in declared() {
        let comment = &function.comment;
        let mut parts = vec!["Errors: ", "Ownership: ", "Threads: ", "Since: 0."];
        if !function.returns_nothing {
            parts.push("Returns: ");
        }
        if !function.parameters.is_empty() {
            parts.push("Parameters: ");
        }
        for part in parts {
            assert!(comment.contains(part), "{name} does not say '{part}'");
        }
        let told = comment.split_once("Parameters: ").map_or("", |(_, rest)| rest);
        let told = told.split("Returns: ").next().unwrap().split("Errors: ").next().unwrap();
        for parameter in &function.parameters {
            let is_told = told
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == parameter);
            assert!(is_told, "{name} does not tell its parameter {parameter}");
        }
    }
}

/// A bit that a row sets for another member than the one of its name would be seen only where one of
/// the two is not known. Rows of sections derive theirs (`CRow`) of their members' names: those are counted.
#[test]
fn each_bit_is_set_by_the_member_of_its_name() {
    let folder = root().join("src/capi");
    let files = fs::read_dir(folder.join("rows")).unwrap().map(|file| file.unwrap().path());
    let (mut set, mut computed) = (0, 0);
    for path in files.chain(
        ["frame.rs", "domains.rs", "diff.rs", "fleet.rs", "files.rs"].map(|name| folder.join(name)),
    ) {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        // `CRow` derives these bits too; they are no columns, so that reflection does not tell of them.
        computed += code.matches("#[row(computed)]").count();
        for (index, _) in code.match_indices("(NFM_") {
            let words = |text: &str| {
                text.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let rest = code[index..].split(");").next().unwrap();
            let (before, rest) = (words(&code[..index]), words(rest));
            let [.., member, layer, _method] = before.as_slice() else { panic!() };
            if layer != "fill" {
                continue;
            }
            // `let (rows, rows_count, rows_stride) = fill.rows(NFM_X_ROWS, item.rows...)`
            let member = member.trim_end_matches("_stride").trim_end_matches("_count");
            let bit = &rest[0];
            assert!(bit.ends_with(&format!("_{}", member.to_uppercase())), "{member} sets {bit}");
            set += 1;
        }
    }
    let bits = header().matches("/** Bit of ").count();
    let derived = told(&Build::new("bits")).iter().filter(|member| member.has_bit).count();
    assert!(derived > 100 && set > 0, "{derived}, {set}");
    assert_eq!(set + derived + computed, bits, "not every bit is set by a member");
}

/// The verdict of `scripts/abi` on the header once a line of it is another.
fn abi_after(from: &str, to: &str) -> (bool, String) {
    let build = Build::new("abi");
    let header = header();
    assert_eq!(header.matches(from).count(), 1, "{from}");
    let changed = build.source("changed.h", &header.replace(from, to));
    let output = run(Command::new(root().join("scripts/abi")).arg(changed));
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_abi_only_grows() {
    output(&mut Command::new(root().join("scripts/abi")));
    let additions = [
        ("} nfm_file_t;", "    uint64_t later;\n} nfm_file_t;"),
        ("    NFM_MODE_PAUSED = 1,", "    NFM_MODE_PAUSED = 1,\n    NFM_MODE_LATER = 2,"),
        (
            "const char *nfm_version(void);",
            "const char *nfm_version(void);\n\nint nfm_later(void);",
        ),
    ];
    for (from, to) in additions {
        let (passes, words) = abi_after(from, to);
        assert!(passes, "{to}: {words}");
    }
    let breaks = [
        ("    /** The descriptor. */", "    uint32_t later;\n    /** The descriptor. */"),
        ("    uint64_t position;", "    uint32_t position;"),
        ("    NFM_ERR_CANCELLED = 15,", "    NFM_ERR_CANCELLED = 16,"),
        ("int nfm_has_feature(const char *feature);", "long nfm_has_feature(const char *feature);"),
        ("const char *nfm_version(void);", ""),
        ("#define NFM_FILE_INODE (1ull << 4)", "#define NFM_FILE_INODE (1ull << 5)"),
    ];
    for (from, to) in breaks {
        let (passes, words) = abi_after(from, to);
        assert!(!passes && words.starts_with("abi: "), "{to}: {words}");
    }
}
