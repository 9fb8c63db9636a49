//! A synthetic store, and what it costs to write and to read: the ground of `make engines`.
//!
//!     synthetic write FOLDER GUESTS SECONDS HERTZ   frames of so many guests of 200 processes, sealed
//!     synthetic seek FOLDER GUEST SECOND            the CPU time of one cold look, in a process of its own
//!     synthetic record PROGRAM FOLDER GUESTS SECONDS HERTZ
//!                                                   the CPU time of the recorder's writer (PROGRAM is nfm-record) and of
//!                                                   what it is given, against Arrow IPC and zstd over the same columns
//!     synthetic cpu FOLDER                          CPU time by guest over all that is recorded, as CSV
//!
//! 110 of 200 processes are threads of the kernel, 80 live long, 10 are replaced every 1 to 5 seconds. Three quarters are
//! nearly always asleep, a fifth wakes in a quarter of the seconds, the rest is always busy. CPU time is Pareto's, memory
//! log-normal and changes by pages.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_ipc::writer::StreamWriter;
use nfm_frame::{At, DomainIdentity, Frame, FrameSource, Os, Process, ProcessState, Section, Text};
use nfm_store::{
    Decoder, Encoder, FrameColumns, KEY_PERIOD, Parsed, Store, StoreWriter, parse, seal, tables,
};
use zstd::stream::raw::{self, CParameter, InBuffer, Operation, OutBuffer};

const S: u64 = 1_000_000_000;
/// A full hour.
const START: u64 = 1_796_000_400 * S;
const KERNEL: usize = 110;
const LONG: usize = 80;
const SHORT: usize = 10;
const PROGRAMS: [&str; 10] = [
    "systemd",
    "sshd",
    "nginx",
    "postgres",
    "java",
    "python3",
    "node",
    "redis-server",
    "dockerd",
    "cron",
];

/// Numbers that seem to be random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn pareto(&mut self, shape: f64) -> f64 {
        (1.0 - self.part()).powf(-1.0 / shape) - 1.0
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.part()).ln()).sqrt() * (std::f64::consts::TAU * self.part()).cos()
    }
}

/// A process and what it does.
struct Own {
    row: Process,
    wakes: f64,
    rate: f64,
    /// Frames until it is replaced; `None` for one that lives long.
    ends: Option<u64>,
}

struct Guest {
    numbers: Numbers,
    domain: DomainIdentity,
    processes: Vec<Own>,
    next_pid: u32,
    hertz: u64,
}

impl Guest {
    fn new(number: u64, hertz: u64) -> Self {
        let mut numbers =
            Numbers(0x9e37_79b9_7f4a_7c15 ^ (number + 1).wrapping_mul(0x2545_f491_4f6c_dd1d));
        for _ in 0..8 {
            numbers.next();
        }
        let domain = DomainIdentity {
            name: format!("web-{number:02}"),
            uuid: Some(format!("00000000-0000-4000-8000-{number:012}")),
            hypervisor: "qemu".to_owned(),
            labels: None,
        };
        let mut guest = Self { numbers, domain, processes: Vec::new(), next_pid: 300, hertz };
        for index in 0..KERNEL + LONG + SHORT {
            let own = guest.process(index, 0);
            guest.processes.push(own);
        }
        guest
    }

