//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use nfm::Section;

use super::disk_args::{DiskArgs, OnDisk, Packages, Sha256};
use super::exporter_args::Exporter;
use super::record_args::{Live, Record, days};
use super::time::{Moment, length, moment};

/// See into running Linux guests from their host: no agent, nothing to configure.
///
/// A DOMAIN is libvirt's name, id or UUID of a running guest, qemu:PID for the guest of a QEMU process (which
/// libvirt need not know), image:PATH for a disk's image (for verbs that read disks), or file:PATH for a file with a guest's memory (a dump) or with recorded frames (lines that nfm crawl --json printed). With --at, verbs show what nfm record recorded. Where a recorder runs, root and members of group nfm see its newest frames; reading a running guest's memory oneself needs root or CAP_SYS_PTRACE.
#[derive(Parser)]
#[command(name = "nfm", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    /// libvirt connection URI (default: libvirt's own choice, LIBVIRT_DEFAULT_URI first). qemu+ssh://USER@HOST/system
    /// shows guests of another host, by the recorder that runs there. Several name several hosts, whose guests are
    /// HOST/NAME then
    #[arg(short, long, value_name = "URI", global = true)]
    pub connect: Vec<String>,
    /// A file that names hosts, a line each: a URI as with -c, and a name of your own for the host if you like (default:
    /// ~/.config/nfm/hosts, if it is there and nothing else names a host)
    #[arg(long, value_name = "FILE", global = true)]
    pub hosts: Option<PathBuf>,
    #[command(flatten)]
    pub symbols: Symbols,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Where symbols and types come from, if not from the guest's own memory.
#[derive(Args)]
pub(crate) struct Symbols {
    /// The kernel's System.map or vmlinux, for its symbols (default: its own memory, then its debug
    /// package; NFM_SYMBOLS)
    #[arg(long, value_name = "FILE", global = true)]
    pub symbols: Option<PathBuf>,
    /// The kernel's vmlinux or BTF, for its types (default: its own memory, then its debug package;
    /// NFM_TYPES)
    #[arg(long, value_name = "FILE", global = true)]
    pub types: Option<PathBuf>,
    /// Learn everything of the kernel anew, and keep nothing of it for the next time
    #[arg(long, global = true)]
    pub no_cache: bool,
}

