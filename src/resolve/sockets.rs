//! Where libvirt's daemon listens on this host: whether it serves is seen without a try of libvirt's client, which
//! prints its failure to standard error. A daemon that ends takes connections that nobody answers for a while, so
//! one question is put to it.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For how long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// The question how to authenticate, which is answered to everybody, as a message of libvirt's protocol: words of
/// four bytes (`virNetMessageHeader`, src/rpc/virnetprotocol.x), without a body.
const QUESTION: [u32; 7] = [
    28,          // its bytes
    0x2000_8086, // REMOTE_PROGRAM
    1,           // REMOTE_PROTOCOL_VERSION
    66,          // REMOTE_PROC_AUTH_LIST (src/remote/remote_protocol.x)
    0,           // VIR_NET_CALL
    0,           // the call's number
    0,           // VIR_NET_OK
];

/// The use that a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Access {
    ReadOnly,
    ReadWrite,
}

/// The task of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Daemon {
    /// It answers, or it is not known where it listens.
    MayServe,
    /// Nobody listens.
    Absent,
    /// Somebody listens, and does not answer.
    Mute,
}

/// The sockets that libvirt's client may use for a URI, in its order; none where that is not known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sockets(Vec<PathBuf>);

impl Sockets {
    /// Those of a URI over which a connection stands (`doRemoteOpen`, `remoteGetUNIXSocket`): where none of them is
    /// there, libvirt was built to use others.
    pub fn in_use(uri: &str, access: Access) -> Self {
        let paths = Self::of(uri, access).unwrap_or_default();
        match paths.iter().any(|path| path.exists()) {
            true => Self(paths),
            false => Self::default(),
        }
    }

    fn of(uri: &str, access: Access) -> Option<Vec<PathBuf>> {
        let (scheme, rest) = uri.split_once("://")?;
        let (driver, transport) = scheme.split_once('+').unwrap_or((scheme, "unix"));
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if transport != "unix" {
            return None;
        }
        let named = query.split(['&', ';']).find_map(|part| part.strip_prefix("socket="));
        if let Some(path) = named {
            // One with escapes is left to libvirt.
            return (!path.contains('%')).then(|| vec![path.into()]);
        }
        let end = match access {
            Access::ReadOnly => "sock-ro",
            Access::ReadWrite => "sock",
        };
        let is_plain = driver.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (place == "/system" && is_plain).then(|| {
            let daemons = [format!("virt{driver}d"), "libvirt".to_owned()];
            daemons.map(|daemon| format!("/run/libvirt/{daemon}-{end}").into()).to_vec()
        })
    }

    /// Asks the daemon whose socket libvirt's client would use, the first that is there.
    pub fn daemon(&self) -> Daemon {
        if self.0.is_empty() {
            return Daemon::MayServe;
        }
        self.0.iter().find(|path| path.exists()).map_or(Daemon::Absent, |path| ask(path))
    }
}

fn ask(path: &Path) -> Daemon {
    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::NotFound => return Daemon::Absent,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Daemon::Absent,
        // That is libvirt's to tell.
        Err(_) => return Daemon::MayServe,
    };
    let question: Vec<u8> = QUESTION.iter().flat_map(|word| word.to_be_bytes()).collect();
    let answered = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.write_all(&question))
        .and_then(|()| stream.read_exact(&mut [0; 4]));
    if answered.is_ok() { Daemon::MayServe } else { Daemon::Mute }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn of(uri: &str, access: Access) -> Vec<String> {
        let paths = Sockets::of(uri, access).unwrap_or_default();
        paths.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn the_sockets_of_a_uri() {
        let expected = ["/run/libvirt/virtqemud-sock-ro", "/run/libvirt/libvirt-sock-ro"];
        assert_eq!(of("qemu:///system", Access::ReadOnly), expected);
        let expected = ["/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"];
        assert_eq!(of("qemu+unix:///system", Access::ReadWrite), expected);
        let named = "qemu+unix:///system?mode=legacy&socket=/tmp/x";
        assert_eq!(of(named, Access::ReadOnly), ["/tmp/x"]);
        // A session's daemon is started by who asks for it; others are elsewhere, or need none.
        for uri in [
            "qemu:///session",
            "qemu+ssh://host/system",
            "qemu://host/system",
            "qemu+tcp:///system",
            "test:///default",
            "qemu+unix:///system?socket=/tmp/%20",
            "",
        ] {
            assert!(of(uri, Access::ReadOnly).is_empty(), "{uri}");
        }
    }

    #[test]
    fn a_daemon_is_asked() {
        assert_eq!(Sockets::default().daemon(), Daemon::MayServe);
        let path = std::env::temp_dir().join(format!("nfm-sockets-{}", std::process::id()));
        let uri = format!("qemu+unix:///system?socket={}", path.display());
        assert_eq!(Sockets::in_use(&uri, Access::ReadOnly), Sockets::default());
        let listener = UnixListener::bind(&path).unwrap();
        let sockets = Sockets::in_use(&uri, Access::ReadOnly);
        assert_ne!(sockets, Sockets::default());
        assert_eq!(sockets.daemon(), Daemon::Mute);
        let answers = std::thread::spawn(move || {
            // The one from before has hung up.
            for (mut stream, _) in [listener.accept().unwrap(), listener.accept().unwrap()] {
                let mut question = [0; 28];
                stream.read_exact(&mut question).unwrap();
                let _ = stream.write_all(&question);
            }
        });
        assert_eq!(sockets.daemon(), Daemon::MayServe);
        answers.join().unwrap();
        assert_eq!(sockets.daemon(), Daemon::Absent, "the socket is left of one that ended");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(sockets.daemon(), Daemon::Absent, "it is gone");
    }
}