    fn process(&mut self, index: usize, uptime: u64) -> Own {
        let numbers = &mut self.numbers;
        let is_kernel = index < KERNEL;
        let kind = numbers.part();
        let wakes = if kind < 0.75 {
            0.003
        } else if kind < 0.95 {
            0.25
        } else {
            1.0
        };
        let busy = if kind < 0.95 { 1.0 } else { 8.0 };
        let rate = (numbers.pareto(1.3) * 2e6).min(9e8) * busy;
        let pid = match is_kernel {
            true => index as u32 + 2,
            false => {
                self.next_pid += 1 + numbers.below(9) as u32;
                self.next_pid
            }
        };
        let program = PROGRAMS[numbers.below(PROGRAMS.len() as u64) as usize];
        let user = |text: String| (!is_kernel).then(|| Text::from(text));
        let name =
            if is_kernel { format!("kworker/{}:{index}", index % 8) } else { program.to_owned() };
        let line = format!("/usr/bin/{program} --config /etc/{program}/{program}-{pid}.conf");
        let rss = (8.5 + 1.5 * numbers.normal()).exp() as u64 * 4096;
        let memory = |bytes: u64| Some(if is_kernel { 0 } else { bytes });
        let is_short = index >= KERNEL + LONG;
        let start = if is_short { uptime } else { numbers.below(3600 * S) };
        let row = Process {
            pid,
            ppid: Some(if is_kernel { 2 } else { 1 }),
            name: Some(name.into()),
            state: Some(if is_kernel { ProcessState::Idle } else { ProcessState::Sleeping }),
            command_line: Some(user(line).unwrap_or_default()),
            exe: user(format!("/usr/bin/{program}")),
            cwd: Some("/".into()),
            root: Some("/".into()),
            uid: Some(if is_kernel { 0 } else { numbers.below(3) as u32 * 500 }),
            euid: Some(0),
            gid: Some(0),
            egid: Some(0),
            threads: Some(if is_kernel { 1 } else { 1 + numbers.below(32) as u32 }),
            nice: Some(0),
            start_time_ns: Some(start),
            user_ns: Some((numbers.pareto(1.1) * 1e9) as u64),
            system_ns: Some((numbers.pareto(1.1) * 4e8) as u64),
            virtual_bytes: memory(rss * (2 + numbers.below(18))),
            rss_bytes: memory(rss),
            shared_bytes: memory(rss / 3),
            open_files: Some(if is_kernel { 0 } else { 4 + numbers.below(196) as u32 }),
            cgroup: Some(if is_kernel {
                "/".into()
            } else {
                format!("/system.slice/{program}.service").into()
            }),
            pid_namespace: Some(4_026_531_836),
            net_namespace: Some(4_026_531_840),
            mnt_namespace: Some(4_026_531_841),
            uts_namespace: Some(4_026_531_838),
            ipc_namespace: Some(4_026_531_839),
            user_namespace: Some(4_026_531_837),
            cgroup_namespace: Some(4_026_531_835),
            time_namespace: Some(4_026_531_834),
            kernel_thread: Some(is_kernel),
            pid_in_namespace: Some(pid),
            ..Process::default()
        };
        let ends = is_short.then(|| (1 + self.numbers.below(5)) * self.hertz);
        Own { row, wakes, rate, ends }
    }

    /// The guest's next frame.
    fn frame(&mut self, number: u64) -> Frame {
        let uptime = 3600 * S + number * S / self.hertz;
        for index in 0..self.processes.len() {
            if self.processes[index].ends == Some(0) {
                // The same program once more.
                let mut next = self.process(index, uptime);
                let last = &self.processes[index].row;
                next.row = Process {
                    pid: next.row.pid,
                    pid_in_namespace: next.row.pid_in_namespace,
                    start_time_ns: next.row.start_time_ns,
                    user_ns: Some(self.numbers.below(30_000_000)),
                    system_ns: Some(self.numbers.below(10_000_000)),
                    ..last.clone()
                };
                self.processes[index] = next;
            }
            let numbers = &mut self.numbers;
            let own = &mut self.processes[index];
            own.ends = own.ends.map(|frames| frames - 1);
            let is_awake = numbers.part() < own.wakes / self.hertz as f64;
            if !is_awake {
                continue;
            }
            let used = (own.rate * (0.5 + numbers.part())) as u64;
            let more = |value: Option<u64>, part: u64| value.map(|value| value + part);
            own.row.user_ns = more(own.row.user_ns, used * 7 / 10);
            own.row.system_ns = more(own.row.system_ns, used * 3 / 10);
            if own.row.kernel_thread == Some(false) && numbers.part() < 0.3 {
                let pages = numbers.below(124) as i64 - 60;
                let rss = own.row.rss_bytes.unwrap_or(0).saturating_add_signed(pages * 4096);
                own.row.rss_bytes = Some(rss);
                own.row.shared_bytes = Some(rss / 3 / 4096 * 4096);
            }
            own.row.state = Some(match numbers.part() < 0.3 {
                true => ProcessState::Running,
                false if own.row.kernel_thread == Some(true) => ProcessState::Idle,
                false => ProcessState::Sleeping,
            });
        }
        Frame {
            domain: self.domain.clone(),
            time_ns: START + number * S / self.hertz + self.numbers.below(3_000_000),
            duration_ns: 3_000_000 + self.numbers.below(9_000_000),
            consistency: nfm_frame::Consistency {
                complete: true,
                mode: "live".into(),
                ..Default::default()
            },
            os: Some(Os { uptime_ns: Some(uptime), boot_time_ns: Some(7), ..Os::default() }),
            processes: Some(self.processes.iter().map(|own| own.row.clone()).collect()),
            ..Frame::default()
        }
    }
}

