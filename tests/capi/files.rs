//! The guest's files, by a program in C.

use lab::programs::{Build, output};

#[test]
fn files_are_those_of_the_guest() {
    let guest = lab::guest("shared-61", &[]);
    let build = Build::new("files");
    let run = |arguments: &[&str]| {
        output(build.program("tests/capi/files.c").arg(guest.domain()).args(arguments))
    };
    let kinds = "s/regular file/file/; s/symbolic link/symlink/; s/regular empty file/file/";
    let stat = |paths: &str| {
        let command = format!("stat -c '%n %F %i %s %a %h %u %g %Y' {paths} | sed '{kinds}'");
        guest.ask(&format!("cd /srv/www; {command}"))
    };
    assert_eq!(run(&["list", "/srv/www"]), format!("{}complete 1\n", stat("*")));
    assert_eq!(run(&["stat", "/bin/sh"]), format!("{}complete 1\n", stat("/bin/sh")));
    assert!(run(&["list", "/proc"]).ends_with("complete 0\n"));
    assert_eq!(run(&["cat", "/srv/www/data.txt"]), guest.ask("cat /srv/www/data.txt"));
    // A file without a name that a process has open.
    let open = guest.ask(
        "for fd in /proc/[0-9]*/fd/*; do
            case \"$(readlink $fd)\" in /dev/*) ;; /*' (deleted)') test -f $fd && echo $fd;; esac
        done | head -1",
    );
    let words: Vec<&str> = open.trim().split('/').collect();
    assert_eq!(run(&["descriptor", words[2], words[4]]), guest.ask(&format!("cat {open}")));
}
