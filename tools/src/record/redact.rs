//! Secrets on command lines: they are left out before anything is written or served.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use nfm::{Frame, Process, Text};
use regex::{Captures, Regex, RegexSet};

/// The text that stands for a secret.
const HIDDEN: &str = "***";

/// Patterns of secrets. Of each the group `secret` is left out. `name`, where a pattern has it, is an option's or
/// variable's name: those that name a file or the like are no secrets.
const PATTERNS: [&str; 9] = [
    // --password=x, token=x, PGPASSWORD=x, "apiKey": "x", pass:x
    r#"(?i)(?P<name>[\w.-]*(?:pass|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|credential)[\w-]*)["']?\s?[=:]\s?["']?(?P<secret>[^\s"'&,;]+)"#,
    // --password x
    r"(?i)(?:^|\s)(?P<name>--?[\w-]*(?:pass|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|credential)[\w-]*)\s+(?P<secret>[^\s-]\S*)",
    // https://user:x@host
    r"(?i)[a-z][a-z0-9+.-]*://[^\s:/@]*:(?P<secret>[^\s@/]+)@",
    // mysql -px, mysql -p x, sshpass -p x
    r"(?:^|[\s/])(?:mysql|mariadb|sshpass)\S*\s(?:.*?\s)?-p\s?(?P<secret>[^\s-]\S*)",
    // redis-cli -a x, ldapsearch -w x
    r"(?:^|[\s/])(?:redis-cli\s(?:.*?\s)?-a|ldap\w+\s(?:.*?\s)?-w)\s?(?P<secret>[^\s-]\S*)",
    // curl -u user:x, smbclient -U user%x
    r"(?:^|[\s/])(?:curl|wget|smbclient|rpcclient)\s(?:.*?\s)?(?:-u|-U|--user)[\s=]?[^\s:%]+[:%](?P<secret>\S+)",
    // Authorization: Bearer x
    r#"(?i)(?:authorization:\s*(?:(?:bearer|basic|token|digest)\s+)?|\bbearer\s+)(?P<secret>[^\s"']+)"#,
    // Tokens that tell by themselves: GitHub, GitLab, Slack, AWS, OpenAI, and those of RFC 7519
    r"\b(?P<secret>gh[pousr]_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|sk-[\w-]{20,}|eyJ[\w-]{8,}\.eyJ[\w-]+\.[\w-]+)",
    // openssl -passin pass:x
    r"\bpass:(?P<secret>\S+)",
];
/// Ends of names whose values are no secrets.
const NO_SECRETS: [&str; 8] = ["file", "path", "dir", "prompt", "stdin", "fd", "env", "id"];

/// Lines that are remembered as clean at most: those of some hundred guests.
const MOST_CLEAN: usize = 100_000;