/// The least and the most CPU time of each process, by its id and start.
type Used = BTreeMap<(i64, i64), (i64, i64)>;

/// CPU time of this process.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn write(folder: &Path, guests: u64, seconds: u64, hertz: u64) -> Result<(), Box<dyn Error>> {
    let mut store = StoreWriter::open(folder, "host-00", Duration::from_secs(1))?;
    let mut all = Vec::new();
    for number in 0..guests {
        let guest = Guest::new(number, hertz);
        let encoder = Encoder::new(number as u32 + 1, guest.domain.clone(), 0)?;
        all.push((guest, encoder));
    }
    let (mut encoding, mut appending, mut sealing) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut rows, mut bytes, mut frames) = (0, 0, 0_u32);
    let mut seal_finished = |store: &mut StoreWriter| -> Result<(), Box<dyn Error>> {
        let before = cpu();
        for (path, name) in store.take_finished() {
            seal(folder, &path, &name)?;
        }
        sealing += cpu() - before;
        Ok(())
    };
    for number in 0..seconds * hertz {
        for (guest, encoder) in &mut all {
            let mut frame = guest.frame(number);
            rows += frame.processes.as_ref().map_or(0, Vec::len) as u64;
            let mut record = Vec::new();
            let before = cpu();
            encoder.encode(&mut frame, number * S / hertz, &mut record)?;
            let encoded = cpu();
            let Parsed::Record(parsed, _) = parse(&record) else { return Err("no record".into()) };
            store.append(&parsed.head, &record)?;
            encoding += encoded - before;
            appending += cpu() - encoded;
            bytes += record.len() as u64;
            frames += 1;
        }
        if (number + 1) % (600 * hertz) == 0 {
            store.end_all()?;
            seal_finished(&mut store)?;
        }
    }
    store.end_all()?;
    seal_finished(&mut store)?;
    let each = |time: Duration| (time / frames).as_secs_f64() * 1e3;
    println!(
        "{frames} frames, {rows} process rows: log {} bytes a frame; CPU ms a frame: {:.3} to encode, {:.3} to append, \
         {:.3} to seal",
        bytes / u64::from(frames),
        each(encoding),
        each(appending),
        each(sealing)
    );
    for table in tables() {
        let bytes = size(&folder.join(format!("table={}", table.name)))?;
        if table.name == "processes" {
            println!("table processes: {bytes} bytes, {:.3} a row", bytes as f64 / rows as f64);
        } else if bytes > 0 {
            println!(
                "table {}: {bytes} bytes, {:.1} a frame",
                table.name,
                bytes as f64 / f64::from(frames)
            );
        }
    }
    Ok(())
}

/// Arrow IPC and zstd over columns, and nothing else: a stream of each for each guest, begun anew every 60 frames.
struct Plain {
    writers: BTreeMap<&'static str, StreamWriter<Vec<u8>>>,
    compressor: raw::Encoder<'static>,
    frames: u32,
}

