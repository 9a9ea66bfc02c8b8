//! This executable in the role of one server.

use std::{ffi::OsString, io::Read, process::ExitCode, thread};

/// Runs a server if the command line is `stack serve NAME …`.
pub(crate) fn take(args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.skip(1).peekable();
    args.next_if(|argument| argument == "serve")?;
    let name = args.peek()?.to_string_lossy().into_owned();
    let run: fn(Vec<OsString>) -> ExitCode = match name.as_str() {
        "plc" => plc::run,
        "pds" => pds::run,
        "relay" => relay::run,
        "appview" => appview::run,
        _ => {
            eprintln!("stack: no server is called {name:?}: plc, pds, relay, appview");
            return Some(ExitCode::from(2));
        }
    };
    if std::env::var_os(FOLLOW).is_some() {
        end_with_parent();
    }
    Some(run(args.collect()))
}

/// Set for servers that the stack started: their standard input is a pipe from it.
pub(crate) const FOLLOW: &str = "STACK_FOLLOW";

/// Asks for the drain of this process when the stack is gone, however it went.
fn end_with_parent() {
    thread::spawn(|| {
        let mut byte = [0];
        // Nothing is ever written: a read ends when the other side does.
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        let pid = std::process::id().to_string();
        if let Err(error) = std::process::Command::new("kill").arg(pid).status() {
            eprintln!("the stack is gone and this server cannot stop itself: {error}");
            std::process::abort();
        }
    });
}
