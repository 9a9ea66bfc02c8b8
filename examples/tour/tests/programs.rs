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
