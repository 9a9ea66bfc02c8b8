//! `atp plc`

mod directory;
mod export;
mod make;
mod read;
mod submit;
mod verify;

use clap::Subcommand;

use crate::{network::block_on, output::Output};

#[derive(Subcommand)]
pub(crate) enum Plc {
    Verify(verify::Verify),
    Create(make::Create),
    Update(make::Update),
    Submit(submit::Submit),
    Data(read::Data),
    Log(read::Log),
    Export(export::Export),
}

impl Plc {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::Verify(verify) => verify.run(output),
            Self::Create(create) => create.run(output),
            Self::Update(update) => block_on(update.run(output)),
            Self::Submit(submit) => block_on(submit.run(output)),
            Self::Data(data) => block_on(data.run(output)),
            Self::Log(log) => block_on(log.run(output)),
            Self::Export(export) => block_on(export.run(output)),
        }
    }
}
