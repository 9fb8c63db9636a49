//! An open domain as a source of frames.

use super::{CrawlOptions, Domain};
use crate::frame::{At, DomainIdentity, Frame, FrameSource, Section, SourceError};

/// Frames of an open domain, taken when they are asked for.
pub struct LiveFrames {
    domain: Domain,
    options: CrawlOptions,
}

impl LiveFrames {
    /// The frames of a domain, each taken with these options but for its sections.
    pub fn new(domain: Domain, options: CrawlOptions) -> Self {
        Self { domain, options }
    }

    fn take(&mut self, sections: &[Section]) -> Result<Frame, SourceError> {
        self.options.sections = sections.to_vec();
        let frame = self.domain.crawl(&self.options);
        let frame = frame.map_err(|error| SourceError::Crawl(Box::new(error)))?;
        // A kernel that runs has tasks, so that an empty list was not read.
        match (&frame.processes, frame.consistency.problems.first()) {
            (Some(none), Some(problem)) if none.is_empty() => Err(SourceError::Unreadable {
                domain: frame.domain.name,
                reason: problem.reason.clone(),
            }),
            _ => Ok(frame),
        }
    }
}

impl FrameSource for LiveFrames {
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        Ok(vec![self.domain.source.identity().clone()])
    }

    fn is_live(&self) -> bool {
        true
    }

    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError> {
        let own = self.domain.source.identity();
        if own.name != domain && own.uuid.as_deref() != Some(domain) {
            let known = vec![own.name.clone()];
            return Err(SourceError::NoSuchDomain { domain: domain.to_owned(), known });
        }
        match at {
            At::Latest => self.take(sections),
            At::Before(_) | At::After(_) | At::Nearest(_) => Err(SourceError::NoFrame {
                reason: format!(
                    "nothing recorded frames of '{domain}': there is only what it is now"
                ),
            }),
        }
    }

    fn next(&mut self, _: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError> {
        self.take(sections).map(Some)
    }
}
