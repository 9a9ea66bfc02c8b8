//! `atp relay`

mod compare;
mod hosts;
mod sightings;

use clap::Subcommand;

use crate::{network::block_on, output::Output};

#[derive(Subcommand)]
pub(crate) enum Relay {
    Compare(compare::Compare),
    Hosts(hosts::Hosts),
}

impl Relay {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Compare(compare) => block_on(compare.run(output)),
            Self::Hosts(hosts) => block_on(hosts.run(output)),
        }
    }
}
