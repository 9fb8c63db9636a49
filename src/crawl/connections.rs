//! The section `connections`: `/proc/net/{tcp,tcp6,udp,udp6,udplite,udplite6,raw,raw6,icmp,icmp6,unix}` of every
//! network namespace, with the process and descriptor that each belongs to.

use std::net::{Ipv4Addr, Ipv6Addr};

use rustc_hash::FxHashMap;

use super::descriptors::with_descriptors;
use super::facts::{Descriptor, Gathered, OpenSocket};
use super::reader::{ReadError, ReadResult, Reader};
use super::sleeper_cache::Look;
use super::socket_tables::{Kind, sockets};
use crate::frame::{Connection, SOCKET_STATES, Text};

/// `AF_INET6`.
const INET6: u64 = 10;
const TIME_WAIT: u64 = 6;
const NEW_SYN_RECV: u64 = 12;
/// Bytes that a known owner of a socket costs.
const OWNER_COST: usize = 64;
/// Bytes of an address of a unix socket (`sizeof(struct sockaddr_un)`).
const LONGEST_NAME: u64 = 110;

/// Every socket, with who of the tasks has it open.
pub(super) fn crawl(reader: &Reader, open: Vec<OpenSocket>) -> Vec<Connection> {
    rows(reader, &first_owners(open))
}

/// The sockets that these tasks (each with its process id) have open.
pub(super) fn of_tasks(reader: &Reader, tasks: &[(u64, u32)]) -> Vec<Connection> {
    let (mut all, mut descriptors) = (Vec::new(), Vec::new());
    for (task, pid) in tasks {
        let mut look = Look::new(*task, *pid);
        with_descriptors(reader, &mut look, &mut descriptors, |look, open| {
            add(reader, look, open, &mut all);
        });
    }
    let mut rows = rows(reader, &first_owners(all));
    rows.retain(|row| row.pid.is_some());
    rows
}

/// Every socket; who owns it is told by `owners`.
fn rows(reader: &Reader, owners: &Owners) -> Vec<Connection> {
    let layout = &reader.layout.network;
    let head = reader.symbol(reader.layout.symbols.net_namespace_list);
    let Some(head) = reader.note("network namespaces", head) else { return Vec::new() };
    let nets: FxHashMap<u64, Option<u32>> = reader
        .list("network namespaces", head, layout.net.list)
        .into_iter()
        .map(|net| (net, reader.note("netns", reader.u32(net, layout.net.inum))))
        .collect();
    let mut rows = Vec::new();
    let mut addresses = Addresses::default();
    let sockets = sockets(reader, nets.keys().copied());
    for (sock, kind) in reader.rows::<Connection, _>(sockets) {
        let net = reader.note("netns", reader.unsigned(sock, reader.layout.sockets.common.net));
        // A socket of a namespace that is not in the list is one whose namespace is going.
        if let Some(netns) = net.and_then(|net| nets.get(&net)) {
            let row = row(reader, sock, kind, *netns, owners, &mut addresses);
            rows.extend(reader.note("socket", row));
        }
    }
    rows
}

/// The first process and descriptor that has an inode (by its address) open.
type Owners = FxHashMap<u64, (u32, u32)>;

fn first_owners(open: Vec<OpenSocket>) -> Owners {
    let mut owners = Owners::default();
    for (inode, owner) in open {
        owners.entry(inode).or_insert(owner);
    }
    owners
}

/// Adds the sockets that a task has open.
pub(super) fn add(
    reader: &Reader,
    look: &mut Look,
    open: ReadResult<&[Descriptor]>,
    all: &mut Vec<OpenSocket>,
) {
    if let Some(known) = &look.facts.sockets {
        all.extend(known.iter().take_while(|_| reader.keep(OWNER_COST).is_ok()));
        return;
    }
    let layout = &reader.layout.files.file;
    let open = reader.note("descriptors", open).unwrap_or_default();
    // A file on another mount is no socket (`sock_alloc_file`, net/socket.c).
    let sockets = reader.symbol(reader.layout.symbols.sock_mnt);
    let sockets = sockets.and_then(|mount| reader.u64_at(mount)).ok();
    let is_socket = |one: &&Descriptor| {
        sockets.is_none() || reader.unsigned(one.file, layout.mnt).ok() == sockets
    };
    // In a table of owners, beside the row.
    let open = open.iter().filter(is_socket).take_while(|_| reader.keep(OWNER_COST).is_ok());
    let pid = look.pid;
    let of =
        |one: &Descriptor| Some((reader.unsigned(one.file, layout.inode).ok()?, (pid, one.fd)));
    let mut gathered = Gathered::new(look.keep_files);
    all.extend(open.filter_map(of).inspect(|socket| gathered.add(*socket)));
    look.facts.sockets = gathered.done();
}