/// Up to 19 kept equal to `nfm::ErrorCode`, whose numbers these are; from 20 on those of verbs.
pub(crate) const EXIT_STATUS: &str = "\
Exit status:
   0  success
   1  something failed that has no status of its own
   2  the arguments are wrong
   3  libvirt cannot be reached
   4  there is no such domain
   5  the domain is not running
   6  no permission to read the guest's memory
   7  the guest has not booted yet
   8  the guest runs no Linux that nfm can recognise
   9  the guest's kernel carries no usable BTF
  10  the guest's symbol table cannot be read
  11  the guest's hypervisor, architecture or memory is not supported
  12  the guest's RAM cannot be located
  13  the guest ended meanwhile
  14  a bug in nfm
  15  the reading was cancelled
  16  a file is not there, or is none that nfm can read or write
  17  a symbol file is of another kernel than the guest's
  18  the process has no file descriptor left
  19  the guest's memory does not hold all that was asked for
  20  check: something in the guest hides or is hooked
  21  check: nothing was found, but not everything could be read
  22  store verify: something that was recorded is damaged
  23  disks: a part of them could not be read; the rest is printed";

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// List domains
    List(List),
    /// Take one frame of a guest
    Crawl(Crawl),
    /// Write a guest's memory to a file, to be read later or elsewhere (as file:PATH)
    Dump(Dump),
    /// List a guest's processes
    Ps(Ps),
    /// Show who uses the CPUs, of all guests, on one screen: live or recorded
    Top(Top),
    /// List a guest's processes in the order in which its kernel, out of memory, would kill them
    Oom(FrameOf),
    /// List open files of a guest's processes
    Lsof(OfProcess),
    /// List the memory mappings of a guest's processes
    Pmap(OfProcess),
    /// List a guest's sockets, with the processes that own them
    #[command(visible_alias = "netstat")]
    Ss(FrameOf),
    /// List a guest's network interfaces
    #[command(visible_alias = "ifconfig")]
    Ip(FrameOf),
    /// List a guest's routes, of all tables
    Route(FrameOf),
    /// List a guest's neighbours: ARP and NDP
    #[command(visible_alias = "arp")]
    Neigh(FrameOf),
    /// Show who talks to whom: guests, their processes, connections and networks
    Topology(TopologyArgs),
    /// List a guest's mounts
    Mount(FrameOf),
    /// List a guest's directory, as its memory holds it
    Ls(Ls),
    /// Show what a guest's memory holds of a file: status, and which parts of its content
    Stat(Stat),
    /// Print a guest's file, from its page cache
    Cat(Cat),
    /// List the files below a directory of a guest, as its memory holds them
    Find(Find),
    /// Write a file that a guest's process has open to a file here, also one that was removed
    Recover(Recover),
    /// Show what is on a guest's disks: volumes and filesystems
    Disk(DiskArgs),
    /// List the packages that are installed on a guest's disks
    Packages(Packages),
    /// Print the SHA-256 of a file on a guest's disks, or of all files below a directory
    Sha256(Sha256),
    /// Show a guest's memory
    Free(FrameOf),
    /// Show how long a guest is up, and its load
    Uptime(FrameOf),
    /// List a guest's CPUs
    Lscpu(FrameOf),
    /// List a guest's kernel modules
    Lsmod(FrameOf),
    /// Print a guest's kernel log
    Dmesg(FrameOf),
    /// Tell where a guest's kernel contradicts itself: what hides, what is hooked
    Check(Check),
    /// Tell what can be read of a guest, how, and why not
    Doctor(Target),
    /// Look at guests from a prompt: now, and at the times that were recorded
    Console(Console),
    /// Record the guests of this host, to be looked at later with --at
    Record(Record),
    /// Serve metrics of the guests of this host, for Prometheus
    Exporter(Exporter),
    /// Pass the frames of this host's recorder on, to whom -c qemu+ssh://… here starts it for
    Serve(Serve),
    /// Tell what happened to recorded guests
    History(HistoryArgs),
    /// Tell what changed in a recorded guest from one time to another
    Diff(Diff),
    /// Draw a recorded guest's CPU, memory or network over a time
    Plot(PlotArgs),
    /// List, verify, seal, prune and export what is recorded
    #[command(subcommand)]
    Store(StoreVerb),
    /// Export or import what nfm knows of a kernel, for others that do not tell it
    #[command(subcommand)]
    Profile(Profile),
    /// Resume a domain when standard input ends (what --paused starts beside itself)
    #[command(hide = true)]
    ResumeGuard {
        /// libvirt's URI
        uri: String,
        /// The domain's UUID
        uuid: String,
    },
}

#[derive(Args)]
pub(crate) struct List {
    /// Only these domains: [HOST/]NAME; * and ? stand for any text and any character
    #[arg(value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// Also domains that do not run
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct Target {
    /// The domain's name, id or UUID, or file:PATH
    pub domain: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A domain, and the time of the frame that is shown of it.
#[derive(Args)]
pub(crate) struct FrameOf {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub when: When,
}

/// The time of recorded frames. Without any of these, a frame is taken now.
#[derive(Args, Default)]
pub(crate) struct When {
    /// Show the domain as it was recorded at this time: 2026-11-30T14:00:00Z, 14:00, 'yesterday 14:00',
    /// -10m, or #123 for a frame's number
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub at: Option<Moment>,
    /// Show all that was recorded from this time on
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, conflicts_with = "at")]
    pub since: Option<Moment>,
    /// Show all that was recorded up to this time
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, conflicts_with = "at")]
    pub until: Option<Moment>,
    /// With --since or --until: one frame in so much time (10s, 5m, 1h), not all of them
    #[arg(long, value_name = "LENGTH", value_parser = length, conflicts_with = "at")]
    pub every: Option<Duration>,
    /// The folder of recorded frames (default: NFM_STORE in the environment, else /var/lib/nfm/store);
    /// without a time, its newest frame is shown
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
    #[command(flatten)]
    pub live: Live,
}

