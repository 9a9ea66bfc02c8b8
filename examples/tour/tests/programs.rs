//! The programs run, and say what they did.

use std::process::Command;

fn run(program: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tour")).arg(program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_repository_is_made_and_checked() {
    let said = run("repository");
    assert!(said.contains("create app.bsky.feed.post/"), "{said}");
    assert!(said.contains("the archive holds 1 record and is sound"), "{said}");
}

#[test]
fn records_of_any_kind_are_read() {
    let said = run("records");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "app.bsky.feed.post: a post that says \"hello\"");
    assert!(lines[1].starts_with("com.example.tour.status: valid by its schema: {"), "{said}");
    assert!(
        lines[2].starts_with("com.example.tour.status: 78 bytes kept, because status: "),
        "{said}"
    );
    assert!(lines[3].starts_with("com.example.tour.elsewhere: without a schema: {"), "{said}");
    assert_eq!(lines.len(), 4);
}

#[test]
fn a_generated_type_is_used() {
    let said = run("generated");
    assert!(said.starts_with("a record of com.example.tour.status, "), "{said}");
    assert!(said.ends_with("the catalog knows 1 schema\n"), "{said}");
}
