use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }

    /// The lines of standard output as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The same run, which has to have succeeded.
    #[track_caller]
    pub(crate) fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// The same run, which has to have failed and to say why on one line.
    #[track_caller]
    pub(crate) fn refused(self) -> Self {
        assert_eq!(self.code, 1, "{}\n{}", self.text(), self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        self
    }
}

/// Runs `atp` without input.
pub(crate) fn atp<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Run {
    atp_with(args, b"")
}

/// Runs `atp` with something on standard input.
pub(crate) fn atp_with<S: AsRef<std::ffi::OsStr>>(args: &[S], input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_atp"))
        .args(args)
        .env_remove("ATP_SESSION")
        .env_remove("ATP_PASSWORD")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that refuses early does not read all of it.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The folder of shared test data.
pub(crate) fn shared() -> Option<PathBuf> {
    let Some(path) = env::var_os("ATPROTO_SHARED") else {
        assert!(env::var_os("CI").is_none(), "ATPROTO_SHARED is not set");
        eprintln!("skipped: ATPROTO_SHARED is not set");
        return None;
    };
    Some(PathBuf::from(path))
}

/// A JSON file.
pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A file below a folder, as an argument.
pub(crate) fn arg(folder: &Path, file: &str) -> String {
    folder.join(file).to_str().unwrap().to_owned()
}