/// A prompt for any guest, running, recorded or dumped. Its commands are the verbs of nfm without the domain (ps, ss,
/// lsof, dmesg, ls, cat, check, …), and: use DOMAIN, sync (show what is now), seek TIME, step, diff TIME, play,
/// help, quit. Behind '|' stand grep, head, tail and wc. Nothing that is typed changes a guest. Without a terminal,
/// commands are read from standard input, one a line; the exit status is that of the last one that failed.
#[derive(Args)]
pub(crate) struct Console {
    /// The domain to begin with: its name, id or UUID, qemu:PID, or file:PATH
    pub domain: Option<String>,
    /// Begin at this recorded time: 14:00, -10m, 'yesterday 14:00', 2026-11-30T14:00:00Z, or #123
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, requires = "domain")]
    pub at: Option<Moment>,
    /// The folder of recorded frames (default: NFM_STORE in the environment, else /var/lib/nfm/store)
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
}

/// Pass the frames of this host's recorder on over standard input and output. `nfm VERB -c qemu+ssh://HOST/system` starts it on
/// HOST by ssh; there, the user is one of those who may look at the recorder's socket. Where no recorder runs and the user is
/// root, frames are taken when they are asked for. A key can be held to it by command="nfm serve" in authorized_keys.
#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub live: Live,
}

#[derive(Args)]
pub(crate) struct TopologyArgs {
    /// The domains' names, ids or UUIDs, qemu:PID, or file:PATH (default: all of libvirt's domains that run)
    #[arg(value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// The smallest things to show; connections of what is left out are counted
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = TopologyLevel::Process)]
    pub level: TopologyLevel,
    /// Show only connections with this port at either end
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Show only connections between a guest whose name is of the first pattern and one of the second: web-*,db-*
    #[arg(long, value_name = "NAME,NAME", value_parser = two_names)]
    pub between: Option<(String, String)>,
    /// Show only connections with addresses that no guest has
    #[arg(long)]
    pub external: bool,
    /// The form of the graph
    #[arg(short, long, value_enum, value_name = "FORM", default_value_t = TopologyForm::Table)]
    pub output: TopologyForm,
    /// Print JSON, as -o json does
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
    /// Show the domains, which are to be named, as they were recorded at this time: 2026-11-30T14:00:00Z, 14:00,
    /// 'yesterday 14:00' or -10m
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, requires = "domains")]
    pub at: Option<Moment>,
    /// Show all that was recorded of the domains, which are to be named, from this time on, with the times at which each edge
    /// was first and last there
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, requires = "domains", conflicts_with = "at")]
    pub since: Option<Moment>,
    /// The same up to this time
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, requires = "domains", conflicts_with = "at")]
    pub until: Option<Moment>,
    /// With --since or --until: look once in so much time (10s, 5m, 1h), not 60 times in all
    #[arg(long, value_name = "LENGTH", value_parser = length, requires = "domains", conflicts_with = "at")]
    pub every: Option<Duration>,
    /// With --since or --until: show the edges that are there at the end and not at the beginning, or the other way round
    #[arg(long)]
    pub diff: bool,
    /// Tell what contradicts itself: an address that is used twice in one network, a guest in a network that the host does
    /// not join it to, a connection that its other end does not have, MTUs and VLANs that differ. Looks four times; the exit
    /// status is 20 if there is a finding, 21 if not all could be read
    #[arg(long, conflicts_with_all = ["output", "diff", "at"])]
    pub check: bool,
    /// The folder of recorded frames (default: NFM_STORE in the environment, else /var/lib/nfm/store);
    /// without a time, its newest frames are shown
    #[arg(long, value_name = "FOLDER", requires = "domains")]
    pub store: Option<PathBuf>,
}

/// The levels of a topology.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopologyLevel {
    /// Hosts and networks
    Host,
    /// Also guests
    Guest,
    /// Also network namespaces
    Container,
    /// Also interfaces and processes
    Process,
}