impl Plain {
    fn new() -> std::io::Result<Self> {
        let mut compressor = raw::Encoder::new(3)?;
        for parameter in
            [CParameter::WindowLog(18), CParameter::HashLog(15), CParameter::ChainLog(15)]
        {
            compressor.set_parameter(parameter)?;
        }
        Ok(Self { writers: BTreeMap::new(), compressor, frames: 0 })
    }

    /// Returns the bytes of a frame.
    fn write(&mut self, columns: &FrameColumns) -> Result<usize, Box<dyn Error>> {
        if self.frames.is_multiple_of(KEY_PERIOD) {
            self.writers.clear();
            self.compressor.reinit()?;
        }
        self.frames += 1;
        let mut bytes = Vec::new();
        for (name, batch) in columns.tables() {
            let writer = match self.writers.entry(name) {
                Entry::Occupied(own) => own.into_mut(),
                Entry::Vacant(own) => {
                    own.insert(StreamWriter::try_new(Vec::new(), &batch.schema())?)
                }
            };
            writer.write(batch)?;
            bytes.append(writer.get_mut());
        }
        let mut room = vec![0; bytes.len() + 1024];
        let mut output = OutBuffer::around(room.as_mut_slice());
        let mut input = InBuffer::around(&bytes);
        while input.pos() < bytes.len() {
            self.compressor.run(&mut input, &mut output)?;
        }
        while self.compressor.flush(&mut output)? > 0 {}
        Ok(output.pos())
    }
}

/// CPU time of this thread.
fn thread_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// CPU time of another process, to a hundredth of a second.
fn cpu_of(pid: u32) -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit(')').next().ok_or("no fields")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
}

/// Records as `nfm record` does, but for the crawl: frames are made here, at a steady rate.
fn record(
    program: &str,
    folder: &Path,
    guests: u64,
    seconds: u64,
    hertz: u64,
) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let mut writer = Command::new(program)
        .args(["--writer", "--free", "1", "--store"])
        .arg(folder.join("store"))
        .arg("--socket")
        .arg(folder.join("nfm.sock"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut pipe = writer.stdin.take().ok_or("no pipe")?;
    let mut all = Vec::new();
    for number in 0..guests {
        let guest = Guest::new(number, hertz);
        let encoder = Encoder::new(number as u32 + 1, guest.domain.clone(), 0)?;
        all.push((guest, encoder, Decoder::new()?, Plain::new()?));
    }
    let (mut own, mut plain, mut late) = (Duration::ZERO, Duration::ZERO, 0_u64);
    let (mut own_bytes, mut plain_bytes, mut frames) = (0, 0, 0_u64);
    let begun = Instant::now();
    for number in 0..seconds * hertz {
        for (guest, encoder, decoder, other) in &mut all {
            let mut frame = guest.frame(number);
            let mut bytes = Vec::new();
            let before = thread_cpu();
            encoder.encode(&mut frame, number * S / hertz, &mut bytes)?;
            pipe.write_all(&bytes)?;
            own += thread_cpu() - before;
            let Parsed::Record(parsed, _) = parse(&bytes) else { return Err("no record".into()) };
            let columns = decoder.columns(&parsed)?.ok_or("no frame")?;
            let before = thread_cpu();
            plain_bytes += other.write(&columns)?;
            plain += thread_cpu() - before;
            (own_bytes, frames) = (own_bytes + bytes.len(), frames + 1);
        }
        let beat = Duration::from_nanos((number + 1) * S / hertz);
        late += u64::from(begun.elapsed() > beat);
        std::thread::sleep(beat.saturating_sub(begun.elapsed()));
    }
    let writing = cpu_of(writer.id())?;
    drop(pipe);
    writer.wait()?;
    let each = |time: Duration| time.as_secs_f64() * 1e3 / frames as f64;
    println!(
        "{frames} frames of {guests} guests at {hertz} Hz, CPU ms a frame: {:.3} for its record, {:.3} in the writer; \
         {:.3} for Arrow IPC and zstd alone: {:.2} times. {} bytes a frame, {} alone. {late} of {} beats late",
        each(own),
        each(writing),
        each(plain),
        (own + writing).as_secs_f64() / plain.as_secs_f64(),
        own_bytes as u64 / frames,
        plain_bytes as u64 / frames,
        seconds * hertz
    );
    Ok(())
}

fn size(folder: &Path) -> Result<u64, Box<dyn Error>> {
    if !folder.exists() {
        return Ok(0);
    }
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.metadata()?;
        bytes += if kind.is_dir() { size(&entry.path())? } else { kind.len() };
    }
    Ok(bytes)
}

