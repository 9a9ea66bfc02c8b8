//! What commands print: text for people or JSON for machines.

use std::{
    fmt::Display,
    io::{self, BufWriter, StdoutLock, Write},
};

use serde_json::Value;

/// Standard output, in the form that was asked for.
pub(crate) struct Output {
    json: bool,
    out: BufWriter<StdoutLock<'static>>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, out: BufWriter::new(io::stdout().lock()) }
    }

    /// Prints one of several things on a line of its own: JSON for machines, text for
    /// people.
    pub(crate) fn item(&mut self, json: &Value, text: impl Display) -> anyhow::Result<()> {
        match self.json {
            true => writeln!(self.out, "{json}")?,
            false => writeln!(self.out, "{text}")?,
        }
        Ok(())
    }

    /// Prints a line that only people need, who cannot count so fast.
    pub(crate) fn summary(&mut self, text: impl Display) -> anyhow::Result<()> {
        if !self.json {
            writeln!(self.out, "{text}")?;
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}