fn two_names(text: &str) -> Result<(String, String), String> {
    let names = text.split_once(',').filter(|(one, other)| !one.is_empty() && !other.is_empty());
    let (one, other) =
        names.ok_or("two names are needed, with a comma between them: web-*,db-*")?;
    Ok((one.to_owned(), other.to_owned()))
}

/// The forms of a topology.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum TopologyForm {
    /// A line for each edge
    Table,
    /// Nodes and edges
    Json,
    /// For Graphviz
    Dot,
    /// For Mermaid
    Mermaid,
    /// A page of its own for a browser, which needs no network
    Html,
}

#[derive(Args)]
pub(crate) struct HistoryArgs {
    /// The domain's name or UUID, or a pattern: web-*, project=shop (default: all that were recorded)
    pub domain: Option<String>,
    /// From this time on: 2026-11-30T14:00:00Z, 14:00, 'yesterday 14:00' or -10m
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<Moment>,
    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<Moment>,
    /// The folder of recorded frames (default: NFM_STORE in the environment, else /var/lib/nfm/store)
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
    /// Print JSON, a line for each event
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct Diff {
    /// The domain's name or UUID
    pub domain: String,
    /// The two times, the earlier one first: 2026-11-30T14:00:00Z, 14:00, 'yesterday 14:00', -10m, #123 or now
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, required = true)]
    pub at: Vec<Moment>,
    /// The folder of recorded frames (default: NFM_STORE in the environment, else /var/lib/nfm/store)
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
    /// Print JSON, a line for each difference
    #[arg(long)]
    pub json: bool,
}

/// Draw a recorded guest's CPU time (percent of one CPU: as the guest believes, and as its host gave it), memory (used, and
/// all that there is) or network (bytes in a second of all interfaces but the loopback) over a time. Where nothing was
/// recorded, nothing is drawn.
#[derive(Args)]
pub(crate) struct PlotArgs {
    /// The domain's name or UUID
    pub domain: String,
    /// The figures to draw
    #[arg(value_enum)]
    pub subject: PlotSubject,
    /// From this time on (default: the last hour that was recorded): 2026-11-30T14:00:00Z, 14:00, 'yesterday 14:00'
    /// or -10m
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<Moment>,
    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<Moment>,
    /// The folder of recorded frames (default: NFM_STORE in the environment, else /var/lib/nfm/store)
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
    /// Write an SVG to this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Print JSON, a line for each point
    #[arg(long, conflicts_with = "svg")]
    pub json: bool,
}

/// The figures of a plot.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PlotSubject {
    Cpu,
    Memory,
    Net,
}

impl PlotSubject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Net => "net",
        }
    }
}

/// The folder of recorded frames.
#[derive(Args)]
pub(crate) struct StoreFolder {
    /// The folder of recorded frames (default: NFM_STORE in the environment, else /var/lib/nfm/store)
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
}

impl StoreFolder {
    pub(crate) fn when(&self) -> When {
        When { store: self.store.clone(), ..When::default() }
    }
}

#[derive(Subcommand)]
pub(crate) enum StoreVerb {
    /// List the guests that were recorded, and when
    Ls {
        #[command(flatten)]
        store: StoreFolder,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read every byte, and name what is damaged
    Verify {
        #[command(flatten)]
        store: StoreFolder,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make Parquet files of the logs that recorders left
    Seal {
        #[command(flatten)]
        store: StoreFolder,
    },
    /// Remove the oldest segments
    Prune {
        #[command(flatten)]
        store: StoreFolder,
        /// Those that ended more than so many days ago
        #[arg(long, value_name = "DAYS", value_parser = days)]
        keep: Option<f64>,
        /// Those beyond so many MiB
        #[arg(long, value_name = "MIB")]
        size: Option<u64>,
        /// As many as leave so many MiB of the disk free
        #[arg(long, value_name = "MIB")]
        free: Option<u64>,
    },
    /// Print rows of a table
    Export(StoreExport),
    /// Print the statements by which an engine reads the store
    Ddl {
        #[command(flatten)]
        store: StoreFolder,
        /// The engine
        #[arg(long, value_enum)]
        engine: EngineName,
    },
}

#[derive(Args)]
pub(crate) struct StoreExport {
    /// The table: frames, events, or a section's name
    pub table: String,
    /// Only the rows of this domain
    pub domain: Option<String>,
    /// From this time on
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub since: Option<Moment>,
    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub until: Option<Moment>,
    /// The form of the rows
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
    /// The folder of recorded frames (default: NFM_STORE in the environment, else /var/lib/nfm/store)
    #[arg(long, value_name = "FOLDER")]
    pub store: Option<PathBuf>,
}

/// The forms of exported rows.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// An object on each line
    Jsonl,
    /// Names on the first line
    Csv,
    /// A stream of Arrow's IPC format
    Arrow,
}

/// The engines that read a store.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum EngineName {
    /// DuckDB
    Duckdb,
    /// ClickHouse, and chdb
    Clickhouse,
    /// Spark SQL
    Spark,
    /// Polars, in Python
    Polars,
}

