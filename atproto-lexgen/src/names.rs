//! Names that Rust developers expect.

use std::collections::HashSet;

use heck::{ToPascalCase, ToShoutySnakeCase, ToSnakeCase};

/// Names that generated code and the macros it calls use without a path.
const TAKEN: [&str; 22] = [
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Drop",
    "Eq",
    "Err",
    "From",
    "Into",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "Result",
    "Self",
    "Some",
    "String",
    "ToString",
    "Vec",
];

/// Words that may be identifiers only when written raw.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Words that can never be identifiers.
const NEVER: [&str; 4] = ["self", "super", "crate", "_"];

/// The names of one scope: gives each thing one that nothing else there has.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    used: HashSet<String>,
}

impl Scope {
    /// Claims the name of a type; `fallback` is appended if it is taken.
    pub(crate) fn type_name(&mut self, text: &str, fallback: &str) -> String {
        let mut name = pascal(text);
        if TAKEN.contains(&name.as_str()) || self.used.contains(&name) {
            name.push_str(fallback);
        }
        self.claim(&name)
    }

    /// Claims the name of an enum's variant, which is always written with a path.
    pub(crate) fn variant_name(&mut self, text: &str) -> String {
        let mut name = pascal(text);
        if name == "Self" || self.used.contains(&name) {
            name.push_str("Value");
        }
        self.claim(&name)
    }

    /// Claims the name of a field or module.
    pub(crate) fn field_name(&mut self, text: &str) -> String {
        let name = self.claim(&plain(&text.to_snake_case(), "field"));
        escape(name)
    }

    /// Claims the name of a constant.
    pub(crate) fn constant_name(&mut self, text: &str) -> String {
        self.claim(&plain(&text.to_shouty_snake_case(), "CONSTANT"))
    }

    /// Claims a name as it is, if it is free.
    pub(crate) fn reserve(&mut self, name: &str) -> bool {
        self.used.insert(name.to_owned())
    }

    fn claim(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut count = 2;
        while !self.used.insert(unique.clone()) {
            unique = format!("{name}{count}");
            count += 1;
        }
        unique
    }
}

/// A type name: `getRecord` becomes `GetRecord`.
pub(crate) fn pascal(text: &str) -> String {
    plain(&text.to_pascal_case(), "Type")
}

/// The name of a list's element: `Facets` becomes `Facet`, and what is no plural by its
/// ending gets `Item` appended.
pub(crate) fn singular(name: &str) -> String {
    const SIBILANT: [&str; 5] = ["ches", "shes", "sses", "xes", "zes"];
    const NOT_PLURAL: [&str; 3] = ["ss", "us", "is"];
    if let Some(stem) = name.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        format!("{stem}y")
    } else if SIBILANT.iter().any(|ending| name.ends_with(ending)) {
        name[..name.len() - 2].to_owned()
    } else if name.ends_with('s') && !NOT_PLURAL.iter().any(|ending| name.ends_with(ending)) {
        name[..name.len() - 1].to_owned()
    } else {
        format!("{name}Item")
    }
}

/// A module's name: `getRecord` becomes `get_record`.
pub(crate) fn module(text: &str) -> String {
    plain(&text.to_snake_case(), "module")
}

/// An identifier as source text: raw if it is a keyword.
pub(crate) fn escape(name: String) -> String {
    if NEVER.contains(&name.as_str()) {
        format!("{name}_")
    } else if KEYWORDS.contains(&name.as_str()) {
        format!("r#{name}")
    } else {
        name
    }
}

/// Leaves only what an identifier may hold.
fn plain(text: &str, fallback: &str) -> String {
    let mut name: String = text
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
        .collect();
    if name.is_empty() || name == "_" {
        name = fallback.to_owned();
    }
    if name.starts_with(|character: char| character.is_ascii_digit()) {
        name.insert(0, if fallback.starts_with(char::is_uppercase) { 'N' } else { 'n' });
    }
    name
}