fn row(
    reader: &Reader,
    sock: u64,
    kind: Kind,
    netns: Option<u32>,
    owners: &Owners,
    addresses: &mut Addresses,
) -> ReadResult<Connection> {
    let layout = &reader.layout.sockets;
    let state = reader.unsigned(sock, layout.common.state)?;
    let six = reader.unsigned(sock, layout.common.family)? == INET6;
    // Connections without a whole `struct sock`: nobody's any more, or not yet anybody's.
    let small = kind == Kind::Tcp && matches!(state, TIME_WAIT | NEW_SYN_RECV);
    // `get_timewait4_sock` (net/ipv4/tcp_ipv4.c), `get_timewait6_sock` (net/ipv6/tcp_ipv6.c).
    let shown = match small && state == TIME_WAIT {
        true => reader.unsigned(sock, layout.timewait.substate),
        false => Ok(state),
    };
    let inode = if small { None } else { inode(reader, sock)? };
    let number = inode.map(|inode| reader.unsigned(inode, layout.inode.number)).transpose()?;
    let uid = match inode {
        Some(inode) => Some(reader.u32(inode, layout.inode.uid)?),
        None if small => None,
        None => Some(reader.u32(sock, layout.sock.uid)?),
    };
    let owner = inode.and_then(|inode| owners.get(&inode));
    let mut row = Connection {
        netns,
        protocol: Text::fixed(kind.name(six)),
        state: reader.note("state", shown).and_then(name_of_state).map(Text::fixed),
        local_address: None,
        local_port: None,
        remote_address: None,
        remote_port: None,
        inode: Some(number.unwrap_or(0)),
        uid,
        pid: owner.map(|(pid, _)| *pid),
        fd: owner.map(|(_, fd)| *fd),
        path: None,
    };
    if kind == Kind::Unix {
        row.path = unix_path(reader, sock)?;
        return Ok(row);
    }
    let (local, remote) = match six {
        true => (layout.common.local6, layout.common.remote6),
        false => (layout.common.local4, layout.common.remote4),
    };
    row.local_address = Some(addresses.text(reader, reader.at(sock, local)?, six)?);
    row.remote_address = Some(addresses.text(reader, reader.at(sock, remote)?, six)?);
    row.local_port = Some(reader.unsigned(sock, layout.common.local_port)? as u16);
    row.remote_port = Some((reader.unsigned(sock, layout.common.remote_port)? as u16).swap_bytes());
    Ok(row)
}

/// A state's name by its number.
fn name_of_state(state: u64) -> Option<&'static str> {
    let name = usize::try_from(state).ok().and_then(|state| SOCKET_STATES.get(state));
    name.copied().filter(|name| !name.is_empty())
}

/// The address of a socket's inode (`SOCK_INODE`); `None` once its process has closed it.
fn inode(reader: &Reader, sock: u64) -> ReadResult<Option<u64>> {
    let layout = &reader.layout.sockets;
    let Some(socket) = reader.pointer(sock, layout.sock.socket)? else { return Ok(None) };
    let both = reader.container(socket, layout.socket_alloc.socket)?;
    reader.at(both, layout.socket_alloc.inode).map(Some)
}

/// Texts of IPv4 addresses that were met, each at the place that it gives: most sockets of a server have few.
struct Addresses([Option<(u32, Text)>; 64]);

impl Default for Addresses {
    fn default() -> Self {
        Self([const { None }; 64])
    }
}

impl Addresses {
    /// The text of the address that lies there.
    fn text(&mut self, reader: &Reader, at: u64, six: bool) -> ReadResult<Text> {
        if six {
            let mut bytes = [0; 16];
            reader.space.read(at, &mut bytes)?;
            return Ok(Text::of(format_args!("{}", Ipv6Addr::from(bytes))));
        }
        let address = reader.u32_at(at)?;
        let new = || Text::of(format_args!("{}", Ipv4Addr::from(address.to_le_bytes())));
        // The last byte of the address, which is its highest here, tells most.
        let Some(place) = self.0.get_mut((address >> 24) as usize % 64) else { return Ok(new()) };
        match place {
            Some((of, text)) if *of == address => Ok(text.clone()),
            _ => Ok(place.insert((address, new())).1.clone()),
        }
    }
}

/// As `unix_seq_show` (net/unix/af_unix.c): `@` for every NUL of an abstract name.
fn unix_path(reader: &Reader, sock: u64) -> ReadResult<Option<Text>> {
    const FAMILY_BYTES: u64 = 2;
    let layout = &reader.layout.sockets;
    let Some(name) = reader.pointer(sock, layout.unix.addr)? else { return Ok(None) };
    let length = reader.unsigned(name, layout.unix_address.length)?;
    let Some(length) = length.checked_sub(FAMILY_BYTES).filter(|length| *length <= LONGEST_NAME)
    else {
        return Err(ReadError::Nonsense {
            what: "a unix socket's name has no length",
            address: name,
        });
    };
    let start = reader.at(name, layout.unix_address.name)?.wrapping_add(FAMILY_BYTES);
    let mut bytes = reader.bytes_at(start, length as usize)?;
    if bytes.first() == Some(&0) {
        bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'@');
    } else {
        bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    }
    let path = reader.kept(Text::from_bytes(&bytes))?;
    Ok(Some(path).filter(|path| !path.is_empty()))
}
