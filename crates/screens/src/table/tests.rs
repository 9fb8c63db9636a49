use nfm_frame::{Consistency, Cpu, DomainIdentity, Frame, Host, Memory, Os};

use super::*;

const S: u64 = 1_000_000_000;
const NOW: u64 = 2002 * S;

fn process(pid: u32, ppid: u32, name: &'static str, uid: u32, user_ns: u64) -> Process {
    Process {
        pid,
        ppid: Some(ppid),
        name: Some(name.into()),
        command_line: Some(format!("/usr/bin/{name} --of {pid}").into()),
        uid: (uid != 9).then_some(uid),
        rss_bytes: Some(u64::from(pid) << 20),
        cgroup: Some(format!("/{name}.service").into()),
        start_time_ns: Some(S + 1),
        user_ns: Some(user_ns),
        system_ns: Some(0),
        ..Process::default()
    }
}

/// A frame at a second; the guest's one CPU worked for a half of each, and the host ran it for a quarter.
fn frame(at: u64, processes: Vec<Process>) -> Frame {
    let busy = at * S / 2;
    let zero = Some(0);
    let cpu = Cpu {
        online: true,
        user_ns: Some(busy),
        nice_ns: zero,
        system_ns: zero,
        irq_ns: zero,
        softirq_ns: zero,
        iowait_ns: zero,
        idle_ns: Some(at * S - busy),
        steal_ns: zero,
        ..Cpu::default()
    };
    Frame {
        domain: DomainIdentity::default(),
        time_ns: (2000 + at) * S,
        consistency: Consistency { complete: true, ..Consistency::default() },
        os: Some(Os { uptime_ns: Some((10 + at) * S), boot_time_ns: Some(5), ..Os::default() }),
        memory: Some(Memory {
            total: Some(1 << 30),
            available: Some(1 << 29),
            ..Memory::default()
        }),
        cpus: Some(vec![cpu]),
        host: Some(Host { vcpu_time_ns: Some(at * S / 4), ..Host::default() }),
        processes: Some(processes),
        ..Frame::default()
    }
}

/// Two guests of two hosts: web's nginx works for a half of the time, db's two postgres for a tenth and a fifth.
fn table() -> Table {
    let view = |before: Vec<Process>, after: Vec<Process>| {
        Arc::new(GuestView::first(frame(0, before)).next(frame(2, after)))
    };
    let web = |ns| vec![process(1, 0, "init", 0, 0), process(7, 1, "nginx", 33, ns)];
    let db = |ns| {
        vec![
            process(5, 1, "postgres", 26, ns),
            process(1, 0, "init", 0, 0),
            process(6, 5, "postgres", 9, 2 * ns),
        ]
    };
    let mut table = Table::default();
    table.show("h2", "web", view(web(0), web(S)));
    table.show("h1", "db", view(db(0), db(S / 5)));
    table
}

/// Guest and pid of each line, with its depth.
fn told(table: &Table, choice: &Choice) -> Vec<(String, u32, usize)> {
    let line = |line: Line| match line {
        Line::Process { guest, row, depth } => {
            let row = table.row(guest, row, NOW).expect("a row");
            (row.guest.to_owned(), row.of.process.pid, depth)
        }
        Line::Group(line) => (line.name, line.processes as u32, line.guests),
    };
    table.lines(choice, NOW, usize::MAX).into_iter().map(line).collect()
}

fn pids(table: &Table, choice: &Choice) -> Vec<u32> {
    told(table, choice).into_iter().map(|(_, pid, _)| pid).collect()
}

#[test]
fn rows_of_all_guests_by_any_column() {
    let table = table();
    let choice = Choice::default();
    assert_eq!(pids(&table, &choice), [7, 6, 5, 1, 1], "by the CPU");
    let by = |sort, descending| pids(&table, &Choice { sort, descending, ..Choice::default() });
    assert_eq!(by(Column::Rss, true), [7, 6, 5, 1, 1]);
    assert_eq!(by(Column::Pid, false), [1, 1, 5, 6, 7]);
    // By name; by user, where it is not known last either way.
    assert_eq!(by(Column::Guest, true), [1, 7, 5, 1, 6]);
    assert_eq!(by(Column::User, true), [7, 5, 1, 1, 6]);
    assert_eq!(by(Column::User, false), [1, 1, 5, 7, 6]);
    // Only as many as are shown are in order, and they are the first.
    let lines = table.lines(&choice, NOW, 2);
    assert_eq!(lines.len(), 5);
    assert_eq!(lines.get(..2), table.lines(&choice, NOW, 9).get(..2));
    // Both figures: half of the vCPU's time was nginx's, which had the CPU for half of the time.
    let row = table.row(1, 1, NOW).expect("nginx");
    assert_eq!((row.of.cpu_percent, row.of.host_percent), (Some(50.0), Some(25.0)));
}

