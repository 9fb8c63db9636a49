//! Sections that are taken more rarely than others.

use std::time::{Duration, Instant};

use crate::frame::Section;

/// When the sections of one domain that are taken rarely were taken last.
#[derive(Debug, Default)]
pub(super) struct Cadence {
    taken: Vec<(Section, Instant)>,
}

impl Cadence {
    /// The sections of the frame that is due `now`: of those that are wanted, the ones whose time has come. Half a
    /// `period` early is in time, as the next beat would be later by more.
    pub(super) fn due(
        &self,
        wanted: &[Section],
        rarely: &[(Section, Duration)],
        period: Duration,
        now: Instant,
    ) -> Vec<Section> {
        let is_due = |section: &Section| {
            let between =
                rarely.iter().find(|(one, _)| one == section).map(|(_, between)| *between);
            let taken = self.taken.iter().find(|(one, _)| one == section).map(|(_, at)| *at);
            match between.zip(taken) {
                Some((between, taken)) => {
                    now.saturating_duration_since(taken) + period / 2 >= between
                }
                None => true,
            }
        };
        wanted.iter().copied().filter(is_due).collect()
    }

    /// These sections were taken at that time.
    pub(super) fn took(&mut self, sections: &[Section], now: Instant) {
        for section in sections {
            match self.taken.iter_mut().find(|(one, _)| one == section) {
                Some((_, at)) => *at = now,
                None => self.taken.push((*section, now)),
            }
        }
    }

    /// The guest is another: all its sections are due.
    pub(super) fn forget(&mut self) {
        self.taken.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_has_its_own_time() {
        let wanted = [Section::Os, Section::Files, Section::Log];
        let rarely = [(Section::Files, Duration::from_secs(10))];
        let start = Instant::now();
        let mut cadence = Cadence::default();
        let mut files = Vec::new();
        for second in 0..31 {
            // Beats are never quite on time.
            let now = start + Duration::from_millis(second * 1000 + second * 7 % 5);
            let due = cadence.due(&wanted, &rarely, Duration::from_secs(1), now);
            assert!(due.contains(&Section::Os) && due.contains(&Section::Log));
            if due.contains(&Section::Files) {
                files.push(second);
            }
            cadence.took(&due, now);
        }
        assert_eq!(files, [0, 10, 20, 30]);
        cadence.forget();
        assert_eq!(cadence.due(&wanted, &rarely, Duration::from_secs(1), start), wanted);
    }
}
