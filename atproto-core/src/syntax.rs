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
//! # Where the authorities disagree
//!
//! The vectors of the reference implementation decide, which are newer than the published
//! ones; where they say nothing, the specification's text does.
//!
//! | Text | Authorities | Here |
//! |---|---|---|
//! | language `JA`, `jaja` | Malformed by the published vectors; well-formed but not strict by the reference implementation's | Well-formed, not [strict](Language::is_strict): RFC 5646 is indifferent to case and keeps four letters for later use |
//! | language `de-419-DE` | Left open by the published vectors; malformed by the newer | Refused: RFC 5646 has room for one region |
//! | datetime `0000-01-01T00:00:00+01:00` | Malformed by one suite, well-formed but meaningless by the other | Refused, as all datetimes that no calendar or clock shows |
//! | datetime `0000-01-01T00:00:00.000Z` | Valid in the published vectors, not among the newer | Accepted: the year 0 is not negative |
//! | datetime `2023-02-29T00:00:00Z` | Accepted by the reference implementation, whose calendar runs over; RFC 3339 gives each month its length | Refused |
//! | TIDs that begin with `a` to `j` | Listed by the newer vectors only | Accepted: their top bit is zero |
//! | NSID with an authority over 253 bytes | Too long by the specification; valid by all vectors | Accepted up to 317 bytes in all: what the network takes for a name must not be refused here |
//! | AT-URI with a fragment | Accepted by the reference implementation, refused by the specification of the restricted form | Refused |
//! | languages `I-default`, `sgn-be-nl` | Malformed by the reference implementation; RFC 5646 is indifferent to case | Well-formed |
//! | URI schemes with `+`, `-` or `.`, and `scheme:/path` | Refused by the reference implementation, although its vectors list `content-type:…`; valid by RFC 3986 | Accepted |
//! | URI schemes that begin with a digit or contain `_` | Accepted by the reference implementation; malformed by RFC 3986 | Refused |
//! | CIDs of other versions, codecs, hash functions and bases | Valid in the published vectors | Refused: the protocol has one form, see [`Cid`] |
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

mod ascii;
mod at_identifier;
mod at_uri;
mod base32;
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
