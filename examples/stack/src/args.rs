//! The command line of `stack`.

use std::path::PathBuf;

use clap::Parser;

/// Starts a whole AT Protocol network on loopback and sends a post through it.
///
/// A PLC directory, a PDS, a relay and an AppView run as separate processes with their data
/// under one directory. Two demonstration accounts follow each other, post with an image,
/// like and reply, and each hop of the post is shown with the time it took. Then the network
/// stays up for clients of your own until Ctrl-C.
#[derive(Debug, Clone, Parser)]
#[command(name = "stack", version)]
pub(crate) struct Args {
    /// Keep all data here and continue where a former start ended. Default: a new temporary
    /// directory, removed at the end.
    #[arg(long, env = "STACK_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// End after the demonstration; the exit status is not 0 if a hop failed.
    #[arg(long)]
    pub(crate) exit: bool,
    /// Start the servers without the demonstration.
    #[arg(long, conflicts_with = "exit")]
    pub(crate) no_demo: bool,
    /// First of the ports to try. Without it: 2582 for the PLC directory, 2583 for the PDS,
    /// 2470 for the relay, 2584 for the AppView; whichever is taken is replaced by a free one.
    #[arg(long, value_name = "PORT")]
    pub(crate) port_base: Option<u16>,
}
