//! Frames of a recorder that runs, taken from its socket when somebody asks for metrics.

use std::path::PathBuf;

use nfm::{Section, SourceError};
use nfm_exporter::{Guests, SECTIONS};
use nfm_live::{LiveConnection, LiveDomain};

use crate::complain;

/// A recorder's guests.
pub(crate) struct Recorder {
    socket: PathBuf,
    domains: Vec<String>,
    connection: Option<LiveConnection>,
    pub guests: Guests,
    /// The last complaint, so that it is made once.
    said: String,
}

impl Recorder {
    pub(crate) fn new(socket: PathBuf, domains: Vec<String>, guests: Guests) -> Self {
        Self { socket, domains, connection: None, guests, said: String::new() }
    }

    /// Takes the newest frame of each guest. The recorder crawls at its own rate, whoever asks.
    pub(crate) fn refresh(&mut self) {
        // It may have been started anew since: once more with a new connection.
        let is_old = self.connection.is_some();
        let mut taken = self.take();
        if taken.is_err() && is_old {
            taken = self.take();
        }
        self.guests.set_source(taken.is_ok());
        match taken {
            Ok(()) => self.said.clear(),
            Err(error) => {
                let sentence = error.to_string();
                if sentence != self.said {
                    complain(&sentence);
                }
                self.said = sentence;
            }
        }
    }

    fn take(&mut self) -> Result<(), SourceError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => LiveConnection::unix(&self.socket)?,
        };
        let mut served = connection.live_domains()?;
        served.retain(|one| one.domain.is_any_of(&self.domains));
        let domains: Vec<_> = served.iter().map(|one| one.domain.clone()).collect();
        self.guests.keep_only(&domains);
        for one in &served {
            if one.failure.is_some() {
                self.guests.fail(&one.domain);
            } else if self.guests.newest(&one.domain) != Some(one.seq) {
                self.take_frame(&mut connection, one)?;
            }
        }
        self.connection = Some(connection);
        Ok(())
    }

    fn take_frame(
        &mut self,
        connection: &mut LiveConnection,
        of: &LiveDomain,
    ) -> Result<(), SourceError> {
        let has = |section: &Section| of.sections.iter().any(|one| one.section == section.name());
        let sections: Vec<Section> = SECTIONS.into_iter().filter(has).collect();
        let name = of.domain.uuid.as_deref().unwrap_or(&of.domain.name);
        match connection.live_frame(name, &sections, None) {
            Ok(found) => {
                let ages = found.ages.iter().map(|age| (age.section, age.age_ns)).collect();
                self.guests.take(found.frame, ages);
                Ok(())
            }
            // It ended meanwhile, or has no frame now.
            Err(
                SourceError::NoSuchDomain { .. }
                | SourceError::NoFrame { .. }
                | SourceError::NoSection { .. },
            ) => {
                self.guests.fail(&of.domain);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
