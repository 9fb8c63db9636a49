//! Rules by which processes are grouped, in the file format of process-exporter.

use std::fmt;

use nfm_frame::Process;
use regex::Regex;
use serde::Deserialize;

use crate::yaml;

/// Groups of one guest, where the rules do not say.
const MOST_GROUPS: usize = 50;

/// A file of settings that cannot be taken; its `Display` is one sentence.
#[derive(Debug)]
pub struct SettingsError(pub(crate) String);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

/// Rules by which processes are grouped. Without a file, processes are grouped by name.
pub struct GroupRules {
    rules: Vec<Rule>,
    /// Groups of one guest; processes of further ones are in the group `other`.
    pub(crate) most: usize,
}

/// A file as process-exporter has it, and our bound.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    process_names: Vec<RuleSettings>,
    #[serde(default)]
    max_groups: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSettings {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    comm: Vec<String>,
    #[serde(default)]
    exe: Vec<String>,
    #[serde(default)]
    cmdline: Vec<String>,
}

/// One rule: all that it asks for must hold.
struct Rule {
    name: Vec<Part>,
    comm: Vec<String>,
    exe: Vec<String>,
    cmdline: Vec<Regex>,
}

/// A part of a group's name.
enum Part {
    Text(String),
    Comm,
    ExeBase,
    ExeFull,
    User,
    Match(String),
}

impl Default for GroupRules {
    fn default() -> Self {
        Self { rules: Vec::new(), most: MOST_GROUPS }
    }
}

impl GroupRules {
    /// The rules of a file's text.
    ///
    /// # Errors
    /// The text is not understood, or a rule names groups without a bound.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let file: RulesFile = yaml::settings(text).map_err(SettingsError)?;
        let most = file.max_groups.unwrap_or(MOST_GROUPS);
        if !(1..=10_000).contains(&most) {
            return Err(SettingsError("max_groups is a number from 1 to 10000".to_owned()));
        }
        let rules = file.process_names.into_iter().map(Rule::new).collect::<Result<_, _>>();
        Ok(Self { rules: rules.map_err(SettingsError)?, most })
    }

    /// The name of a process's group; `None` for one that no rule takes.
    pub(crate) fn group(&self, process: &Process) -> Option<String> {
        if self.rules.is_empty() {
            return Some(match process.kernel_thread {
                // Their names hold numbers without an end.
                Some(true) => "kernel".to_owned(),
                _ => process.name.as_deref()?.to_owned(),
            });
        }
        self.rules.iter().find_map(|rule| rule.group(process))
    }
}

impl Rule {
    fn new(settings: RuleSettings) -> Result<Self, String> {
        let RuleSettings { name, comm, exe, cmdline } = settings;
        if comm.is_empty() && exe.is_empty() && cmdline.is_empty() {
            return Err("a rule names neither comm nor exe nor cmdline".to_owned());
        }
        let name = parts(name.as_deref().unwrap_or("{{.ExeBase}}"))?;
        let cmdline = cmdline.iter().map(|one| Regex::new(one).map_err(|error| error.to_string()));
        Ok(Self { name, comm, exe, cmdline: cmdline.collect::<Result<_, _>>()? })
    }

    fn group(&self, process: &Process) -> Option<String> {
        let comm = process.name.as_deref().unwrap_or_default();
        let full = process.exe.as_deref().unwrap_or_default();
        // As process-exporter: the program's file, and where there is none the name.
        let base = full.rsplit('/').next().filter(|base| !base.is_empty()).unwrap_or(comm);
        let line = process.command_line.as_deref().unwrap_or_default();
        if !self.comm.is_empty() && !self.comm.iter().any(|one| one == comm) {
            return None;
        }
        let is_exe = |one: &String| if one.contains('/') { one == full } else { one == base };
        if !self.exe.is_empty() && !self.exe.iter().any(is_exe) {
            return None;
        }
        if !self.cmdline.iter().all(|one| one.is_match(line)) {
            return None;
        }
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Comm => comm.to_owned(),
            Part::ExeBase => base.to_owned(),
            Part::ExeFull => full.to_owned(),
            Part::User => process.uid.map(|uid| uid.to_string()).unwrap_or_default(),
            Part::Match(name) => {
                let found = self.cmdline.iter().filter_map(|one| one.captures(line));
                let mut found = found.filter_map(|all| Some(all.name(name)?.as_str().to_owned()));
                found.next().unwrap_or_default()
            }
        };
        Some(self.name.iter().map(part).collect())
    }
}

/// The parts of a name: text, and templates between `{{` and `}}`.
fn parts(mut name: &str) -> Result<Vec<Part>, String> {
    let mut all = Vec::new();
    while let Some((text, rest)) = name.split_once("{{") {
        let (template, rest) = rest.split_once("}}").ok_or("a '{{' in a name has no '}}'")?;
        all.push(Part::Text(text.to_owned()));
        all.push(match template.trim() {
            ".Comm" => Part::Comm,
            ".ExeBase" => Part::ExeBase,
            ".ExeFull" => Part::ExeFull,
            ".Username" => Part::User,
            template => match template.strip_prefix(".Matches.") {
                Some(name) => Part::Match(name.to_owned()),
                None => {
                    return Err(format!(
                        "a name cannot have '{{{{{template}}}}}': .Comm, .ExeBase, .ExeFull, .Username (the user's number) \
                         and .Matches.NAME are known"
                    ));
                }
            },
        });
        name = rest;
    }
    all.push(Part::Text(name.to_owned()));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(comm: &str, exe: &str, line: &str) -> Process {
        Process {
            name: Some(comm.into()),
            exe: (!exe.is_empty()).then(|| exe.into()),
            command_line: Some(line.into()),
            uid: Some(7),
            ..Process::default()
        }
    }

    #[test]
    fn the_first_rule_that_holds_names_the_group() {
        let rules = GroupRules::parse(
            "process_names:\n\
             - name: 'java {{.Matches.Jar}} of {{.Username}}'\n  exe: [java]\n  cmdline: ['-jar (?P<Jar>\\w+)']\n\
             - exe: [/usr/bin/postgres]\n\
             - name: '{{.Comm}}'\n  comm: [bash, sh]\n\
             max_groups: 3\n",
        )
        .unwrap();
        assert_eq!(rules.most, 3);
        for (process, group) in [
            (process("java", "/opt/java", "java -jar shop"), Some("java shop of 7")),
            (process("java", "/opt/java", "java -version"), None),
            (process("postgres: x", "/usr/bin/postgres", ""), Some("postgres")),
            (process("postgres", "/opt/postgres", ""), None),
            (process("sh", "", "sh"), Some("sh")),
        ] {
            assert_eq!(rules.group(&process).as_deref(), group);
        }
    }

    #[test]
    fn settings_that_are_wrong_are_told() {
        for (text, reason) in [
            ("process_names:\n- name: '{{.PID}}'\n  comm: [x]\n", "{{.PID}}"),
            ("process_names:\n- name: x\n", "neither comm nor exe"),
            ("process_names:\n- cmdline: ['(']\n", "unclosed group"),
            ("procs: 1\n", "unknown field `procs`"),
            ("max_groups: 0\n", "from 1 to 10000"),
            ("a: [\n", "at"),
        ] {
            let error = GroupRules::parse(text).err().expect(text).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