/// Forms of frames for other programs.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CrawlFormat {
    Jsonl,
    #[value(name = "openmetrics")]
    OpenMetrics,
    Influx,
}

#[derive(Args)]
pub(crate) struct Crawl {
    /// The domain's name, id or UUID, or file:PATH
    #[arg(required_unless_present = "all")]
    pub domain: Option<String>,
    /// Take a frame of each domain that runs
    #[arg(
        long,
        conflicts_with_all = [
            "domain", "paused", "threads", "physical", "time_limit", "memory_limit", "row_limit", "at", "since", "until",
        ]
    )]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print frames for other programs: jsonl (a line of JSON for each), openmetrics (what nfm exporter serves), influx
    /// (InfluxDB's line protocol)
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<CrawlFormat>,
    #[command(flatten)]
    pub when: When,
    /// Only these sections of the frame
    #[arg(long, value_name = "SECTION,…", value_delimiter = ',', value_parser = section)]
    pub sections: Vec<Section>,
    /// With --json: indented, for people
    #[arg(long, requires = "json")]
    pub pretty: bool,
    /// Suspend the guest while a frame is taken; it is resumed even if nfm is killed
    #[arg(long)]
    pub paused: bool,
    /// List the threads of each process
    #[arg(long)]
    pub threads: bool,
    /// Tell where in the guest's RAM the pages of each mapping are
    #[arg(long)]
    pub physical: bool,
    /// Return the frame as it is after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time_limit: Option<Duration>,
    /// Return the frame as it is once it takes so much memory
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub memory_limit: Option<u32>,
    /// Return the frame as it is once it has so many rows
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub row_limit: Option<u32>,
    /// Take a frame every so many seconds (0.1 is ten a second)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub watch: Option<Duration>,
    /// With --watch: end after so many frames
    #[arg(long, value_name = "FRAMES", requires = "watch")]
    pub count: Option<u64>,
}

#[derive(Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub of: FrameOf,
    /// Give up what was not compared after so many seconds (1 unless said otherwise)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time_limit: Option<Duration>,
}

#[derive(Args)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub target: Target,
    /// The file to write: an ELF core, for its owner's eyes only, in which zeros are holes
    pub file: PathBuf,
    /// Suspend the guest meanwhile, so that all of its memory is of one moment; it is resumed even if
    /// nfm is killed
    #[arg(long)]
    pub paused: bool,
    /// Replace a file that is there already
    #[arg(long)]
    pub force: bool,
}

#[derive(Subcommand)]
pub(crate) enum Profile {
    /// Write the profile of a guest's kernel, or of a kernel's files, to a file
    Export(Export),
    /// Take a profile in: every guest of its kernel opens with it from now on
    Import(Import),
}

#[derive(Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Export {
    /// The domain's name, id or UUID, or file:PATH
    #[arg(required_unless_present = "vmlinux", conflicts_with = "vmlinux")]
    pub domain: Option<String>,
    /// The file to write
    pub file: PathBuf,
    /// Use the kernel of this vmlinux, with BTF or DWARF, instead of a guest's
    #[arg(long, value_name = "FILE")]
    pub vmlinux: Option<PathBuf>,
    /// With --vmlinux: its System.map, if vmlinux has no symbols
    #[arg(long, value_name = "FILE", requires = "vmlinux")]
    pub system_map: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Import {
    /// The profile
    pub file: PathBuf,
}

