//! `docs/spec-coverage.md` against the tests that exist.
//!
//! A page that claims tests which are not there is worse than none, so it is compared with the
//! code. `UPDATE_COVERAGE=1` rewrites its last column. How much is covered is printed by
//! `cargo test -p atproto-testkit --test it coverage -- --nocapture`.
//!
//! A test of the statement `MST-004` is named `mst_004_…`. One that shows several statements
//! of one area names them all: `mst_004_and_007_…`, `mst_004_to_007_…`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
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

/// Prints how many statements of each section and level have a test.
#[test]
fn coverage_is_counted_by_section_and_level() {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let rows = rows(&page, &tests_by_statement());
    println!("{}", table(&rows));
    let lower = rows.iter().filter(|row| COMPLETE.contains(&row.section) && !row.covered);
    let lower: Vec<_> = lower.map(|row| format!("{} ({})", row.id, row.level)).collect();
    println!("without a test in {}: {}", COMPLETE.join(", "), lower.join(", "));
    assert!(rows.iter().all(|row| LEVELS.contains(&row.level)), "a row has no level");
}

/// The floor under the other crates: all that must be, and nearly all that should be.
#[test]
fn coverage_of_finished_sections_is_complete() {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let rows = rows(&page, &tests_by_statement());
    for section in COMPLETE {
        let (must, all_must) = count(&rows, Some(section), Some("M"));
        let (should, all_should) = count(&rows, Some(section), Some("S"));
        assert!(all_must > 0, "{section} has statements");
        assert_eq!(must, all_must, "statements of {section} that must hold have no test");
        assert!(100 * should >= 95 * all_should, "{section}: {should} of {all_should}");
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

/// A statement of the page.
struct Row<'a> {
    section: &'a str,
    id: &'a str,
    level: &'a str,
    covered: bool,
}

/// The statements of the page, in its order.
fn rows<'a>(page: &'a str, tests: &BTreeMap<String, BTreeSet<String>>) -> Vec<Row<'a>> {
    let mut section = "";
    let mut rows = Vec::new();
    for line in page.lines() {
        section = line.strip_prefix("## ").unwrap_or(section);
        if let Some(id) = statement(line) {
            let level = line.split(" | ").nth(1).unwrap_or_default();
            rows.push(Row { section, id, level, covered: tests.contains_key(id) });
        }
    }
    rows
}

/// Covered and total by section and level.
fn table(rows: &[Row<'_>]) -> String {
    let mut sections: Vec<_> = rows.iter().map(|row| row.section).collect();
    sections.dedup();
    let mut text = format!("{:40}", "statements with a test");
    let heads = LEVELS.into_iter().chain(["all"]);
    heads.for_each(|head| _ = write!(text, "{head:>16}"));
    for section in sections.into_iter().map(Some).chain([None]) {
        let name: String = section.unwrap_or("all").chars().take(39).collect();
        _ = write!(text, "\n{name:40}");
        for level in LEVELS.map(Some).into_iter().chain([None]) {
            let (covered, total) = count(rows, section, level);
            _ = write!(text, "{:>16}", share(covered, total));
        }
    }
    text
}

/// The covered statements and all of them, of one section or all, of one level or all.
fn count(rows: &[Row<'_>], section: Option<&str>, level: Option<&str>) -> (usize, usize) {
    let here = |row: &&Row<'_>| {
        section.is_none_or(|section| row.section == section)
            && level.is_none_or(|level| row.level == level)
    };
    (rows.iter().filter(here).filter(|row| row.covered).count(), rows.iter().filter(here).count())
}

fn share(covered: usize, total: usize) -> String {
    match (100 * covered).checked_div(total) {
        Some(percent) => format!("{covered}/{total} {percent:3} %"),
        None => "-".to_owned(),
    }
}

/// The tests whose name begins with a statement's id.
fn tests_by_statement() -> BTreeMap<String, BTreeSet<String>> {
    let mut tests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in sources(Path::new(ROOT)) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        for name in test_names(&text) {
            for id in ids_of(name) {
                tests.entry(id).or_default().insert(name.to_owned());
            }
        }
    }
    tests
}

/// The names of the functions that stand below an attribute `test`.
fn test_names(source: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    source.lines().filter_map(move |line| {
        let line = line.trim_start();
        if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("test(");
        }
        if line.starts_with("#[") || line.starts_with("//") {
            return None;
        }
        let name = line.trim_start_matches("async ").strip_prefix("fn ")?;
        let name = name.split(['(', '<']).next();
        name.filter(|_| std::mem::take(&mut is_test))
    })
}

/// `mst_004_and_006_to_008_nodes` → `MST-004`, `MST-006`, `MST-007`, `MST-008`.
fn ids_of(name: &str) -> Vec<String> {
    let number = |part: &str| part.parse::<u16>().ok().filter(|_| part.len() == 3);
    let mut parts = name.split('_');
    let area = parts.next().unwrap_or_default().to_uppercase();
    let mut numbers: Vec<_> = parts.next().and_then(number).into_iter().collect();
    while let Some(last) = numbers.last().copied() {
        match (parts.next(), parts.next().and_then(number)) {
            (Some("and"), Some(another)) => numbers.push(another),
            (Some("to"), Some(end)) => numbers.extend(last + 1..=end),
            _ => break,
        }
    }
    numbers.into_iter().map(|number| format!("{area}-{number:03}")).collect()
}

#[test]
fn a_name_says_what_its_test_shows() {
    assert_eq!(ids_of("mst_004_top_node_is_pruned"), ["MST-004"]);
    assert_eq!(ids_of("dm_016_and_018_null_is_a_value"), ["DM-016", "DM-018"]);
    assert_eq!(ids_of("rk_001_to_003_syntax"), ["RK-001", "RK-002", "RK-003"]);
    assert!(ids_of("a_name_of_100_words").is_empty());
    // Written so that these lines are not taken for tests themselves.
    let attribute = ["#[", "test]"].concat();
    let source = format!("fn dm_001_helper() {{}}\n{attribute}\n#[cfg(x)]\nasync fn dm_002_x() {{");
    assert_eq!(test_names(&source).collect::<Vec<_>>(), ["dm_002_x"]);
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

const LEVELS: [&str; 3] = ["M", "S", "N"];
/// The sections whose statements have tests, and must keep them.
const COMPLETE: [&str; 3] =
    ["A. atproto-core", "B. atproto-repo", "E. atproto-lexgen (parser, codegen, validator)"];
