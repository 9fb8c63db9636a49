//! Paths, names, mappings and mounts: the workload's unusual ones (`testing/lab/workload_special.c`), each against the
//! guest's own `/proc`. The oracle compares every row; these tests see to it that the unusual ones are among them.

use nfm::{Domain, Frame, Section};

/// The oracle's guests of that kernel, which are there in the same run.
pub fn guest(kernel: &str) -> lab::Guest {
    let big = ["--machine", "q35", "--memory", "6144", "--vcpus", "2", "--flavour", "generic"];
    let (name, options): (_, Vec<&str>) = match kernel {
        "5.10" => ("oracle-5.10-generic-q35-6144-MiB-2-CPUs", big.to_vec()),
        "6.1" => ("oracle-6.1-pc-512-MiB", vec!["--machine", "pc", "--memory", "512"]),
        "6.12" => ("oracle-6.12-generic-q35-6144-MiB-2-CPUs", big.to_vec()),
        "7.2" => ("oracle-7.2-five-levels-memfd", vec!["--cpu", "max", "--backing", "memfd"]),
        _ => panic!("no guest has {kernel}"),
    };
    lab::guest(name, &[vec!["--kernel", kernel], options].concat())
}

/// Rows of these sections alone, of a handle opened before.
pub fn frame(domain: &mut Domain, sections: &[Section]) -> Frame {
    let mut options = lab::patient();
    options.sections = sections.to_vec();
    let frame = domain.crawl(&options).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    frame
}

/// The process of that name.
fn pid_of(guest: &lab::Guest, name: &str) -> u32 {
    let command = format!("grep -lFx 'Name:\t{name}' /proc/[0-9]*/status");
    let paths = guest.ask(&command);
    let mut pids = paths.lines().filter_map(|path| path.split('/').nth(2)?.parse().ok());
    pids.next().unwrap_or_else(|| panic!("no process {name}: {paths}"))
}

/// Start, path and resident bytes of each area, as `/proc/PID/smaps` has them (fs/proc/task_mmu.c).
fn areas_told(guest: &lab::Guest, pid: u32) -> Vec<(u64, String, u64)> {
    let smaps = guest.ask(&format!("cat /proc/{pid}/smaps"));
    let mut areas: Vec<(u64, String, u64)> = Vec::new();
    for line in smaps.lines() {
        match line.split_once('-').map(|(start, _)| u64::from_str_radix(start, 16)) {
            // The path stands behind START-END PERMISSIONS OFFSET DEVICE INODE.
            Some(Ok(start)) => {
                let mut rest = line;
                for _ in 0..5 {
                    rest = rest.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
                }
                areas.push((start, rest.to_owned(), 0));
            }
            _ => {
                let rss = line.strip_prefix("Rss:").and_then(|rss| rss.strip_suffix("kB"));
                if let Some((area, rss)) = areas.last_mut().zip(rss) {
                    area.2 = rss.trim().parse::<u64>().expect("Rss") * 1024;
                }
            }
        }
    }
    assert!(!areas.is_empty(), "the guest told no areas of {pid}: {smaps}");
    areas
}

/// The same of a frame.
fn areas_shown(frame: &Frame, pid: u32) -> Vec<(u64, String, u64)> {
    let mappings = frame.mappings.as_ref().expect("mappings").iter();
    let of_pid = mappings.filter(|one| one.pid == pid && one.start < 1 << 63);
    let path = |path: &Option<nfm::Text>| path.as_ref().map_or("", |path| path.as_str()).to_owned();
    of_pid.map(|one| (one.start, path(&one.path), one.resident_bytes.expect("Rss"))).collect()
}

/// Areas without [vsyscall], which has no pages of its own.
fn compare_areas(guest: &lab::Guest, frame: &Frame, pid: u32, needed: &[&str]) {
    let mut told = areas_told(guest, pid);
    told.retain(|(_, path, _)| path != "[vsyscall]");
    for path in needed {
        assert!(told.iter().any(|(_, one, _)| one == path), "no {path}: {told:#?}");
    }
    assert_eq!(areas_shown(frame, pid), told);
}

