//! The worker `nfm-disk`: a process that has the images' descriptors and no other rights, and answers one question.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, Stdio};

use nfm_disk::message::{Answer, Ask, Disk, Image, Question};
use nfm_disk::{DiskError, Reason};

use super::Sources;
use crate::Failure;
use crate::privileges;
use crate::programs::program;

/// Bytes of one answer, and of a piece of content: more than any is long. The worker may be an attacker's by now.
const LONGEST_ANSWER: u64 = 64 << 20;
const LONGEST_PIECE: u64 = 4 << 20;

/// A worker that answers.
pub(crate) struct Worker {
    name: String,
    process: Child,
    answers: BufReader<ChildStdout>,
    problems: u64,
}

impl Worker {
    /// Starts a worker with a question, and gives up what this process needs no more.
    pub fn ask(sources: Sources, ask: &Ask) -> Result<Self, Failure> {
        let worker = Self::start(sources, ask)?;
        privileges::give_up();
        Ok(worker)
    }

    /// The same of several guests, a worker each.
    pub fn ask_all(sources: Vec<Sources>, ask: &Ask) -> Result<Vec<Self>, Failure> {
        let workers = sources.into_iter().map(|one| Self::start(one, ask)).collect();
        privileges::give_up();
        workers
    }

    fn start(sources: Sources, ask: &Ask) -> Result<Self, Failure> {
        let ask = ask.clone();
        let Sources { name, disks } = sources;
        let mut passed = Vec::new();
        let mut named = Vec::new();
        for disk in disks {
            let images = disk.images.map(|images| {
                let images = images.into_iter().map(|(file, format)| {
                    let descriptor = file.as_raw_fd();
                    passed.push(file);
                    Image { descriptor, format }
                });
                images.collect()
            });
            named.push(Disk { name: disk.name, images });
        }
        let descriptors: Vec<i32> = passed.iter().map(AsRawFd::as_raw_fd).collect();
        let mut command = Command::new(program("nfm-disk")?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).env_clear();
        // SAFETY: fcntl may be called between fork and exec; nothing else is.
        unsafe {
            command.pre_exec(move || {
                for descriptor in &descriptors {
                    if libc::fcntl(*descriptor, libc::F_SETFD, 0) < 0 {
                        return Err(io::Error::last_os_error());
                    }
                }
                Ok(())
            });
        }
        let mut process = command.spawn()?;
        drop(passed);
        let question =
            serde_json::to_vec(&Question { disks: named, ask }).map_err(io::Error::from)?;
        if let Some(mut pipe) = process.stdin.take() {
            pipe.write_all(&question)?;
            pipe.write_all(b"\n")?;
        }
        let out =
            process.stdout.take().ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(Self { name, process, answers: BufReader::new(out), problems: 0 })
    }

    /// The next answer; `None` once all are given. Problems are told on standard error, as they come.
    pub fn next(&mut self) -> Result<Option<Answer>, Failure> {
        loop {
            let mut line = Vec::new();
            (&mut self.answers).take(LONGEST_ANSWER).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Err(self.ended());
            }
            let answer = serde_json::from_slice(&line);
            match answer.map_err(|error| self.fault(&format!("its answer is none ({error})")))? {
                Answer::Done => return Ok(None),
                Answer::Failed(error) => return Err(Failure::Disk(self.name.clone(), error)),
                Answer::Problem(problem) => {
                    self.problems += 1;
                    crate::show::complain(&problem);
                }
                answer => return Ok(Some(answer)),
            }
        }
    }

    /// The bytes that an answer announced.
    pub fn content(&mut self, length: u64) -> Result<Vec<u8>, Failure> {
        if length > LONGEST_PIECE {
            return Err(self.fault("it announces too much"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        match self.answers.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(self.ended()),
        }
    }

    /// The name of the domain, or of the image.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if a part could not be read.
    pub fn is_incomplete(&self) -> bool {
        self.problems > 0
    }

    /// The worker ended without its last answer.
    fn ended(&mut self) -> Failure {
        let end = match self.process.wait() {
            Ok(status) => match status.signal() {
                Some(libc::SIGABRT) => {
                    "it ran out of memory, or met a fault in a filesystem's reader".to_owned()
                }
                Some(libc::SIGXCPU | libc::SIGKILL) => "it took too long".to_owned(),
                _ => status.to_string(),
            },
            Err(error) => error.to_string(),
        };
        self.fault(&format!("it ended early: {end}"))
    }

    fn fault(&self, text: &str) -> Failure {
        let text = format!("the worker that reads disks: {text}");
        Failure::Disk(self.name.clone(), DiskError::new(Reason::Worker, text))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
