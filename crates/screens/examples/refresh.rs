//! The cost of a refresh of the screen beside that of decoding the records that it shows:
//!
//!     cargo run --release -p nfm-screens --example refresh -- 1000
//!
//! So many synthetic guests of 200 processes each, of which a fifth works. Each guest's records go through the encoder
//! and the decoder of the store. A refresh is all that the screen does with a frame of each: differences, shares, the
//! table, its order, a drawing of 50 lines. The memory is that of decoders, frames and the table together; the guests that
//! are made up are not kept.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nfm_frame::{
    Consistency, Cpu, DomainIdentity, Frame, Host, Memory, Os, Process, ProcessState, Section,
};
use nfm_screens::{App, Clock, GuestView, News, Options, draw};
use nfm_store::{Decoder, Encoder, Newest, Parsed, parse};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const S: u64 = 1_000_000_000;
const START: u64 = 1_796_000_400 * S;
const PROCESSES: u64 = 200;
const SECTIONS: [Section; 5] =
    [Section::Os, Section::Cpus, Section::Memory, Section::Processes, Section::Host];
/// Seconds that are recorded of each guest; the first frame is not measured.
const SECONDS: u64 = 4;

fn process(guest: u64, index: u64, second: u64) -> Process {
    let is_kernel = index < 110;
    let works = index.is_multiple_of(5);
    let used = if works { second * S / 1000 * (1 + (index * 7 + guest) % 40) } else { 0 };
    let line = format!("/usr/bin/program-{} --config /etc/program/{index}.conf", index % 10);
    let group = format!("/system.slice/program-{}.service", index % 10);
    let text = |text: String| Some(if is_kernel { "".into() } else { text.into() });
    Process {
        pid: index as u32 + 1,
        ppid: Some(if is_kernel { 2 } else { 1 }),
        name: Some(format!("program-{}", index % 10).into()),
        state: Some(if works { ProcessState::Running } else { ProcessState::Sleeping }),
        command_line: text(line),
        exe: text(format!("/usr/bin/program-{}", index % 10)),
        cwd: Some("/".into()),
        root: Some("/".into()),
        uid: Some((index % 3) as u32 * 500),
        euid: Some((index % 3) as u32 * 500),
        threads: Some(1 + (index % 32) as u32),
        nice: Some(0),
        start_time_ns: Some(index * 1_234_567 + 1),
        user_ns: Some(used / 10 * 7),
        system_ns: Some(used / 10 * 3),
        virtual_bytes: Some(index << 22),
        rss_bytes: Some((index << 16) + second * 4096 * u64::from(works)),
        shared_bytes: Some(index << 14),
        open_files: Some(7),
        cgroup: text(group),
        kernel_thread: Some(is_kernel),
        ..Process::default()
    }
}

fn frame(guest: u64, second: u64) -> Frame {
    let busy = second * S / 3;
    let zero = Some(0);
    let cpu = Cpu {
        online: true,
        user_ns: Some(busy),
        nice_ns: zero,
        system_ns: zero,
        irq_ns: zero,
        softirq_ns: zero,
        iowait_ns: zero,
        idle_ns: Some(second * S - busy),
        steal_ns: zero,
        ..Cpu::default()
    };
    Frame {
        domain: DomainIdentity {
            name: format!("web-{guest:04}"),
            uuid: Some(format!("00000000-0000-4000-8000-{guest:012}")),
            hypervisor: "qemu".to_owned(),
            ..DomainIdentity::default()
        },
        time_ns: START + second * S,
        duration_ns: 3_000_000,
        consistency: Consistency { complete: true, ..Consistency::default() },
        os: Some(Os { uptime_ns: Some((10 + second) * S), boot_time_ns: Some(7), ..Os::default() }),
        cpus: Some(vec![cpu]),
        memory: Some(Memory {
            total: Some(1 << 30),
            available: Some(1 << 29),
            ..Memory::default()
        }),
        host: Some(Host { vcpu_time_ns: Some(busy / 2), ..Host::default() }),
        processes: Some((0..PROCESSES).map(|index| process(guest, index, second)).collect()),
        ..Frame::default()
    }
}

/// One guest's records.
fn records(guest: u64) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut encoder = Encoder::new(guest as u32 + 1, frame(guest, 0).domain, 0)?;
    let record = |second| {
        let mut bytes = Vec::new();
        encoder.encode(&mut frame(guest, second), second * S, &mut bytes)?;
        Ok(bytes)
    };
    (0..SECONDS).map(record).collect()
}

fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The most memory that the process had, MiB.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib >> 10)
}

fn main() -> Result<(), Box<dyn Error>> {
    let guests: u64 = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse())?;
    let all: Vec<Vec<Vec<u8>>> = (0..guests).map(records).collect::<Result<_, _>>()?;
    let bytes: usize = all.iter().flatten().map(Vec::len).sum();
    let options = Options {
        interval: Duration::from_secs(1),
        has_live: true,
        has_recorded: false,
        at_ns: None,
        plays: false,
        until_ns: None,
        no_color: false,
        is_ascii: false,
    };
    let clock = Clock { parse: |_| None, forms: "", show: |ns| ns.to_string() };
    let (mut app, _) = App::new(options, clock);
    let area = Rect::new(0, 0, 160, 50);
    let mut decoders: Vec<Decoder> =
        (0..guests).map(|_| Decoder::new()).collect::<Result<_, _>>()?;
    let mut views: Vec<Option<Arc<GuestView>>> = vec![None; all.len()];
    for second in 0..SECONDS {
        let (mut decoding, mut showing) = (Duration::ZERO, Duration::ZERO);
        let begun = Instant::now();
        for ((records, decoder), last) in all.iter().zip(&mut decoders).zip(&mut views) {
            let before = cpu();
            let Some(bytes) = records.get(second as usize) else { continue };
            let Parsed::Record(record, _) = parse(bytes) else { return Err("no record".into()) };
            let columns = decoder.columns(&record)?.ok_or("no frame")?;
            let frame = Newest::new(columns).ok_or("no frame")?.frame(&SECTIONS)?;
            let decoded = cpu();
            let guest = frame.domain.name.clone();
            let view = Arc::new(match last {
                Some(last) => last.next(frame),
                None => GuestView::first(frame),
            });
            *last = Some(view.clone());
            let news = News::Frame { host: String::new(), guest, view, serial: None };
            app.news(news, START + second * S);
            showing += cpu() - decoded;
            decoding += decoded - before;
        }
        let before = cpu();
        let mut buffer = Buffer::empty(area);
        draw(&mut app, area, &mut buffer, START + second * S);
        let drawing = cpu() - before;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let all = decoding + showing + drawing;
        println!(
            "second {second}: decoding {:.1} ms, rows {:.1} ms, table and drawing {:.1} ms: a refresh with its decoding \
             costs {:.2} times the decoding; {:.4} ms a guest; {:.1} ms passed",
            ms(decoding),
            ms(showing),
            ms(drawing),
            all.as_secs_f64() / decoding.as_secs_f64(),
            ms(all) / guests as f64,
            ms(begun.elapsed())
        );
    }
    let rows: usize = views.iter().flatten().map(|view| view.len()).sum();
    println!(
        "{guests} guests, {rows} rows: {} MiB at most, {} of them records",
        peak()?,
        bytes >> 20
    );
    Ok(())
}
