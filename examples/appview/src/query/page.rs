//! Pages of rows in one order: time, then URI, both falling.

use std::{fmt, str::FromStr};

use atproto_core::syntax::{AtUri, Datetime};

/// Where a page ended. Clients take it for an opaque text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    pub(crate) sort_at: String,
    pub(crate) uri: String,
}

/// A cursor that this service did not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is malformed")]
pub(crate) struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.sort_at, self.uri)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (sort_at, uri) = text.split_once("::").ok_or(CursorError)?;
        let (Ok(sort_at), Ok(uri)) = (Datetime::new(sort_at), AtUri::new(uri)) else {
            return Err(CursorError);
        };
        Ok(Self { sort_at: sort_at.as_str().to_owned(), uri: uri.as_str().to_owned() })
    }
}

/// Which rows are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) limit: usize,
    /// Only rows behind this one.
    after: Cursor,
}

impl Page {
    pub(crate) fn new(limit: usize, after: Option<Cursor>) -> Self {
        // Greater than every row: RFC 3339 years have four digits, URIs begin with a letter.
        let top = || Cursor { sort_at: "9999".to_owned() + "~", uri: "~".to_owned() };
        Self { limit, after: after.unwrap_or_else(top) }
    }

    /// The parameters `?1` (time), `?2` (URI) and `?3` (limit) of every paged statement.
    pub(crate) fn bounds(&self) -> (&str, &str, i64) {
        (&self.after.sort_at, &self.after.uri, i64::try_from(self.limit).unwrap_or(i64::MAX))
    }

    /// The cursor after a full page; a short page was the last.
    pub(crate) fn next<'a>(&self, rows: usize, last: Option<(&'a str, &'a str)>) -> Option<String> {
        let (sort_at, uri) = last.filter(|_| rows >= self.limit)?;
        Some(Cursor { sort_at: sort_at.to_owned(), uri: uri.to_owned() }.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_their_text() {
        let cursor = Cursor {
            sort_at: "2026-01-01T00:00:00.000Z".to_owned(),
            uri: "at://did:plc:abc/app.bsky.feed.post/3k2yihcrp6f2c".to_owned(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for nonsense in ["nonsense", "::", "2026::at://x"] {
            assert_eq!(nonsense.parse::<Cursor>(), Err(CursorError));
        }
    }

    #[test]
    fn the_first_page_is_above_every_row() {
        let page = Page::new(1, None);
        let (sort_at, uri, _) = page.bounds();
        assert!(("9999-12-31T23:59:59.999Z", "at://z") < (sort_at, uri));
    }
}