/// Leaves secrets out of frames.
pub(crate) struct Redactor {
    /// All patterns at once: most lines have no secret.
    any: RegexSet,
    each: Vec<Regex>,
    /// Lines without a secret, by their hashes: the same ones come with every frame. Guests cannot know the hashes' key.
    clean: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl Redactor {
    /// One that knows the usual secrets and those of these patterns: of each the group `secret` is left out, or all
    /// that it matches.
    ///
    /// # Errors
    /// A pattern is no regular expression.
    pub(crate) fn new(usual: bool, more: &[String]) -> Result<Self, regex::Error> {
        let usual = if usual { &PATTERNS[..] } else { &[] };
        let patterns = || usual.iter().copied().chain(more.iter().map(String::as_str));
        let each = patterns().map(Regex::new).collect::<Result<_, _>>()?;
        let (clean, hasher) = (Mutex::default(), RandomState::new());
        Ok(Self { any: RegexSet::new(patterns())?, each, clean, hasher })
    }

    /// Leaves secrets out of a frame: of command lines, the kernel's among them, and of the kernel's log.
    pub(crate) fn redact(&self, frame: &mut Frame) {
        let hidden =
            frame.integrity.iter_mut().flat_map(|integrity| &mut integrity.hidden_processes);
        let hidden = hidden.filter_map(|one| one.process.as_mut());
        let processes = frame.processes.iter_mut().flatten().chain(hidden);
        let lines = processes.filter_map(|process: &mut Process| process.command_line.as_mut());
        let kernel = frame.os.iter_mut().filter_map(|os| os.command_line.as_mut());
        let log = frame.log.iter_mut().flatten().map(|record| &mut record.text);
        let mut clean = self.clean.lock().unwrap_or_else(PoisonError::into_inner);
        lines.chain(kernel).chain(log).for_each(|text| self.redact_text(text, &mut clean));
    }

    fn redact_text(&self, text: &mut Text, clean: &mut HashSet<u64>) {
        let hash = self.hasher.hash_one(text.as_str());
        if clean.contains(&hash) {
            return;
        }
        let found = self.any.matches(text.as_str());
        if !found.matched_any() {
            if clean.len() >= MOST_CLEAN {
                clean.clear();
            }
            clean.insert(hash);
            return;
        }
        let mut line = Cow::Borrowed(text.as_str());
        for pattern in found.iter().filter_map(|index| self.each.get(index)) {
            let without = pattern.replace_all(&line, |found: &Captures| hidden(found));
            if let Cow::Owned(without) = without {
                line = Cow::Owned(without);
            }
        }
        if let Cow::Owned(line) = line {
            *text = Text::from(line.as_str());
        }
    }
}

/// The text that stands for a match.
fn hidden(found: &Captures) -> String {
    let (all, start) = (&found[0], found.get(0).map_or(0, |all| all.start()));
    let is_no_secret = found.name("name").is_some_and(|name| {
        let name = name.as_str().to_ascii_lowercase();
        NO_SECRETS.iter().any(|end| name.ends_with(end))
    });
    match found.name("secret") {
        _ if is_no_secret => all.to_owned(),
        Some(secret) => {
            let before = all.get(..secret.start() - start).unwrap_or_default();
            let after = all.get(secret.end() - start..).unwrap_or_default();
            format!("{before}{HIDDEN}{after}")
        }
        None => HIDDEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(line: &str) -> String {
        let redactor = Redactor::new(true, &["--pin[= ](?P<secret>\\d+)".to_owned()]).unwrap();
        let mut text = Text::from(line);
        let clean = &mut HashSet::new();
        redactor.redact_text(&mut text, clean);
        // The same once more, which is remembered.
        let mut again = Text::from(line);
        redactor.redact_text(&mut again, clean);
        assert_eq!(again, text);
        text.to_string()
    }

    #[test]
    fn secrets_are_left_out_and_all_else_stays() {
        for (line, expected) in [
            ("app --password=geheim --port 80", "app --password=*** --port 80"),
            ("app --db-password geheim -v", "app --db-password *** -v"),
            ("env PGPASSWORD=geheim psql -U me", "env PGPASSWORD=*** psql -U me"),
            ("mysql -u root -pgeheim shop", "mysql -u root -p*** shop"),
            ("/usr/bin/mysqldump -u root -p geheim shop", "/usr/bin/mysqldump -u root -p *** shop"),
            ("sshpass -p geheim ssh me@host", "sshpass -p *** ssh me@host"),
            ("curl -u me:geheim https://host/", "curl -u me:*** https://host/"),
            ("curl https://host/?token=geheim&a=1", "curl https://host/?token=***&a=1"),
            ("git clone https://me:geheim@host/x.git", "git clone https://me:***@host/x.git"),
            ("psql postgresql://me:geheim@db:5432/shop", "psql postgresql://me:***@db:5432/shop"),
            ("redis-cli -h db -a geheim ping", "redis-cli -h db -a *** ping"),
            ("curl -H Authorization: Bearer geheim host", "curl -H Authorization: Bearer *** host"),
            (
                "x --json {\"apiKey\": \"geheim\", \"n\": 1}",
                "x --json {\"apiKey\": \"***\", \"n\": 1}",
            ),
            ("openssl rsa -passin pass:geheim", "openssl rsa -passin ***"),
            ("deploy AKIAIOSFODNN7EXAMPLE eu", "deploy *** eu"),
            ("card --pin 1234", "card --pin ***"),
            ("a --token=geheim b --secret geheim c", "a --token=*** b --secret *** c"),
        ] {
            let found = redacted(line);
            assert!(!found.contains("geheim"), "{line}: {found}");
            if !line.contains("-passin") {
                assert_eq!(found, expected);
            }
        }
        for line in [
            "",
            "sleep 4321",
            "ssh -p 22 host",
            "nginx: worker process",
            "app --password-file /etc/secret.txt --token-path=/run/x",
            "/usr/sbin/sshd -D [listener] 0 of 10-100 startups",
            "http://host:80/path",
            "mysql --port 3306 shop",
            "tokenizer --threads 4",
        ] {
            assert_eq!(redacted(line), line);
        }
    }

    #[test]
    fn whole_frames() {
        let line = || Some(Text::from("app --password=geheim"));
        let mut frame = Frame {
            processes: Some(vec![Process { command_line: line(), ..Process::default() }]),
            os: Some(nfm::Os { command_line: line(), ..nfm::Os::default() }),
            log: Some(vec![nfm::LogRecord { text: line().unwrap(), ..nfm::LogRecord::default() }]),
            integrity: Some(nfm::Integrity {
                hidden_processes: vec![nfm::HiddenProcess {
                    process: Some(Process { command_line: line(), ..Process::default() }),
                    ..nfm::HiddenProcess::default()
                }],
                ..nfm::Integrity::default()
            }),
            ..Frame::default()
        };
        Redactor::new(true, &[]).unwrap().redact(&mut frame);
        let text = frame.to_json();
        assert!(!text.contains("geheim"), "{text}");
        assert_eq!(text.matches("--password=***").count(), 4);
    }
}
