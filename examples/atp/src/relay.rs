//! `atp relay`

mod collections;
mod compare;
mod hosts;
mod sightings;

use clap::Subcommand;

use crate::{network::block_on, output::Output};

#[derive(Subcommand)]
pub(crate) enum Relay {
    Collections(collections::Collections),
    Compare(compare::Compare),
    Hosts(hosts::Hosts),
}

impl Relay {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Collections(collections) => block_on(collections.run(output)),
            Self::Compare(compare) => block_on(compare.run(output)),
            Self::Hosts(hosts) => block_on(hosts.run(output)),
        }
    }
}