/// `file_user_path` (include/linux/fs.h), which `show_map_vma` (fs/proc/task_mmu.c) prints: an overlay's files are
/// mapped by the files below it (`backing_file`, fs/file_table.c) since Linux 6.5, under the overlay's names.
#[test]
fn files_of_an_overlay_have_its_names() {
    for kernel in ["6.1", "6.12", "7.2"] {
        let guest = guest(kernel);
        let frame = frame(&mut lab::open(&guest), &[Section::Mappings, Section::Processes]);
        let overlaid = [
            "/mnt/overlay/overlaid",
            "/mnt/overlay/www/data.txt",
            "/mnt/overlay/upper.map",
            "/mnt/overlay/gone.map (deleted)",
        ];
        for (name, needed) in
            [("overlaid", &overlaid[..]), ("gone-overlaid", &["/mnt/overlay/gone-exe (deleted)"])]
        {
            let pid = pid_of(&guest, name);
            compare_areas(&guest, &frame, pid, needed);
            let processes = frame.processes.as_ref().expect("processes");
            let process = processes.iter().find(|one| one.pid == pid).expect("the process");
            assert_eq!(process.exe.as_deref(), Some(needed[0]), "{kernel}");
        }
    }
}

/// `show_vfsmnt_opts` (fs/proc_namespace.c): idmapped, since 9caccd41541a (5.12).
#[test]
fn mounts_have_every_option() {
    for (kernel, idmapped) in [("5.10", false), ("6.1", true), ("6.12", true), ("7.2", true)] {
        let guest = guest(kernel);
        let frame = frame(&mut lab::open(&guest), &[Section::Mounts]);
        let namespace = guest.ask("readlink /proc/1/ns/mnt");
        let told = guest.ask("cat /proc/1/mountinfo");
        let told = told.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let told: Vec<(&str, &str)> = told.map(|words| (words[4], words[5])).collect();
        let all = "ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow";
        let users = if idmapped { "rw,noatime,idmapped" } else { "rw,noatime" };
        for (target, options) in [
            ("/mnt/all-options", all),
            ("/mnt/strictatime", "rw"),
            ("/mnt/read-only-bind", "ro,nodiratime,relatime"),
            ("/mnt/idmapped", users),
        ] {
            assert!(told.contains(&(target, options)), "{kernel}, {target}: {told:#?}");
            let mounts = frame.mounts.as_ref().expect("mounts").iter();
            let mut mounts = mounts.filter(|one| {
                let is_same = |ns| namespace.trim() == format!("mnt:[{ns}]");
                one.target.as_deref() == Some(target) && one.mnt_ns.is_some_and(is_same)
            });
            let shown = mounts.next().unwrap_or_else(|| panic!("{kernel}: no {target}"));
            assert_eq!(shown.options.as_deref(), Some(options), "{kernel}, {target}");
        }
    }
}

/// Names that functions make (`d_dname`): drivers/dma-buf/dma-buf.c, fs/nsfs.c, fs/anon_inodes.c, `simple_dname`
/// (fs/d_path.c). Areas: `get_vma_name`, and what `vm_normal_page_pmd` (mm/memory.c) leaves out of Rss.
#[test]
fn special_files_and_areas_have_the_kernels_names() {
    for kernel in ["5.10", "6.1", "6.12", "7.2"] {
        let guest = guest(kernel);
        let frame = frame(&mut lab::open(&guest), &[Section::Mappings, Section::Files]);
        let has_buffers = guest.ask("[ ! -e /dev/udmabuf ] || echo yes").trim() == "yes";
        let has_secrets = kernel != "5.10" && kernel != "6.1";
        let pid = pid_of(&guest, "special");
        let mut areas = vec!["/dev/mem", "anon_inode:[io_uring]", "/[aio] (deleted)", "/map"];
        areas.extend(has_buffers.then_some("/dmabuf:lab-buffer"));
        areas.extend(has_secrets.then_some("/secretmem (deleted)"));
        compare_areas(&guest, &frame, pid, &areas);
        let fixed = pid_of(&guest, "fixed-places");
        compare_areas(&guest, &frame, fixed, &["[heap]"]);

        let links = guest
            .ask(&format!("for fd in /proc/{pid}/fd/*; do echo ${{fd##*/}} $(readlink $fd); done"));
        let told = links.lines().filter_map(|line| line.split_once(' '));
        let mut told: Vec<(u32, &str)> =
            told.map(|(fd, path)| (fd.parse().expect("a descriptor"), path)).collect();
        told.sort_unstable();
        let mut needed = vec![
            "/tmp/gone-open (deleted)",
            "/folder/file",
            "/lab-queue",
            "anon_inode:[userfaultfd]",
            "anon_inode:[fscontext]",
            "anon_inode:bpf-map",
        ];
        needed.extend(
            has_buffers.then_some(["/dmabuf:", "/dmabuf:lab-buffer"]).into_iter().flatten(),
        );
        for path in needed {
            assert!(told.iter().any(|(_, one)| *one == path), "{kernel}, no {path}: {told:#?}");
        }
        let files = frame.files.as_ref().expect("files").iter().filter(|file| file.pid == pid);
        let shown: Vec<(u32, &str)> =
            files.map(|file| (file.fd, file.path.as_deref().unwrap_or_default())).collect();
        assert_eq!(shown, told, "{kernel}");
    }
}

