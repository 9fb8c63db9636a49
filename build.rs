//! Makes the C header from `src/capi/`, and gives the shared library its soname.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The number in the soname: it rises only when a program that was linked before would break.
const SOVERSION: &str = "0";
/// Columns of the header.
const WIDTH: usize = 100;
/// The files that the header's declarations come from, in this order.
const SOURCES: [&str; 28] = [
    "version",
    "error",
    "logging",
    "control",
    "sections",
    "options",
    "domains",
    "domain",
    "frame",
    "rows/os",
    "rows/cpus",
    "rows/memory",
    "rows/processes",
    "rows/files",
    "rows/mappings",
    "rows/modules",
    "rows/interfaces",
    "rows/connections",
    "rows/mounts",
    "rows/log",
    "rows/host",
    "rows/routes",
    "rows/neighbours",
    "members",
    "diff",
    "fleet",
    "files",
    "arrow",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    println!("cargo:rerun-if-changed=src/capi");
    if env::var("CARGO_CFG_TARGET_OS")? == "linux" {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnfm.so.{SOVERSION}");
        println!("cargo:rustc-check-cfg=cfg(nfm_symver)");
        if env::var_os("CARGO_FEATURE_SYMVER").is_some() {
            symbol_versions()?;
        }
    }
    if env::var_os("CARGO_FEATURE_CAPI").is_some() {
        header()?;
    }
    Ok(())
}

/// Symbol versions need lld. rustc gives the linker a version script of its own, without a name, and GNU
/// ld refuses a second one ("anonymous version tag cannot be combined with other version tags"), where
/// lld takes both. rustc links with its own lld on x86-64 since 1.90; older ones bring it too, so it is
/// named here. A rustc without it, as distributions build it, uses the system's.
fn symbol_versions() -> Result<(), Box<dyn Error>> {
    let Some(lld) = lld()? else {
        println!(
            "cargo:warning=neither rustc nor PATH has lld: libnfm.so is built without symbol versions"
        );
        return Ok(());
    };
    println!("cargo:rustc-cfg=nfm_symver");
    let script = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("src/capi/nfm.map");
    println!("cargo:rustc-cdylib-link-arg=-Wl,--version-script={}", script.display());
    for argument in lld {
        println!("cargo:rustc-cdylib-link-arg={argument}");
    }
    Ok(())
}

/// The arguments that make the C compiler link with lld, where there is one.
fn lld() -> Result<Option<Vec<String>>, Box<dyn Error>> {
    let chosen = "-fuse-ld=lld".to_owned();
    let rustc = Command::new(env::var("RUSTC")?).args(["--print", "sysroot"]).output()?;
    let sysroot = String::from_utf8(rustc.stdout)?;
    let own =
        Path::new(sysroot.trim()).join(format!("lib/rustlib/{}/bin/gcc-ld", env::var("HOST")?));
    if own.join("ld.lld").exists() {
        return Ok(Some(vec![format!("-B{}", own.display()), chosen]));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::split_paths(&path).any(|folder| folder.join("ld.lld").exists()).then(|| vec![chosen]))
}

/// `OUT_DIR` always has the header of this build; `include/nfm.h` follows it where it differs.
fn header() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let text = config.after_includes.get_or_insert_default();
    *text = format!("{}\n{text}", version_macros()?);
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join(format!("src/capi/{source}.rs")));
    }
    let mut header = Vec::new();
    builder.generate()?.write(&mut header);
    let header = tidy(&String::from_utf8(header)?);

    fs::write(Path::new(&env::var("OUT_DIR")?).join("nfm.h"), &header)?;
    let committed = root.join("include/nfm.h");
    if fs::read_to_string(&committed).ok().as_ref() != Some(&header)
        && let Err(error) = fs::write(&committed, &header)
    {
        println!("cargo:warning={} is out of date: {error}", committed.display());
    }
    Ok(())
}

/// One version number: the package's.
fn version_macros() -> Result<String, env::VarError> {
    let mut text = format!("#define NFM_VERSION \"{}\"\n", env::var("CARGO_PKG_VERSION")?);
    for part in ["MAJOR", "MINOR", "PATCH"] {
        let number = env::var(format!("CARGO_PKG_VERSION_{part}"))?;
        text += &format!("#define NFM_VERSION_{part} {number}\n");
    }
    Ok("\n/** The version of this header; nfm_version() tells that of the library. */\n".to_owned()
        + &text)
}

/// Lines without blanks at their end, no two empty ones in a row; a comment of one line in one line.
fn tidy(header: &str) -> String {
    let lines: Vec<&str> = header.lines().map(str::trim_end).collect();
    let mut tidy: Vec<String> = Vec::with_capacity(lines.len());
    let mut rest = lines.as_slice();
    while let [line, later @ ..] = rest {
        rest = later;
        if let [words, end, after @ ..] = later
            && line.trim_start() == "/**"
            && end.trim_start() == "*/"
            && let Some(words) = words.trim_start().strip_prefix("* ")
            && line.len() + words.len() + 4 <= WIDTH
        {
            tidy.push(format!("{line} {words} */"));
            rest = after;
        } else if !(line.is_empty() && tidy.last().is_none_or(String::is_empty)) {
            tidy.push((*line).to_owned());
        }
    }
    let mut text = String::new();
    for (index, line) in tidy.iter().enumerate() {
        // The bits of one structure stand together.
        let same = index.checked_sub(2).and_then(|before| bits_of(tidy.get(before)?.as_str()));
        if !(line.is_empty()
            && same.is_some()
            && same == tidy.get(index + 1).and_then(|line| bits_of(line)))
        {
            text += &format!("{line}\n");
        }
    }
    text
}

/// The structure that the comment of a bit names.
fn bits_of(line: &str) -> Option<&str> {
    Some(line.strip_prefix("/** Bit of ")?.split_once('.')?.0)
}
