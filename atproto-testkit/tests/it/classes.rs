//! Every public error of the libraries has a class.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const LIBRARIES: [&str; 5] =
    ["atproto-core", "atproto-repo", "atproto-xrpc", "atproto-firehose", "atproto-lexgen"];
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn every_public_error_has_a_class() {
    let mut errors = 0;
    for library in LIBRARIES {
        let sources = sources(&Path::new(ROOT).join(library).join("src"));
        let classified = classified(&sources);
        let without: Vec<_> = public_errors(&sources).difference(&classified).cloned().collect();
        assert!(without.is_empty(), "errors of {library} without a class: {without:?}");
        errors += public_errors(&sources).len();
    }
    assert!(errors > 90, "only {errors} errors were found: they are written otherwise than before");
}

/// The types that derive `Error` or implement it, and begin with `pub`.
fn public_errors(sources: &[String]) -> BTreeSet<String> {
    let mut errors = BTreeSet::new();
    for source in sources {
        let lines: Vec<_> = source.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if line.starts_with("#[derive(") && line.contains("Error") {
                let declared = lines[at + 1..].iter().find(|line| !line.starts_with('#'));
                errors.extend(declared.and_then(|line| public_type(line)));
            }
            let implemented =
                line.strip_prefix("impl ").and_then(|line| line.split_once("Error for "));
            if let Some((_, name)) = implemented {
                let name = identifier(name);
                let is_public = |line: &&str| public_type(line).as_deref() == Some(&name);
                if lines.iter().any(is_public) {
                    errors.insert(name);
                }
            }
        }
    }
    errors
}

fn public_type(line: &str) -> Option<String> {
    let line = line.strip_prefix("pub enum ").or_else(|| line.strip_prefix("pub struct "))?;
    Some(identifier(line))
}

/// The types named in `classify!` or in an `impl Classify`.
fn classified(sources: &[String]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in sources {
        for list in source.split("classify!(").skip(1) {
            let list = list.split_once(')').map_or(list, |(list, _)| list);
            let types = list.split([',', ':']).map(str::trim);
            names.extend(types.filter(|name| !name.is_empty()).map(identifier));
        }
        let implemented = source.split("Classify for ").skip(1);
        names.extend(implemented.map(|name| identifier(name.trim_start_matches("super::"))));
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("the sources can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(path).expect("a source can be read"));
            }
        }
    }
    found
}
