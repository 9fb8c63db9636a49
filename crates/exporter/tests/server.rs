//! Bad scrapes: they harm nobody else.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use nfm_exporter::Server;

/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(60);
/// A text that fills the buffers of a socket that nobody reads.
const TEXT: usize = 8 << 20;

static SAID: AtomicUsize = AtomicUsize::new(0);

fn start(settings: Option<&Path>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let scrape = Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(100));
        "nfm_source_up{} 1\n".repeat(TEXT / 18)
    });
    let log: fn(&str) = |_| {
        SAID.fetch_add(1, Ordering::Relaxed);
    };
    let server = Server::new(settings, scrape, log).expect("a server");
    spawn(move || server.run(listener));
    (address, made)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream
}

/// The status, and the length of all that came.
fn ask(address: SocketAddr, head: &str) -> (String, usize) {
    let mut stream = connect(address);
    let _ = write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n");
    let (mut begin, mut rest) = (Vec::new(), Vec::new());
    let _ = (&mut stream).take(1000).read_to_end(&mut begin);
    let mut length = begin.len();
    rest.resize(64 << 10, 0);
    // The other side may close while there is more of the request than it takes.
    while let Ok(count @ 1..) = stream.read(&mut rest) {
        length += count;
    }
    let text = String::from_utf8_lossy(&begin);
    (text.split(' ').nth(1).unwrap_or_default().to_owned(), length)
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("descriptors").count()
}

#[test]
fn slow_readers_half_requests_and_200_at_once_harm_nobody() {
    let (address, made) = start(None);
    assert_eq!(ask(address, "GET /-/healthy HTTP/1.1").0, "200");
    let before = descriptors();
    // Nobody reads the answers of these.
    let slow: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = connect(address);
            write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("a request");
            stream
        })
        .collect();
    let half: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = connect(address);
            write!(stream, "GET /metr").expect("half a request");
            stream
        })
        .collect();
    let memory = || {
        let status = fs::read_to_string("/proc/self/status").expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    };
    let begun = memory();
    let asked: Vec<_> =
        (0..200).map(|_| spawn(move || ask(address, "GET /metrics HTTP/1.1"))).collect();
    for one in asked {
        let (status, length) = one.join().expect("an answer");
        assert!(status == "200" && length > TEXT - 100, "{status}, {length}");
    }
    let made = made.load(Ordering::Relaxed);
    assert!(made < 100, "scrapes at one time share a text: {made} were made for 240");
    // There are some texts in memory, and no copy for each of 240 connections.
    let grown = memory().saturating_sub(begun);
    assert!(grown < 60 * TEXT, "{grown} bytes");

    // Half a request is waited for ten seconds.
    for mut stream in half {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
    }
    drop(slow);
    let begun = Instant::now();
    while descriptors() > before {
        assert!(begun.elapsed() < PATIENCE, "{} descriptors, {before} before", descriptors());
        sleep(Duration::from_millis(50));
    }
    for (head, status) in [
        ("POST /metrics HTTP/1.1", "405"),
        ("GET /nothing HTTP/1.1", "404"),
        ("HEAD /metrics HTTP/1.1", "200"),
        ("GET /-/healthy HTTP/1.1", "200"),
        ("nonsense", "400"),
        (&format!("GET /{} HTTP/1.1", "x".repeat(100_000)), "431"),
    ] {
        let found = ask(address, head).0;
        let is_it = found == status || (status == "431" && found == "414");
        assert!(is_it, "{}: {found}", &head[..head.len().min(40)]);
    }
}

