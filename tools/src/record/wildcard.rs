//! Names with `*` and `?`, as shells have them.

/// True if a name is one of those that a pattern stands for.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
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
    use super::matches;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in
            [("web-*", "web-1"), ("*", ""), ("?b", "db"), ("*-*-1", "a-b-c-1"), ("größe", "größe")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("web-*", "db"), ("?", ""), ("a*b", "abc"), ("web", "web-1")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
