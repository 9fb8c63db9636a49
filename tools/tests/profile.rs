//! `nfm profile`, `--symbols`, `--types` and `--no-cache`: the command over what the library does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nfm::ErrorCode;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");

/// A folder of the test's own, with folders for cache and imported profiles.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nfm-profile-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn nfm(&self, arguments: &[&str]) -> Output {
        Command::new(NFM)
            .env("NFM_CACHE_DIR", self.0.join("cache"))
            .env("NFM_PROFILE_DIR", self.0.join("imported"))
            .env("NFM_DEBUG_DIR", "/nonexistent")
            .args(["-c", "qemu:///system"])
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .expect("nfm")
    }

    /// The output of nfm, which has to succeed and to complain of nothing.
    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.nfm(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}: {errors}", output.status);
        assert_eq!(errors, "", "{arguments:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// One sentence with these words, and the code as exit status.
    fn refused(&self, arguments: &[&str], code: ErrorCode, words: &[&str]) {
        let output = self.nfm(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code as i32), "{arguments:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        for word in words {
            assert!(errors.contains(word), "no '{word}' in: {errors}");
        }
    }

    fn files(&self, folder: &str) -> usize {
        fs::read_dir(self.0.join(folder)).map_or(0, Iterator::count)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A fleet whose kernels tell no types: the profile of one that does is carried to where they are.
#[test]
fn a_profile_opens_a_kernel_that_tells_no_types() {
    let guest = lab::own_guest("profile", &["--kernel", "6.1", "--memory", "512"]);
    let name = guest.domain();
    let build_id = |text: &str| text.trim().rsplit(' ').next().unwrap().to_owned();

    let first = Folder::new("export");
    let said = first.printed(&["profile", "export", name, "kernel.profile"]);
    assert!(said.starts_with("kernel.profile: 6.1."), "{said}");
    let report: serde_json::Value =
        serde_json::from_str(&first.printed(&["doctor", name, "--json"])).unwrap();
    assert_eq!(report["build_id"], build_id(&said));
    assert!(report["types_from"].as_str().unwrap().contains("cached profile"), "{report}");

    lab::btf::Btf::find(guest.qemu_pid(), 512 << 20).wipe();
    let second = Folder::new("import");
    second.refused(&["ps", name], ErrorCode::NoTypes, &["BTF", "--types"]);
    fs::copy(first.0.join("kernel.profile"), second.0.join("carried")).unwrap();
    let said = second.printed(&["profile", "import", "carried"]);
    assert_eq!(build_id(&said), report["build_id"].as_str().unwrap());
    assert!(Path::new(said.split(": ").next().unwrap()).exists(), "{said}");
    let text = second.printed(&["doctor", name]);
    assert!(text.contains("imported profile"), "{text}");
    for section in nfm::Section::defaults() {
        assert!(text.contains(&format!("  {:<12}whole", section.name())), "{text}");
    }
    assert_eq!(second.files("cache/profiles"), 0, "what is imported need not be cached");
    second.printed(&["ps", name]);

    // A profile that is damaged later serves no more, and that is told in nfm's log.
    let imported = fs::read_dir(second.0.join("imported")).unwrap().next().unwrap().unwrap().path();
    fs::write(&imported, "nfm-profile/1 00000000\n{}").unwrap();
    second.refused(&["ps", name], ErrorCode::NoTypes, &["BTF"]);
}

#[test]
fn the_cache_is_used_unless_it_must_not_be() {
    let guest = lab::guest("shared-61", &[]);
    let folder = Folder::new("cache");
    folder.printed(&["--no-cache", "ps", guest.domain()]);
    assert_eq!(folder.files("cache/profiles"), 0);
    folder.printed(&["ps", guest.domain()]);
    assert_eq!(folder.files("cache/profiles"), 1);
    assert!(folder.printed(&["doctor", guest.domain()]).contains("the cached profile"));
    let text = folder.printed(&["doctor", guest.domain(), "--no-cache"]);
    assert!(
        text.contains("in kallsyms, named by VMCOREINFO") && text.contains("types         BTF, ")
    );
}

#[test]
fn files_that_cannot_serve() {
    let guest = lab::guest("shared-61", &[]);
    let name = guest.domain();
    let folder = Folder::new("bad");
    for (file, bytes, words) in [
        ("empty", &b""[..], "it is empty"),
        ("text", b"Hello, world\n", "neither an ELF file"),
        (
            "stub",
            b"ffffffffffffffff B The real System.map is in the -dbg package\n",
            "debug packages",
        ),
        ("cut", b"ffffffff81000000 T _te", "1 symbols"),
        ("boot", b"MZ\xea\x07", "vmlinuz"),
        ("elf", b"\x7fELF\x02\x01\x01", "no sound ELF"),
        ("profile", b"nfm-profile/1 12345678\n{", "checksum"),
    ] {
        fs::write(folder.0.join(file), bytes).unwrap();
        folder.refused(&["--symbols", file, "ps", name], ErrorCode::File, &[file, words]);
        folder.refused(&["profile", "import", file], ErrorCode::File, &[file]);
        folder.refused(&["profile", "export", "--vmlinux", file, "out"], ErrorCode::File, &[file]);
    }
    folder.refused(&["--types", "stub", "ps", name], ErrorCode::File, &["tells no types"]);
    folder.refused(&["--types", "absent", "ps", name], ErrorCode::File, &["No such file"]);
    folder.refused(&["--types", NFM, "ps", name], ErrorCode::Mismatch, &["build id"]);
    folder.refused(&["profile", "import", "absent"], ErrorCode::File, &["No such file"]);
    let output = folder.nfm(&["profile", "export", "out"]);
    assert_eq!(output.status.code(), Some(ErrorCode::InvalidArgument as i32));
    assert_eq!(folder.files("imported") + usize::from(folder.0.join("out").exists()), 0);
}
