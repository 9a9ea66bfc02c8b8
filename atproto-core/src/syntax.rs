//! Identifiers and other strings with a syntax of their own.
//!
//! Every type here is a proof: a value exists only if its text is well-formed, so code
//! that takes a [`Did`] never checks it again. All string types share one shape: `new`
//! parses, [`as_str`](Did::as_str) gives the text back, comparison and hashing are those
//! of the text, and serde reads and writes a plain string.
//!
//! Parsing is linear in the input, uses no regular expressions, and a refusal allocates
//! nothing, so it is safe to run on whatever the network sends.
//!
//! | Type | Lexicon format | Specification |
//! |---|---|---|
//! | [`Did`] | `did` | <https://atproto.com/specs/did> |
//! | [`Handle`] | `handle` | <https://atproto.com/specs/handle> |
//! | [`AtIdentifier`] | `at-identifier` | <https://atproto.com/specs/lexicon#at-identifier> |
//! | [`Nsid`] | `nsid` | <https://atproto.com/specs/nsid> |
//! | [`RecordKey`] | `record-key` | <https://atproto.com/specs/record-key> |
//! | [`Tid`] | `tid` | <https://atproto.com/specs/tid> |
//! | [`AtUri`] | `at-uri` | <https://atproto.com/specs/at-uri-scheme> |
//! | [`Datetime`] | `datetime` | <https://atproto.com/specs/lexicon#datetime> |
//! | [`Language`] | `language` | <https://atproto.com/specs/lexicon#language> |
//! | [`Uri`] | `uri` | <https://atproto.com/specs/lexicon#uri> |
//! | [`Cid`] | `cid` | <https://atproto.com/specs/data-model#link-and-cid-formats> |
//!
//! ```
//! use atproto_core::syntax::{AtIdentifier, AtUri, Handle};
//!
//! let uri = AtUri::new("at://alice.example.com/app.bsky.feed.post/3jzfcijpj2z2a")?;
//! assert_eq!(uri.authority(), AtIdentifier::Handle(Handle::new("Alice.Example.COM")?));
//! assert_eq!(uri.collection().unwrap().name(), "post");
//! # Ok::<(), atproto_core::syntax::SyntaxError>(())
//! ```

#[macro_use]
mod text;

mod at_identifier;
mod at_uri;
mod cid;
mod datetime;
mod did;
mod error;
mod handle;
mod language;
mod nsid;
mod nsid_pattern;
mod record_key;
mod tid;
mod uri;

pub use at_identifier::AtIdentifier;
pub use at_uri::AtUri;
pub use cid::{Cid, Codec};
pub use datetime::Datetime;
pub use did::{Did, DidMethod, UnsupportedDid};
pub use error::{Fault, SyntaxError};
pub use handle::Handle;
pub use language::Language;
pub use nsid::Nsid;
pub use nsid_pattern::NsidPattern;
pub use record_key::RecordKey;
pub use tid::{Tid, TidClock};
pub use uri::Uri;
