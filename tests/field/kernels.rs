//! Kernels built otherwise than Debian builds its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nfm::{Cache, Domain, DumpOptions, ErrorCode, Frame, OpenOptions};

/// Flags of kernel threads (`PF_KTHREAD`, include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Nothing but the guest's own memory.
fn alone() -> OpenOptions {
    let mut options = OpenOptions::default();
    options.cache = Cache::Off;
    options.debug_dir = Some("/nonexistent".into());
    options
}

/// Id and name of every process of a guest that is no kernel thread, and of none that only asks.
fn processes(guest: &lab::Guest) -> BTreeSet<(u32, String)> {
    let look = || {
        let all = guest
            .ask("for one in /proc/[0-9]*/stat; do tr '\\n' ' ' <$one && echo; done 2>&1; true");
        let row = |line: &str| {
            let (head, rest) = line.rsplit_once(')')?;
            let (pid, name) = head.split_once(" (")?;
            let flags: u64 = rest.split_whitespace().nth(6)?.parse().ok()?;
            (flags & KERNEL_THREAD == 0).then(|| (pid.parse().unwrap(), name.to_owned()))
        };
        all.lines().filter_map(row).collect::<BTreeSet<_>>()
    };
    let (before, after) = (look(), look());
    before.intersection(&after).cloned().collect()
}

/// The same of a frame. A newline in a name would begin a line in the guest's answer, too.
fn shown(frame: &Frame) -> BTreeSet<(u32, String)> {
    let rows = frame.processes.iter().flatten();
    let rows = rows.filter(|row| row.kernel_thread == Some(false));
    rows.map(|row| (row.pid, row.name.as_deref().unwrap_or("?").replace('\n', " "))).collect()
}

