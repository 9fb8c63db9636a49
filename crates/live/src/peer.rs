//! The process at the other end of a socket, and its right to look.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

/// Groups of a process that are asked for: the kernel allows 65,536.
const MOST_GROUPS: usize = 65_536;

/// The users who may look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Viewers {
    /// The group whose members may; root and the recorder's own user always may.
    pub group: Option<u32>,
}

/// A process at the other end of a socket, as the kernel told of it when it connected.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub pid: i32,
    pub uid: u32,
    groups: Vec<u32>,
}

impl Peer {
    pub(crate) fn of(stream: &UnixStream) -> io::Result<Self> {
        let own = rustix::net::sockopt::socket_peercred(stream.as_fd())?;
        let mut groups = supplementary_groups(stream)?;
        groups.push(own.gid.as_raw());
        Ok(Self { pid: own.pid.as_raw_nonzero().get(), uid: own.uid.as_raw(), groups })
    }
}

/// The supplementary groups of the process that connected (`SO_PEERGROUPS`).
fn supplementary_groups(stream: &UnixStream) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let bytes = groups.len().saturating_mul(size_of::<libc::gid_t>());
        let mut length = libc::socklen_t::try_from(bytes).unwrap_or(libc::socklen_t::MAX);
        // SAFETY: the kernel writes no more than `length` bytes to `groups`, which has so many.
        let result = unsafe {
            libc::getsockopt(
                stream.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let count = length as usize / size_of::<libc::gid_t>();
        match result {
            0 => {
                groups.truncate(count);
                return Ok(groups);
            }
            _ => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::ERANGE) && count <= MOST_GROUPS => {
                    groups.resize(count, 0);
                }
                error => return Err(error),
            },
        }
    }
}

impl Viewers {
    pub(crate) fn may_look(self, peer: &Peer) -> bool {
        let is_own = peer.uid == 0 || peer.uid == rustix::process::getuid().as_raw();
        is_own || self.group.is_some_and(|group| peer.groups.contains(&group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_the_own_user_and_the_group_may_look() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        let own = Peer::of(&one).expect("a peer");
        assert_eq!(own.uid, rustix::process::getuid().as_raw());
        assert_eq!(own.pid.cast_unsigned(), std::process::id());
        assert!(Viewers::default().may_look(&own));
        let stranger = Peer { pid: 1, uid: 4_294_967_000, groups: vec![7, 8] };
        assert!(!Viewers::default().may_look(&stranger));
        assert!(!Viewers { group: Some(9) }.may_look(&stranger));
        assert!(Viewers { group: Some(8) }.may_look(&stranger));
    }
}
