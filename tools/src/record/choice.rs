//! The domains that are recorded, and what of each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nfm::{DomainIdentity, DomainSummary, Libvirt, Section, Sections, Text};

use crate::config::{Config, Rule};
use crate::crawler::replace;

/// The domains that were named, and the rules.
pub(crate) struct Choice {
    patterns: Vec<String>,
    pub config: Config,
    libvirt: Libvirt,
    /// By UUID. They are asked for once.
    labels: Mutex<HashMap<String, Vec<Text>>>,
}

impl Choice {
    pub(crate) fn new(patterns: Vec<String>, config: Config, libvirt: Libvirt) -> Self {
        Self { patterns, config, libvirt, labels: Mutex::default() }
    }

    /// True if a domain is to be read.
    pub(crate) fn is_chosen(&self, domain: &DomainSummary) -> bool {
        let identity = self.identity(domain);
        let is_never = self.config.rule(&identity).is_some_and(|rule| rule.never);
        identity.is_any_of(&self.patterns) && !is_never
    }

    /// The sections of a domain for which a rule has others than the usual ones.
    pub(crate) fn sections(
        &self,
        domain: &DomainSummary,
        usual: &[(Section, Duration)],
    ) -> Option<Sections> {
        let Rule { sections, every, .. } = self.config.rule(&self.identity(domain))?;
        let mut rarely = usual.to_vec();
        replace(&mut rarely, every.iter().copied());
        let all = sections.clone().unwrap_or_else(|| Section::ALL.to_vec());
        Some(Sections { all, rarely })
    }

    /// The domain, with its labels where anybody asks for them.
    fn identity(&self, domain: &DomainSummary) -> DomainIdentity {
        let is_asked = self.patterns.iter().any(|pattern| pattern.contains('='))
            || self.config.asks_for_labels();
        let labels = if is_asked { self.labels(domain) } else { None };
        let (name, uuid) = (domain.name.clone(), Some(domain.uuid.clone()));
        DomainIdentity { name, uuid, labels, ..DomainIdentity::default() }
    }

    fn labels(&self, domain: &DomainSummary) -> Option<Vec<Text>> {
        let mut known = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(labels) = known.get(&domain.uuid) {
            return Some(labels.clone());
        }
        // One that ended meanwhile has none.
        let labels = self.libvirt.find(&domain.uuid).ok()?.labels();
        known.insert(domain.uuid.clone(), labels.clone());
        Some(labels)
    }
}
