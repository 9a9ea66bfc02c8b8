//! `atp firehose`

mod decode;
mod describe;
mod frames;
mod identities;
mod replay;
mod tail;
mod verify;

use clap::Subcommand;

use crate::{network::block_on, output::Output};

pub(crate) use tail::subscription_url;

#[derive(Subcommand)]
pub(crate) enum Firehose {
    Decode(decode::Decode),
    Verify(verify::Verify),
    Tail(Box<tail::Tail>),
}

impl Firehose {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Decode(decode) => decode.run(output),
            Self::Verify(verify) => verify.run(output),
            Self::Tail(tail) => block_on(tail.run(output)),
        }
    }
}