#[test]
fn words_of_a_row() {
    let table = table();
    let has =
        |filter: &str| pids(&table, &Choice { filter: filter.to_owned(), ..Choice::default() });
    assert_eq!(has("POSTGRES"), [6, 5]);
    assert_eq!(has("web 33"), [7]);
    assert_eq!(has("h1 init"), [1]);
    assert_eq!(has(".service 6"), [6]);
    assert!(has("nothing").is_empty());
    assert!(contains("GRÖSSE", "größe") || contains("GRÖßE", "größe"));
}

#[test]
fn groups() {
    let table = table();
    let by = |group| told(&table, &Choice { group: Some(group), ..Choice::default() });
    let line = |name: &str, rows, guests| (name.to_owned(), rows, guests);
    assert_eq!(by(Group::Guest), [line("h2/web", 2, 1), line("h1/db", 3, 1)]);
    assert_eq!(by(Group::Host), [line("h2", 2, 1), line("h1", 3, 1)]);
    let commands = [line("nginx", 1, 1), line("postgres", 2, 1), line("init", 2, 2)];
    assert_eq!(by(Group::Command), commands);
    assert_eq!(by(Group::User)[1], line("?", 1, 1));
    let containers = table.lines(
        &Choice { group: Some(Group::Container), sort: Column::Rss, ..Choice::default() },
        NOW,
        9,
    );
    let Some(Line::Group(first)) = containers.first() else { panic!("no group") };
    assert_eq!((&*first.name, first.rss.value()), ("/postgres.service", Some(f64::from(11 << 20))));
    assert_eq!(first.cpu, PartSum { total: 30.0, known: 2 });
    let only = Some((Group::User, "?".to_owned()));
    assert_eq!(pids(&table, &Choice { only, ..Choice::default() }), [6]);
}

#[test]
fn a_guest_of_two_labels_is_in_two_groups() {
    let mut table = table();
    let labelled = |labels: &[&'static str]| {
        let mut frame = frame(0, vec![process(1, 0, "init", 0, 0)]);
        frame.domain.labels = Some(labels.iter().map(|label| (*label).into()).collect());
        Arc::new(GuestView::first(frame))
    };
    table.show("h1", "db", labelled(&["project=shop", "title=base"]));
    table.show("h3", "mail", labelled(&["project=shop"]));
    let rows = told(&table, &Choice { group: Some(Group::Label), ..Choice::default() });
    let line = |name: &str, rows, guests| (name.to_owned(), rows, guests);
    // The one without a label works; nothing is known of the others' use.
    assert_eq!(rows, [line("?", 2, 1), line("project=shop", 2, 2), line("title=base", 1, 1)]);
    let only = Some((Group::Label, "title=base".to_owned()));
    assert_eq!(told(&table, &Choice { only, ..Choice::default() }), [line("db", 1, 0)]);
}

#[test]
fn trees_by_guest() {
    let table = table();
    let rows = told(&table, &Choice { tree: true, ..Choice::default() });
    let rows: Vec<(&str, u32, usize)> =
        rows.iter().map(|(name, pid, depth)| (&**name, *pid, *depth)).collect();
    assert_eq!(rows, [("db", 1, 0), ("db", 5, 1), ("db", 6, 2), ("web", 1, 0), ("web", 7, 1)]);
    let guest = Some(("h2".to_owned(), "web".to_owned()));
    assert_eq!(pids(&table, &Choice { guest, ..Choice::default() }), [7, 1]);
}

#[test]
fn guests_come_fail_and_go() {
    let mut table = table();
    table.trouble("h1", "mail", "no permission".to_owned());
    let names = |table: &Table| -> Vec<String> {
        table.guests().iter().map(|guest| guest.name.clone()).collect()
    };
    assert_eq!(names(&table), ["db", "mail", "web"]);
    let totals = table.totals(NOW + S, 2 * S);
    assert_eq!((totals.hosts, totals.guests, totals.processes), (2, 3, 5));
    assert_eq!((totals.stale, totals.incomplete), (1, 0));
    assert_eq!((totals.cpu.total, totals.host_cpu.total), (100.0, 50.0));
    assert_eq!((totals.used_bytes, totals.total_bytes), (1 << 30, 2 << 30));
    assert_eq!(table.totals(NOW + 3 * S, 2 * S).stale, 3);
    table.remove("h1", "mail");
    table.remove("h1", "nobody");
    assert_eq!(names(&table), ["db", "web"]);
    let history = &table.guest("h2", "web").expect("web").history;
    assert_eq!(history.iter().copied().collect::<Vec<_>>(), [Some(50.0)]);
    // On, and back.
    let view = |at| Arc::new(GuestView::first(frame(at, Vec::new())));
    table.show("h2", "web", view(4));
    assert_eq!(table.guest("h2", "web").expect("web").history, [Some(50.0), None]);
    table.show("h2", "web", view(1));
    assert_eq!(table.guest("h2", "web").expect("web").history, [None]);
}