/// A folder with settings, a certificate and its key.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("nfm-exporter-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        Self(folder)
    }

    /// Makes a certificate, and puts it where the settings name it.
    fn certify(&self, name: &str) {
        let at = |file: &str| self.0.join(file);
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        command.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
        command.arg("-keyout").arg(at("new.key")).arg("-out").arg(at(&format!("{name}.pem")));
        let output = command.output().expect("openssl");
        assert!(output.status.success(), "{output:?}");
        fs::rename(at("new.key"), at("server.key")).expect("a key");
        fs::copy(at(&format!("{name}.pem")), at("new.pem")).expect("a copy");
        fs::rename(at("new.pem"), at("server.pem")).expect("a certificate");
    }

    /// curl's status for a scrape that trusts this certificate alone.
    fn scrape(&self, address: SocketAddr, trusted: &str, user: &str) -> String {
        let mut command = Command::new("curl");
        command.args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--max-time",
            "60",
            "--cacert",
        ]);
        command.arg(self.0.join(format!("{trusted}.pem"))).args(["-u", user]);
        command.arg(format!("https://localhost:{}/-/healthy", address.port()));
        let output = command.output().expect("curl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn wrong_credentials_and_a_certificate_that_is_replaced() {
    let folder = Folder::new();
    folder.certify("first");
    let hash = bcrypt::hash("secret", 4).expect("a hash");
    let settings = format!(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  min_version: TLS13\n\
         http_server_config:\n  headers:\n    X-Frame-Options: deny\n\
         basic_auth_users:\n  prometheus: {hash}\n"
    );
    let web = folder.0.join("web.yml");
    fs::write(&web, &settings).expect("settings");
    let (address, _) = start(Some(&web));
    for (user, status) in [
        ("prometheus:secret", "200"),
        ("prometheus:wrong", "401"),
        ("prometheus:", "401"),
        ("nobody:secret", "401"),
        (":", "401"),
        ("prometheus:secret", "200"),
    ] {
        assert_eq!(folder.scrape(address, "first", user), status, "{user}");
    }
    // Plain requests to a port of TLS, and handshakes that end early.
    for _ in 0..20 {
        let mut stream = connect(address);
        let _ = write!(stream, "GET /metrics HTTP/1.1\r\n\r\n");
        drop(stream);
        drop(connect(address));
    }

    let becomes = |trusted: &str, status: &str| {
        let begun = Instant::now();
        while folder.scrape(address, trusted, "prometheus:secret") != status {
            assert!(begun.elapsed() < PATIENCE, "{trusted}: no {status}");
            sleep(Duration::from_millis(200));
        }
    };
    folder.certify("second");
    becomes("second", "200");
    assert_eq!(folder.scrape(address, "first", "prometheus:secret"), "000", "the old one is gone");
    // A certificate that is broken, and settings that are: the last ones stay, and it is said.
    let said = SAID.load(Ordering::Relaxed);
    fs::write(folder.0.join("server.pem"), "nonsense").expect("a file");
    fs::write(&web, "tls_server: {}\n").expect("settings");
    let begun = Instant::now();
    while SAID.load(Ordering::Relaxed) == said {
        assert!(begun.elapsed() < PATIENCE, "nothing is said");
        assert_eq!(folder.scrape(address, "second", "prometheus:secret"), "200");
        sleep(Duration::from_millis(200));
    }
    assert_eq!(folder.scrape(address, "second", "prometheus:secret"), "200");
    // Another password.
    fs::write(&web, settings.replace(&hash, &bcrypt::hash("other", 4).expect("a hash")))
        .expect("settings");
    folder.certify("third");
    let begun = Instant::now();
    while folder.scrape(address, "third", "prometheus:other") != "200" {
        assert!(begun.elapsed() < PATIENCE, "the new password is not taken");
        sleep(Duration::from_millis(200));
    }
    assert_eq!(folder.scrape(address, "third", "prometheus:secret"), "401");
}

#[test]
fn settings_that_are_wrong_are_refused() {
    let folder = std::env::temp_dir().join(format!("nfm-exporter-wrong-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let web = folder.join("web.yml");
    for (text, reason) in [
        ("tls_server_config: {cert_file: a}\n", "missing field `key_file`"),
        ("tls_server_config: {cert_file: a, key_file: b}\n", "b' cannot be read"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: []}\n", "cipher_suites"),
        ("basic_auth_users: {me: secret}\n", "no bcrypt hash"),
        ("http_server_config: {headers: {'a b': c}}\n", "'a b' cannot be sent"),
        ("rate_limit: {}\n", "rate_limit"),
    ] {
        fs::write(&web, text).expect("settings");
        let scrape = Arc::new(|_| String::new());
        let error = Server::new(Some(&web), scrape, |_| ()).err().expect(text).to_string();
        assert!(error.contains(reason) && error.contains("web.yml"), "{error}");
    }
    let _ = fs::remove_dir_all(&folder);
}