#[derive(Args)]
pub(crate) struct OfProcess {
    #[command(flatten)]
    pub of: FrameOf,
    /// Only this process
    #[arg(short, long)]
    pub pid: Option<u32>,
}

#[derive(Args)]
pub(crate) struct Ps {
    #[command(flatten)]
    pub of: FrameOf,
    /// Measure each process's use of the CPU over a second (see --interval) and show it
    #[arg(long)]
    pub cpu: bool,
    /// With --cpu: the seconds over which it is measured
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub interval: Duration,
}

#[derive(Args)]
pub(crate) struct Top {
    /// The domains, by [HOST/]NAME, id or UUID, or file:PATH; * and ? stand for any text and any character
    /// (default: all that run; with a time or a store, all that were recorded)
    #[arg(value_name = "DOMAIN")]
    pub domains: Vec<String>,
    #[command(flatten)]
    pub when: When,
    /// Print one screen and end
    #[arg(long)]
    pub once: bool,
    /// Print JSON: a list of processes for each screen
    #[arg(long)]
    pub json: bool,
    /// Print CSV: bytes, nanoseconds, percent, and nothing where a value is not known
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Seconds between screens, and over which the CPU's use is measured
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub interval: Duration,
}

/// A path in a guest.
#[derive(Args)]
pub(crate) struct GuestPath {
    #[command(flatten)]
    pub target: Target,
    /// The path in the guest
    #[arg(value_hint = clap::ValueHint::Other)]
    pub path: PathBuf,
    /// As this process sees it, by its root directory and its mounts (default: the first process)
    #[arg(short, long, value_name = "PID", conflicts_with_all = ["disk", "volume"])]
    pub pid: Option<u32>,
    #[command(flatten)]
    pub disk: OnDisk,
}

#[derive(Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub of: GuestPath,
    /// Modes, owners, sizes and times, too
    #[arg(short, long)]
    pub long: bool,
}

#[derive(Args)]
pub(crate) struct Stat {
    #[command(flatten)]
    pub of: GuestPath,
    /// Follow the path's last name if it is a symbolic link
    #[arg(short = 'L', long)]
    pub dereference: bool,
}

#[derive(Args)]
pub(crate) struct Cat {
    /// The domain's name, id or UUID, or file:PATH
    pub domain: String,
    /// The path in the guest
    #[arg(value_hint = clap::ValueHint::Other)]
    pub path: PathBuf,
    /// As this process sees it, by its root directory and its mounts (default: the first process)
    #[arg(short, long, value_name = "PID", conflicts_with_all = ["disk", "volume"])]
    pub pid: Option<u32>,
    #[command(flatten)]
    pub disk: OnDisk,
    /// Print zeros for the parts that the guest's memory does not hold, instead of nothing at all
    #[arg(long)]
    pub zeros: bool,
}

#[derive(Args)]
pub(crate) struct Find {
    #[command(flatten)]
    pub of: GuestPath,
    /// Do not enter what is mounted below
    #[arg(long, visible_alias = "xdev")]
    pub one_file_system: bool,
    /// End after so many seconds (10 unless said otherwise)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time_limit: Option<Duration>,
}

#[derive(Args)]
pub(crate) struct Recover {
    #[command(flatten)]
    pub target: Target,
    /// The process in the guest
    pub pid: u32,
    /// Its descriptor, as nfm lsof shows it
    pub fd: u32,
    /// The file to write: for its owner's eyes only; what the guest's memory does not hold is a hole in it
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace a file that is there already
    #[arg(long)]
    pub force: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=86_400.0).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err("seconds are a number from 0.001 to 86400".to_owned()),
    }
}

fn section(name: &str) -> Result<Section, String> {
    Section::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Section::ALL.iter().map(|section| section.name()).collect();
        format!("there is no such section; the sections are {}", names.join(", "))
    })
}
