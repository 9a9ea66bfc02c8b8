//! `docs/spec-coverage.md` against the tests that exist.
//!
//! A page that claims tests which are not there is worse than none, so it is compared with the
//! code. `UPDATE_COVERAGE=1` rewrites its last column.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/spec-coverage.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn spec_coverage_lists_the_tests_that_exist() {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let tests = tests_by_statement();
    let current = with_tests(&page, &tests);
    if std::env::var_os("UPDATE_COVERAGE").is_some() {
        fs::write(PAGE, &current).expect("the page can be written");
        return;
    }
    let first = page.lines().zip(current.lines()).find(|(old, new)| old != new);
    assert!(
        page == current,
        "docs/spec-coverage.md is out of date; run this test with UPDATE_COVERAGE=1. First: {first:?}"
    );
}

#[test]
fn every_test_named_after_a_statement_has_a_row() {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let rows: BTreeSet<_> = page.lines().filter_map(statement).collect();
    for (id, tests) in tests_by_statement() {
        assert!(rows.contains(id.as_str()), "{tests:?} is named after {id}, which is no statement");
    }
}

/// The page with its last column and its count as they should be.
fn with_tests(page: &str, tests: &BTreeMap<String, BTreeSet<String>>) -> String {
    let (mut rows, mut covered) = (0, 0);
    let mut lines: Vec<String> = Vec::new();
    for line in page.lines() {
        let Some(id) = statement(line) else {
            lines.push(line.to_owned());
            continue;
        };
        rows += 1;
        let cells: Vec<_> = line.split(" | ").collect();
        let names = tests.get(id).into_iter().flatten();
        let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
        covered += usize::from(!names.is_empty());
        let kept = cells[..5].join(" | ").trim_end_matches(" |").to_owned();
        lines.push(format!("{kept} | {} |", names.join(", ")));
    }
    let count = format!("Covered: {covered} of {rows}.");
    let lines = lines.into_iter().map(|line| match line.starts_with("Covered: ") {
        true => count.clone(),
        false => line,
    });
    lines.map(|line| line + "\n").collect()
}

/// The id of a row.
fn statement(line: &str) -> Option<&str> {
    let id = line.strip_prefix("| ")?.split(' ').next()?;
    let (area, number) = id.split_once('-')?;
    let upper = area.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (upper && number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(id)
}

/// The functions whose name begins with a statement's id.
fn tests_by_statement() -> BTreeMap<String, BTreeSet<String>> {
    let mut tests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(Path::new(ROOT)) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for line in text.lines() {
            let line = line.trim_start().trim_start_matches("async ");
            let name = line.strip_prefix("fn ").and_then(|rest| rest.split(['(', '<']).next());
            if let Some(name) = name
                && let Some(id) = id_of(name)
            {
                tests.entry(id).or_default().insert(name.to_owned());
            }
        }
    }
    tests
}

/// `mst_004_top_node_is_pruned` → `MST-004`.
fn id_of(name: &str) -> Option<String> {
    let mut parts = name.splitn(3, '_');
    let (area, number, _) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{}-{number}", area.to_uppercase()))
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("the workspace is readable").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let skipped =
            name == "target" || name == "node_modules" || name.to_string_lossy().starts_with('.');
        if path.is_dir() && !skipped {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
