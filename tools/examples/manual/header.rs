//! The comments of `include/nfm.h`, each with the declaration that it stands before.

/// A comment and the declaration that follows it.
struct Block<'a> {
    comment: String,
    declaration: &'a str,
}

pub(crate) struct Header {
    pub functions: Vec<Function>,
    pub structures: Vec<Structure>,
    pub enumerations: Vec<Structure>,
    /// Macros with parameters, as they are called, each with its comment.
    pub macros: Vec<(String, String)>,
    /// Macros that are bits of a structure's member `known`, each with its comment.
    pub bits: Vec<(String, String)>,
    /// The results, with their meanings.
    pub results: Vec<(String, String)>,
}

pub(crate) struct Function {
    pub name: String,
    /// Its comment, without the parts that have a name.
    pub description: String,
    /// `Parameters`, `Returns` …, in the comment's order.
    pub parts: Vec<(String, String)>,
    pub returns: String,
    pub parameters: Vec<String>,
}

/// A structure, of which a handle has no members that programs see; or an enumeration, with its values.
pub(crate) struct Structure {
    pub name: String,
    pub comment: String,
    pub members: Vec<Member>,
}

pub(crate) struct Member {
    pub declaration: String,
    pub comment: String,
}

impl Header {
    pub(crate) fn parse(text: &str) -> Self {
        let blocks = blocks(text);
        let functions = blocks.iter().filter_map(Function::parse).collect();
        let results = blocks.iter().filter_map(result).collect();
        let (structures, enumerations) = ("typedef struct ", "typedef enum ");
        Self {
            functions,
            structures: structures_of(text, &blocks, structures),
            enumerations: structures_of(text, &blocks, enumerations),
            macros: blocks.iter().filter_map(with_parameters).collect(),
            bits: blocks.iter().filter_map(bit).collect(),
            results,
        }
    }

    /// A structure that has members.
    pub(crate) fn structure(&self, name: &str) -> Option<&Structure> {
        self.structures.iter().find(|one| one.name == name && !one.members.is_empty())
    }
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let parts = text.split("/**").skip(1);
    let blocks = parts.filter_map(|part| {
        let (comment, rest) = part.split_once("*/")?;
        let end = rest.find([';', '{']).unwrap_or(rest.len());
        Some(Block { comment: plain(comment), declaration: rest.get(..end)?.trim() })
    });
    blocks.collect()
}

/// A comment without its stars.
fn plain(comment: &str) -> String {
    let line = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix("* ").or(line.strip_prefix('*')).unwrap_or(line).to_owned()
    };
    let lines: Vec<String> = comment.lines().map(line).collect();
    lines.join("\n").trim().to_owned()
}

impl Function {
    fn parse(block: &Block) -> Option<Self> {
        let declaration = block.declaration.trim_start_matches("NFM_MUST_USE").trim();
        // No macro, no type, no enumerator.
        if declaration.starts_with('#') || declaration.starts_with("typedef") {
            return None;
        }
        let (head, parameters) = declaration.split_once('(')?;
        let parameters = parameters.strip_suffix(')')?;
        let split = head.rfind([' ', '*'])? + 1;
        let (returns, name) = (head.get(..split)?, head.get(split..)?);
        if !name.starts_with("nfm_") {
            return None;
        }
        let (description, parts) = named_parts(&block.comment);
        Some(Self {
            name: name.to_owned(),
            description,
            parts,
            returns: without_struct(returns),
            parameters: arguments(parameters),
        })
    }
}

impl Function {
    /// The text that follows `NAME: ` in its comment.
    pub(crate) fn part(&self, name: &str) -> Option<&str> {
        let part = self.parts.iter().find(|(known, _)| known == name);
        part.map(|(_, text)| text.as_str())
    }

    /// True if a parameter has this name.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let names = self.parameters.iter().filter_map(|one| one.rsplit([' ', '*']).next());
        names.into_iter().any(|known| known == name)
    }
}

/// Parameters, split at the commas that are not within those of a function pointer.
fn arguments(text: &str) -> Vec<String> {
    let mut depth = 0;
    let mut split = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    };
    text.split(&mut split).map(without_struct).collect()
}

/// One line, and types by their `typedef`, as programs write them.
fn without_struct(text: &str) -> String {
    text.replace("struct ", "").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The free text of a comment, and the paragraphs that begin with `Word: `.
fn named_parts(comment: &str) -> (String, Vec<(String, String)>) {
    let mut description: Vec<&str> = Vec::new();
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in comment.lines() {
        let named = line.split_once(": ").filter(|(word, _)| {
            word.starts_with(char::is_uppercase) && word.chars().all(char::is_alphabetic)
        });
        match (named, parts.last_mut()) {
            (Some((word, text)), _) => parts.push((word.to_owned(), text.to_owned())),
            (None, Some((_, text))) => *text = format!("{text}\n{line}"),
            (None, None) => description.push(line),
        }
    }
    for (_, text) in &mut parts {
        *text = text.trim().to_owned();
    }
    (description.join("\n").trim().to_owned(), parts)
}

/// The types that begin so, each with the comment before it.
fn structures_of(text: &str, blocks: &[Block], begin: &str) -> Vec<Structure> {
    let structures = blocks.iter().filter_map(|block| {
        let name = block.declaration.strip_prefix(begin)?.split_whitespace().next()?.to_owned();
        let members = text
            .split_once(&format!("{begin}{name} {{\n"))
            .and_then(|(_, rest)| rest.split_once("\n}"))
            .map(|(body, _)| body)
            .unwrap_or_default();
        let members = self::blocks(members).into_iter().map(|block| Member {
            // Behind the last value of an enumeration there is nothing that ends it.
            declaration: without_struct(block.declaration.split(',').next().unwrap_or_default()),
            comment: block.comment,
        });
        Some(Structure { name, comment: block.comment.clone(), members: members.collect() })
    });
    structures.collect()
}

fn with_parameters(block: &Block) -> Option<(String, String)> {
    let (call, _) = block.declaration.strip_prefix("#define ")?.split_once(')')?;
    let is_call = call.split_once('(').is_some_and(|(name, _)| !name.contains(' '));
    is_call.then(|| (format!("{call})"), block.comment.clone()))
}

fn bit(block: &Block) -> Option<(String, String)> {
    let name = block.declaration.strip_prefix("#define ")?.split_whitespace().next()?;
    block.comment.starts_with("Bit of ").then(|| (name.to_owned(), block.comment.clone()))
}

/// `NFM_ERR_OTHER = 1,` is one; what the compiler made of the enumerators is cut at the next comment.
fn result(block: &Block) -> Option<(String, String)> {
    let name = block.declaration.split_once(" = ")?.0;
    let is_result = name == "NFM_OK" || name.starts_with("NFM_ERR_");
    is_result.then(|| (name.to_owned(), block.comment.clone()))
}
