//! Patterns of domains: names with `*` and `?`, as shells have them, UUIDs and labels.

use super::DomainIdentity;

impl DomainIdentity {
    /// True if the domain is one of those that a pattern stands for: its name, its UUID, or a label `NAME=VALUE`; in
    /// names and labels `*` stands for any text and `?` for any character.
    pub fn is_one_of(&self, pattern: &str) -> bool {
        let is_label =
            |label: &super::Text| pattern.contains('=') && matches_pattern(pattern, label);
        self.uuid.as_deref() == Some(pattern)
            || matches_pattern(pattern, &self.name)
            || self.labels.iter().flatten().any(is_label)
    }

    /// True if it is of any of these patterns, or there is none.
    pub fn is_any_of(&self, patterns: &[String]) -> bool {
        patterns.is_empty() || patterns.iter().any(|pattern| self.is_one_of(pattern))
    }
}

/// True if a name is one of those that a pattern stands for.
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // The places of the last star and of what it stands for: it is tried with one character more.
    let (mut at, mut of, mut star) = (0, 0, None);
    while let Some(own) = name.get(of) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(one) if *one == '?' || one == own => (at, of) = (at + 1, of + 1),
            _ => match star {
                Some((place, from)) => {
                    star = Some((place, from + 1));
                    (at, of) = (place + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|one| *one == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_by_name_uuid_and_label() {
        let domain = DomainIdentity {
            name: "instance-0000a1".to_owned(),
            uuid: Some("4dea22b3-1d52-4d8a-a7a4-b12a8c8f1a55".to_owned()),
            labels: Some(vec!["project=shop".into(), "title=web 1".into()]),
            ..DomainIdentity::default()
        };
        for own in
            ["instance-*", "4dea22b3-1d52-4d8a-a7a4-b12a8c8f1a55", "project=shop", "title=web*"]
        {
            assert!(domain.is_one_of(own), "{own}");
        }
        for other in ["web 1", "project=sho", "4dea22b3*", "shop", "*=nothing"] {
            assert!(!domain.is_one_of(other), "{other}");
        }
        assert!(domain.is_any_of(&[]) && !domain.is_any_of(&["db-*".to_owned()]));
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in
            [("web-*", "web-1"), ("*", ""), ("?b", "db"), ("*-*-1", "a-b-c-1"), ("größe", "größe")]
        {
            assert!(matches_pattern(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("web-*", "db"), ("?", ""), ("a*b", "abc"), ("web", "web-1")] {
            assert!(!matches_pattern(pattern, name), "{pattern} {name}");
        }
    }
}