fn seek(folder: &Path, guest: &str, second: u64) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let mut store = Store::open(folder)?;
    let at = At::Before(START + second * S + S / 2);
    let frame = store.frame(guest, at, &[Section::Os, Section::Processes])?;
    let count = frame.processes.map_or(0, |all| all.len());
    println!(
        "{count} processes; CPU {:.1} ms, {:.1} ms in all",
        cpu().as_secs_f64() * 1e3,
        begun.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}

/// The CPU time of each guest's processes, from the first to the last row of each.
fn cpu_by_guest(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut store = Store::open(folder)?;
    let table = tables().iter().find(|table| table.name == "processes").ok_or("no table")?;
    let columns = ["vm", "pid", "start_time_ns", "user_ns", "system_ns"];
    let mut guests: BTreeMap<String, Used> = BTreeMap::new();
    store.each_columns(table, &columns, |rows| {
        let number =
            |name: &str| rows.column_by_name(name).map(|one| one.as_primitive::<Int64Type>());
        let vm = rows.column_by_name("vm").map(|one| one.as_string::<i32>().value(0));
        let (Some(vm), Some(pid), Some(start)) = (vm, number("pid"), number("start_time_ns"))
        else {
            return Ok(());
        };
        let (Some(user), Some(system)) = (number("user_ns"), number("system_ns")) else {
            return Ok(());
        };
        let own = guests.entry(vm.to_owned()).or_default();
        let all =
            pid.values().iter().zip(start.values()).zip(user.values().iter().zip(system.values()));
        let mut last: Option<((i64, i64), (i64, i64))> = None;
        for ((pid, start), (user, system)) in all {
            let (key, used) = ((*pid, *start), user + system);
            match &mut last {
                Some((one, (least, most))) if *one == key => {
                    (*least, *most) = ((*least).min(used), (*most).max(used));
                }
                _ => {
                    add(own, last.replace((key, (used, used))));
                }
            }
        }
        add(own, last);
        Ok(())
    })?;
    for (guest, processes) in guests {
        let used: i64 = processes.values().map(|(least, most)| most - least).sum();
        println!("{guest},{used}");
    }
    eprintln!("CPU {:.3} s", cpu().as_secs_f64());
    Ok(())
}

fn add(all: &mut Used, one: Option<((i64, i64), (i64, i64))>) {
    if let Some((key, (least, most))) = one {
        let own = all.entry(key).or_insert((least, most));
        *own = (own.0.min(least), own.1.max(most));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["write", folder, guests, seconds, hertz] => {
            write(Path::new(folder), guests.parse()?, seconds.parse()?, hertz.parse()?)
        }
        ["seek", folder, guest, second] => seek(Path::new(folder), guest, second.parse()?),
        ["record", program, folder, guests, seconds, hertz] => record(
            program,
            Path::new(folder),
            guests.parse()?,
            seconds.parse()?,
            hertz.parse()?,
        ),
        ["cpu", folder] => cpu_by_guest(Path::new(folder)),
        _ => Err("usage: synthetic write FOLDER GUESTS SECONDS HERTZ | record PROGRAM FOLDER GUESTS SECONDS HERTZ | \
             seek FOLDER GUEST SECOND | cpu FOLDER".into()),
    }
}
