//! `nfm serve`: this host's frames over standard input and output.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use nfm::{
    At, CrawlOptions, Domain, DomainIdentity, Frame, FrameSource, Libvirt, LiveFrames, OpenOptions,
    Section, SourceError,
};
use nfm_live::{Greeting, LiveError, serve_source};
use rustix::thread::CapabilitySet;

use super::{Verb, guests_of_this_host};
use crate::privileges;
use crate::record_args::{Live, UseSocket};

/// `nfm serve`: passes the bytes of the recorder's socket on. Without a recorder, who may read guests' memory takes frames
/// when they are asked for.
pub(crate) fn serve(options: &OpenOptions, live: &Live) -> Verb {
    // Not by way of buffers: an answer does not end with a line.
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let path = live.socket.display().to_string();
    let connected = match live.live {
        UseSocket::Auto => UnixStream::connect(&live.socket),
        UseSocket::No => Err(io::ErrorKind::NotFound.into()),
    };
    match connected.map_err(|error| LiveError::connecting(&path, &error)) {
        Ok(socket) => pass_on(input, output, socket),
        Err(LiveError::NotThere { .. }) if privileges::may_read_memory() => {
            crawl(options, input, output)
        }
        Err(error) => Err(SourceError::from(error).into()),
    }
}

/// Passes bytes on between the recorder and whoever looks.
fn pass_on(mut input: File, mut output: File, socket: UnixStream) -> Verb {
    let (mut from, mut to) = (socket.try_clone()?, socket);
    std::thread::spawn(move || {
        // The other side is gone, whatever the reason.
        let _ = pass(&mut input, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    pass(&mut from, &mut output)?;
    Ok(ExitCode::SUCCESS)
}

/// Copies bytes by read(2) and write(2). `io::copy` of descriptors would splice(2), which holds a pipe's lock while it waits for
/// a socket: sshd at the pipe's other end then waits, too, and answers nobody.
fn pass(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<u64> {
    io::copy(from, to)
}

/// Answers from guests' memory.
fn crawl(options: &OpenOptions, input: File, output: File) -> Verb {
    let libvirt = Libvirt::open(options.uri.as_deref())?;
    // Guests that are asked for later are opened with what is kept.
    privileges::give_up_but(CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let program = concat!("nfm ", env!("CARGO_PKG_VERSION")).to_owned();
    let greeting = Greeting { host, uri: libvirt.uri().to_owned(), program };
    let mut guests = Guests { options: options.clone(), opened: HashMap::new() };
    serve_source(Box::new(input), Box::new(output), &greeting, &mut guests)?;
    Ok(ExitCode::SUCCESS)
}

/// This host's guests, each opened when it is first asked for.
struct Guests {
    options: OpenOptions,
    opened: HashMap<String, LiveFrames>,
}

impl FrameSource for Guests {
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        let all = guests_of_this_host(self.options.uri.as_deref())?;
        self.opened.retain(|name, _| {
            all.iter().any(|one| one.name == *name || one.uuid.as_ref() == Some(name))
        });
        Ok(all)
    }

    fn is_live(&self) -> bool {
        true
    }

    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError> {
        let frames = match self.opened.entry(domain.to_owned()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let opened = Domain::open(domain, &self.options);
                let opened = opened.map_err(|error| SourceError::Crawl(Box::new(error)))?;
                entry.insert(LiveFrames::new(opened, CrawlOptions::default()))
            }
        };
        // An id stands for a name that its frames have.
        let name = frames.domains()?.into_iter().next().map_or_else(String::new, |one| one.name);
        let frame = frames.frame(&name, at, sections);
        if frame.is_err() {
            // It may run anew.
            self.opened.remove(domain);
        }
        frame
    }

    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError> {
        self.frame(&after.domain.name, At::Latest, sections).map(Some)
    }
}
