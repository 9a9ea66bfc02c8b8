//! What commands print: text for people or JSON for machines, and progress.

use std::{
    fmt::Display,
    io::{self, BufWriter, StdoutLock, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serializer;
use serde_json::{Map, Value};

/// Standard output, in the form that was asked for.
pub(crate) struct Output {
    json: bool,
    out: BufWriter<StdoutLock<'static>>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, out: BufWriter::new(io::stdout().lock()) }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line as it is.
    pub(crate) fn line(&mut self, text: impl Display) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Prints bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.out.write_all(bytes)?)
    }

    /// Prints one of many things on a line of its own: these fields for machines, this text
    /// for people.
    pub(crate) fn item(&mut self, fields: &[(&str, Value)], text: &str) -> anyhow::Result<()> {
        if self.json { self.line(object(fields)?) } else { self.line(text) }
    }

    /// Prints an object on a line, whether or not JSON was asked for.
    pub(crate) fn object(&mut self, fields: &[(&str, Value)]) -> anyhow::Result<()> {
        self.line(object(fields)?)
    }

    /// Prints the facts about one thing: an object for machines, a table for people.
    pub(crate) fn facts(&mut self, fields: &[(&str, Value)]) -> anyhow::Result<()> {
        if self.json {
            return self.line(object(fields)?);
        }
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        fields.iter().try_for_each(|(name, value)| {
            self.line(format_args!("{name:width$}  {}", plain(value)))
        })
    }

    /// Prints a JSON value: compact for machines, indented for people.
    pub(crate) fn document(&mut self, value: &Value) -> anyhow::Result<()> {
        if self.json { self.line(value) } else { self.line(format_args!("{value:#}")) }
    }

    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}

/// A bar for work of known length in bytes. Invisible if standard error is no terminal.
pub(crate) fn byte_bar(what: &'static str, bytes: Option<u64>) -> ProgressBar {
    let Some(bytes) = bytes else { return spinner(what) };
    let style = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_message(what)
}

/// A sign of life for work of unknown length.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let style = "{spinner} {msg} {bytes} {elapsed}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner().with_style(style).with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// A number that grows, and where it stands after how long.
pub(crate) fn counter(what: &'static str) -> ProgressBar {
    let style = "{spinner} {msg} {human_pos} {elapsed}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let counter = ProgressBar::new_spinner().with_style(style).with_message(what);
    counter.enable_steady_tick(Duration::from_millis(100));
    counter
}

/// A bar for repositories, some of which are there.
pub(crate) fn repository_bar() -> ProgressBar {
    let style = "repositories {wide_bar} {human_pos}/{human_len} {msg} {eta}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

/// An object on one line, its fields in the order given.
fn object(fields: &[(&str, Value)]) -> anyhow::Result<String> {
    let mut serializer = serde_json::Serializer::new(Vec::new());
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))?;
    Ok(String::from_utf8(serializer.into_inner())?)
}

/// A value for people: strings bare, lists with commas.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => plain_object(fields),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
    }
}

fn plain_object(fields: &Map<String, Value>) -> String {
    let field = |(name, value): (&String, &Value)| format!("{name} {}", plain(value));
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}