/// Without CONFIG_KALLSYMS_ALL the kernel's table has functions alone (`symbol_valid`, scripts/kallsyms.c): that is
/// no table of its variables. Memory tells most of them all the same, and files all.
#[test]
fn a_table_of_functions_alone_is_enough() {
    let guest = lab::guest("functions", &["--kernel", "6.1", "--flavour", "functions"]);
    let files = lab::kernel_files("6.1-functions").expect("the guest's files");
    let mut domain = Domain::open(guest.domain(), &alone()).expect("a kernel by its memory alone");
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    assert_eq!(shown(&frame), processes(&guest));
    let cost = |guest: &lab::Guest| {
        let mut times = [(); 5].map(|()| {
            let start = std::time::Instant::now();
            Domain::open(guest.domain(), &alone()).expect("a kernel by its memory alone");
            start.elapsed()
        });
        times.sort_unstable();
        times[2]
    };
    // The same kernel with a full table.
    let full = lab::guest("shared-61", &[]);
    let (partial, full) = (cost(&guest), cost(&full));
    let times = partial.as_secs_f64() / full.as_secs_f64();
    println!("opened in {partial:?}, {times:.2} times {full:?} of a full table");
    assert!(times <= 4.0, "{times}");

    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("functions-{}", std::process::id()));
    let release = guest.ask("uname -r");
    std::fs::create_dir_all(folder.join("boot")).unwrap();
    let vmlinux = folder.join("boot").join(format!("vmlinux-{}", release.trim()));
    std::os::unix::fs::symlink(files.join("vmlinux"), vmlinux).unwrap();
    let with = |set: &dyn Fn(&mut OpenOptions)| {
        let mut options = alone();
        set(&mut options);
        options
    };
    let ways: [(&str, OpenOptions); 3] = [
        ("System.map", with(&|options| options.symbols = Some(files.join("System.map")))),
        (
            "vmlinux, named for its types",
            with(&|options| options.types = Some(files.join("vmlinux"))),
        ),
        ("a folder", with(&|options| options.debug_dir = Some(folder.clone()))),
    ];
    for (way, options) in ways {
        let mut domain =
            Domain::open(guest.domain(), &options).unwrap_or_else(|error| panic!("{way}: {error}"));
        let frame = lab::whole_frame(&mut domain);
        assert_eq!(shown(&frame), processes(&guest), "by {way}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A kernel that exports no symbols (as without CONFIG_MODULES) is told by the structures of its first variables; with no
/// types that describe them, it is refused. The guest is the one above, in a dump in which each is made so.
#[test]
fn first_variables_are_told_by_what_they_hold() {
    let guest = lab::guest("functions", &["--kernel", "6.1", "--flavour", "functions"]);
    let dump = Dump::of(&guest);
    let before =
        shown(&dump.open().and_then(|mut domain| domain.crawl(&lab::patient())).expect("a frame"));
    assert!(before.len() > 20);
    // Names of the table of exported symbols by which it is found.
    for name in ["init_task", "init_uts_ns", "net_namespace_list", "_totalram_pages"] {
        dump.overwrite(format!("{name}\0").as_bytes(), b'?');
    }
    let mut domain = dump.open().expect("a kernel that exports nothing");
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    assert_eq!(shown(&frame), before);
    let os = frame.os.as_ref().expect("the section os");
    assert_eq!(os.release.as_deref(), Some(guest.ask("uname -r").trim()));
    assert!(os.boot_time_ns.is_some() && frame.modules.as_ref().is_some_and(|all| !all.is_empty()));
    // Not a smaller number, and not silent.
    assert_eq!(frame.memory.as_ref().and_then(|memory| memory.total), None);
    let problems = &frame.consistency.problems;
    assert!(problems.iter().any(|one| one.reason.contains("_totalram_pages")), "{problems:?}");

    dump.overwrite(&[0x9f, 0xeb, 1, 0, 24, 0, 0, 0], b'?');
    let error = dump.open().err().expect("neither variables nor types");
    assert_eq!(error.code(), ErrorCode::NoSymbols, "{error}");
    for words in ["no init_task", "CONFIG_KALLSYMS_ALL", "debug package", "--symbols"] {
        assert!(error.to_string().contains(words), "no '{words}' in: {error}");
    }
}

/// A kernel without CONFIG_DEBUG_INFO_BTF: its tasks in memory show their ids, names, parents, states, starts and
/// numbers of threads. All else is null.
#[test]
fn processes_of_kernels_without_types() {
    for kernel in ["6.1", "6.12"] {
        let name = format!("untyped-{}", kernel.replace('.', ""));
        let guest = lab::guest(&name, &["--kernel", kernel, "--flavour", "untyped"]);
        let start = std::time::Instant::now();
        let mut domain = Domain::open(guest.domain(), &alone()).expect("a kernel without types");
        println!("{kernel}: opened in {:?}", start.elapsed());
        assert!(domain.findings().types_from.contains("no BTF"));
        let stats = || {
            let all = guest.ask(
                "for one in /proc/[0-9]*/stat; do tr '\\n' ' ' <$one && echo; done 2>&1; true",
            );
            let row = |line: &str| {
                let (head, rest) = line.rsplit_once(')')?;
                let (pid, name) = head.split_once(" (")?;
                let rest: Vec<&str> = rest.split_whitespace().collect();
                let number = |at: usize| rest.get(at)?.parse::<u64>().ok();
                // State, parent, threads, start in ticks, a thread of the kernel or not.
                let kernel_thread = number(6)? & KERNEL_THREAD != 0;
                let facts = (
                    rest.first()?.to_string(),
                    number(1)?,
                    number(17)?,
                    number(19)?,
                    kernel_thread,
                );
                Some((pid.parse::<u32>().ok()?, (name.to_owned(), facts)))
            };
            all.lines().filter_map(row).collect::<std::collections::BTreeMap<_, _>>()
        };
        let before = stats();
        let frame = domain.crawl(&lab::patient()).expect("a frame");
        let after = stats();
        let rows = frame.processes.as_ref().expect("processes");
        let problems = &frame.consistency.problems;
        for lacking in ["uid", "user_ns", "command_line"] {
            assert!(
                problems.iter().any(|one| one.reason.contains(lacking)),
                "{lacking}: {problems:?}"
            );
        }
        let (mut compared, mut steady) = (0, 0);
        for (pid, (name, told)) in before.iter().filter(|(pid, _)| after.contains_key(*pid)) {
            let row = rows.iter().find(|row| row.pid == *pid);
            let row = row.unwrap_or_else(|| panic!("{kernel}: no process {pid} ({name})"));
            let (state, parent, threads, ticks, kernel_thread) = told;
            assert_eq!(row.ppid, Some(*parent as u32), "{pid} {name}");
            assert_eq!(row.kernel_thread, Some(*kernel_thread), "{pid} {name}");
            assert_eq!(row.start_time_ns.map(|ns| ns / 10_000_000), Some(*ticks), "{pid} {name}");
            // A worker's name is followed by what it works on, and long names are not in the task.
            if !kernel_thread {
                let shown = row.name.as_deref().unwrap_or("?").replace('\n', " ");
                assert_eq!(shown, *name, "{pid}");
            }
            if after[pid].1 == *told {
                assert_eq!(row.threads.map(u64::from), Some(*threads), "{pid} {name}");
                steady += usize::from(
                    row.state.map(|one| one.letter().to_string()).as_ref() == Some(state),
                );
                compared += 1;
            }
            assert_eq!((row.uid, row.user_ns), (None, None), "{pid}");
        }
        println!("{kernel}: {} processes, {compared} that rest, states of {steady}", before.len());
        assert!(compared > 60 && steady + 3 >= compared, "{kernel}: {steady} of {compared}");
        assert!(
            rows.iter().all(|row| before.contains_key(&row.pid) || after.contains_key(&row.pid))
        );
    }
}

/// A dump that goes when dropped.
struct Dump(PathBuf);

impl Dump {
    fn of(guest: &lab::Guest) -> Self {
        let path = format!("/var/tmp/nfm-field-kernels-{}-{}", guest.domain(), std::process::id());
        let path = PathBuf::from(path);
        let dump = Self(path);
        Domain::open(guest.domain(), &alone())
            .expect("an open domain")
            .dump(&dump.0, &DumpOptions::default(), &mut |_, _| ())
            .expect("a dump");
        dump
    }

    /// Overwrites the first byte of each place that holds these bytes.
    fn overwrite(&self, bytes: &[u8], first: u8) {
        let file = std::fs::File::options().read(true).write(true).open(&self.0).unwrap();
        let content = std::fs::read(&self.0).unwrap();
        let places: Vec<usize> = memchr::memmem::find_iter(&content, bytes).collect();
        assert!(!places.is_empty(), "no {bytes:?} in the dump");
        for at in places {
            std::os::unix::fs::FileExt::write_all_at(&file, &[first], at as u64).unwrap();
        }
    }

    fn open(&self) -> nfm::Result<Domain> {
        Domain::open(&format!("file:{}", self.0.display()), &alone())
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// RANDSTRUCT (`__randomize_layout`; security/Kconfig.hardening) orders `struct task_struct` (include/linux/sched.h)
/// and `struct uts_namespace` (include/linux/uts_namespace.h) otherwise than the kernel's own types tell. Such types
/// show nothing that is so, and are refused before the first frame. What each case exchanges, it puts back.
#[test]
fn types_that_memory_contradicts_are_refused() {
    let guest = lab::guest("shared-61", &[]);
    let dump = Dump::of(&guest);
    let types = lab::btf::Btf::in_dump(&dump.0);
    let before = shown(&lab::whole_frame(&mut dump.open().expect("a dump as it was")));
    assert!(!before.is_empty());
    for (structure, members, words) in [
        ("uts_namespace", ["name", "user_ns"], "release would be at"),
        ("task_struct", ["comm", "utime"], "where 'swapper' does not stand"),
        ("task_struct", ["tgid", "flags"], "where 0 does not stand"),
        ("task_struct", ["tasks", "children"], "list of tasks"),
        ("task_struct", ["tasks", "se"], "list of tasks"),
    ] {
        types.exchange(structure, members);
        let error = dump.open().err().unwrap_or_else(|| panic!("{members:?} exchanged: opened"));
        types.exchange(structure, members);
        let text = error.to_string();
        println!("{members:?}: {text}");
        assert_eq!(error.code(), ErrorCode::NoTypes, "{text}");
        for words in [words, "RANDSTRUCT", "do not fit its memory"] {
            assert!(text.contains(words), "{members:?}: no '{words}' in: {text}");
        }
    }
    let after = shown(&lab::whole_frame(&mut dump.open().expect("a dump as it was")));
    assert_eq!(after, before);
}

/// A uniprocessor kernel without modules, namespaces and control groups. `per_cpu_offset` is not there without
/// CONFIG_SMP (include/linux/percpu-defs.h), `struct percpu_counter` is one number (include/linux/percpu_counter.h),
/// and there is no list of modules without CONFIG_MODULES (kernel/module/main.c).
#[test]
fn a_uniprocessor_kernel_without_modules() {
    const KERNEL: &str = "6.12-up";
    if lab::kernel_files(KERNEL).is_none() {
        eprintln!(
            "SKIPPED: the kernel {KERNEL} is not built; `make test-kernels` builds it in ten minutes"
        );
        return;
    }
    let guest = lab::guest("uniprocessor", &["--kernel", "6.12", "--flavour", "up"]);
    let mut domain = Domain::open(guest.domain(), &alone()).expect("an open domain");
    let before = (cpu_times(&guest), statuses(&guest));
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    let after = (cpu_times(&guest), statuses(&guest));
    assert_eq!(shown(&frame), processes(&guest));
    assert_eq!(frame.modules.as_deref(), Some(&[][..]));
    let [cpu] = frame.cpus.as_deref().expect("CPUs") else { panic!("CPUs: {:?}", frame.cpus) };
    let model = guest.ask("sed -n 's/^model name.*: //p' /proc/cpuinfo");
    assert_eq!((cpu.id, cpu.online, cpu.model.as_deref()), (0, true, Some(model.trim())));
    // Hundredths of a second (USER_HZ).
    let times = [cpu.user_ns, cpu.nice_ns, cpu.system_ns, cpu.idle_ns]
        .map(|ns| ns.expect("a time") / 10_000_000);
    for (index, time) in times.into_iter().enumerate() {
        assert!(
            (before.0[index]..=after.0[index]).contains(&time),
            "{index}: {time} in {before:?} to {after:?}"
        );
    }
    let mut compared = 0;
    for process in frame.processes.iter().flatten().filter(|row| row.kernel_thread == Some(false)) {
        // The resident memory of one that rests, in KiB.
        let Some(rss) =
            before.1.get(&process.pid).filter(|rss| after.1.get(&process.pid) == Some(rss))
        else {
            continue;
        };
        assert_eq!(
            process.rss_bytes.map(|bytes| bytes >> 10),
            Some(*rss),
            "RSS of {}",
            process.pid
        );
        compared += 1;
    }
    assert!(compared > 20, "{compared} processes");
    let lo = guest.ask("cat /proc/net/dev");
    let lo = lo.lines().find_map(|line| line.trim().strip_prefix("lo:")).expect("lo");
    let lo: Vec<u64> = lo.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let row = frame
        .interfaces
        .iter()
        .flatten()
        .find(|row| row.name.as_deref() == Some("lo"))
        .expect("lo");
    assert_eq!((row.rx_bytes, row.tx_packets), (Some(lo[0]), Some(lo[9])));
    let lost = ["modules", "cpus", "interfaces"];
    let named = frame.consistency.problems.iter().filter(|one| lost.contains(&&*one.section));
    assert_eq!(named.count(), 0, "{:?}", frame.consistency.problems);
}

/// User, nice, system and idle time of the only CPU.
fn cpu_times(guest: &lab::Guest) -> [u64; 4] {
    let stat = guest.ask("head -n 1 /proc/stat");
    let mut words = stat.split_whitespace().skip(1).map(|word| word.parse().unwrap());
    std::array::from_fn(|_| words.next().unwrap())
}

/// Resident KiB by process.
fn statuses(guest: &lab::Guest) -> std::collections::BTreeMap<u32, u64> {
    let text = guest.ask("grep -H VmRSS /proc/[0-9]*/status 2>/dev/null; true");
    let row = |line: &str| {
        let mut words =
            line.split([':', '/']).map(str::trim).filter(|word| !word.is_empty()).skip(1);
        Some((words.next()?.parse().ok()?, words.nth(2)?.strip_suffix(" kB")?.parse().ok()?))
    };
    text.lines().filter_map(row).collect()
}