/// ` (deleted)`: of a control group that only zombies are in (`proc_cgroup_show`, kernel/cgroup/cgroup.c), of
/// directories, programs and mapped files (`d_path`, fs/d_path.c).
#[test]
fn what_was_removed_is_told_in_every_column() {
    for kernel in ["5.10", "7.2"] {
        let guest = guest(kernel);
        let frame = frame(&mut lab::open(&guest), &[Section::Processes]);
        let of = |name: &str| {
            let pid = pid_of(&guest, name);
            let mut all = frame.processes.iter().flatten();
            (pid, all.find(|one| one.pid == pid).unwrap_or_else(|| panic!("no row of {pid}")))
        };
        let (pid, zombie) = of("gone-group-chil");
        let told = guest.ask(&format!("cat /proc/{pid}/cgroup"));
        assert_eq!(told.trim(), "0::/lab/gone (deleted)", "{kernel}");
        assert_eq!(zombie.cgroup.as_deref(), Some("/lab/gone (deleted)"), "{kernel}");
        for (name, link) in [("gone-root", "root"), ("gone-directory", "cwd"), ("gone-exe", "exe")]
        {
            let (pid, process) = of(name);
            let told = guest.ask(&format!("readlink /proc/{pid}/{link}"));
            assert!(told.trim().ends_with(" (deleted)"), "{kernel}, {name}: {told}");
            let shown = match link {
                "root" => &process.root,
                "cwd" => &process.cwd,
                _ => &process.exe,
            };
            assert_eq!(shown.as_deref(), Some(told.trim()), "{kernel}, {name}");
        }
    }
}

/// `get_task_mm` (kernel/fork.c) and `get_task_exe_file` give nothing of a kernel thread (`PF_KTHREAD`), also while it
/// works with a process's memory: vhost's until Linux 6.3, later a thread of the process.
#[test]
fn a_kernel_thread_that_borrows_memory_has_none() {
    for kernel in ["5.10", "6.1"] {
        let guest = guest(kernel);
        let frame = frame(&mut lab::open(&guest), &[Section::Processes, Section::Mappings]);
        let owner = pid_of(&guest, "vhost-owner");
        let pid = pid_of(&guest, &format!("vhost-{owner}"));
        let told = guest.ask(&format!(
            "wc -c </proc/{pid}/cmdline; wc -c </proc/{pid}/maps; readlink /proc/{pid}/exe; \
             grep Vm /proc/{pid}/status; cut -d ' ' -f 23,24 /proc/{pid}/stat"
        ));
        assert_eq!(told, "0\n0\n0 0\n", "{kernel}: the guest tells of memory");
        let mut processes = frame.processes.iter().flatten();
        let thread = processes.find(|one| one.pid == pid).expect("a row of the thread");
        assert_eq!(thread.kernel_thread, Some(true), "{kernel}");
        assert_eq!(thread.command_line.as_deref(), Some(""), "{kernel}");
        assert_eq!(thread.exe, None, "{kernel}");
        let sizes = [thread.virtual_bytes, thread.rss_bytes, thread.shared_bytes];
        assert_eq!(sizes, [Some(0); 3], "{kernel}");
        let mappings = frame.mappings.as_ref().expect("mappings");
        assert_eq!(mappings.iter().filter(|one| one.pid == pid).count(), 0, "{kernel}");
        assert!(mappings.iter().any(|one| one.pid == owner), "{kernel}: no mappings of the owner");
    }
}
