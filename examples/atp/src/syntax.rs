//! `atp syntax`

use std::io::{self, BufRead, Read};

use anyhow::bail;
use atproto_core::syntax::{
    AtIdentifier, AtUri, Cid, Datetime, Did, Handle, Language, Nsid, RecordKey, SyntaxError, Tid,
    Uri,
};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::output::Output;

/// Check identifiers, one a line on standard input.
///
/// For each line prints `ok<TAB>value` or `bad<TAB>value<TAB>reason`, and fails if one is bad.
/// Nothing is trimmed: a space at the end belongs to the value.
///
/// Example: printf 'alice.test\nalice\n' | atp syntax handle
#[derive(Args)]
pub(crate) struct Syntax {
    /// What the lines are
    #[arg(value_name = "TYPE")]
    kind: Kind,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Did,
    Handle,
    AtIdentifier,
    Nsid,
    RecordKey,
    Tid,
    AtUri,
    Datetime,
    Language,
    Uri,
    Cid,
}

impl Syntax {
    pub(crate) fn run(self, output: &mut Output) -> anyhow::Result<()> {
        let (mut first_bad, mut bad, mut lines) = (None, 0_u64, 0_u64);
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input)? {
            lines += 1;
            let checked = match str::from_utf8(&line) {
                _ if line.len() > MAX_LINE => Err(format!("longer than {MAX_LINE} bytes")),
                Ok(text) => self.kind.check(text).map_err(|error| error.to_string()),
                Err(_) => Err("not UTF-8".to_owned()),
            };
            let value = String::from_utf8_lossy(&line);
            if checked.is_err() {
                bad += 1;
                first_bad.get_or_insert(lines);
            }
            print(output, &value, checked)?;
        }
        match first_bad {
            Some(line) => bail!("{bad} of {lines} values are invalid, the first on line {line}"),
            None => Ok(()),
        }
    }
}

/// The next line without its end. Of a line that is too long it is a little more than
/// [`MAX_LINE`]; the rest is passed over.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > MAX_LINE {
        input.skip_until(b'\n')?;
    }
    Ok(Some(line))
}

fn print(output: &mut Output, value: &str, checked: Result<(), String>) -> anyhow::Result<()> {
    match checked {
        Ok(()) => {
            output.item(&[("valid", json!(true)), ("value", json!(value))], &format!("ok\t{value}"))
        }
        Err(reason) => output.item(
            &[("valid", json!(false)), ("value", json!(value)), ("reason", json!(reason))],
            &format!("bad\t{value}\t{reason}"),
        ),
    }
}

impl Kind {
    fn check(self, text: &str) -> Result<(), SyntaxError> {
        match self {
            Self::Did => Did::new(text).map(drop),
            Self::Handle => Handle::new(text).map(drop),
            Self::AtIdentifier => AtIdentifier::new(text).map(drop),
            Self::Nsid => Nsid::new(text).map(drop),
            Self::RecordKey => RecordKey::new(text).map(drop),
            Self::Tid => Tid::new(text).map(drop),
            Self::AtUri => AtUri::new(text).map(drop),
            Self::Datetime => Datetime::new(text).map(drop),
            Self::Language => Language::new(text).map(drop),
            Self::Uri => Uri::new(text).map(drop),
            Self::Cid => text.parse::<Cid>().map(drop),
        }
    }
}

/// The longest line that is looked at. Ours: eight times the longest identifier of the
/// protocol, a URI.
const MAX_LINE: usize = 64 * 1024;
