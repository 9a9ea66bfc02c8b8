//! The program does what it says, in few lines.

use std::{fs, process::Command};

#[test]
fn generated_served_and_called_in_under_a_hundred_lines() {
    let output = Command::new(env!("CARGO_BIN_EXE_guestbook")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let expected = [
        "no page was left",
        "last came \"I was here too\"",
        "page 1: \"what a place\", left 1 strokes",
        "page 2: \"I was here too\", left nothing",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);

    let files = ["build.rs", "src/main.rs"];
    let lines: usize = files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap().lines().filter(|line| is_code(line)).count())
        .sum();
    assert!(lines < 100, "{lines}");
    assert_eq!(fs::read_dir("src").unwrap().count(), 1);
}

fn is_code(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with("//")
}
