//! Labels: what somebody says about an account or a record.
//!
//! A label has a source (`src`, the labeler's DID), a subject (`uri`), and a value (`val`, such
//! as `spam`). It is signed by itself, with a key of its own in the labeler's DID document, so
//! that it can be handed on: [`sign`] makes such a signature, a [`LabelVerifier`] checks one.
//!
//! Labels are not changed. For one source, subject and value the one with the latest creation
//! time counts ([`supersedes`]), and it may say that the label is taken back (`neg`) or ends at
//! a time (`exp`): [`is_active`]. Whoever keeps labels keeps those as well, or an earlier label
//! that comes late would count again.
//!
//! ```
//! use atproto_core::crypto::{Curve, SecretKey};
//! use atproto_firehose::label;
//! use atproto_lexicons::com::atproto::label::defs::Label;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SecretKey::generate(Curve::K256);
//! let source = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
//! let subject = "did:plc:44ybard66vv44zksje25o7dz".parse()?;
//! let mut spam = Label::new(source, subject, "spam", "2026-01-01T00:00:00Z".parse()?);
//! label::sign(&mut spam, &key)?;
//!
//! let mut taken_back = Label { neg: Some(true), ..spam.clone() };
//! taken_back.cts = "2026-01-02T00:00:00Z".parse()?;
//! label::sign(&mut taken_back, &key)?;
//! assert!(label::supersedes(&taken_back, &spam));
//! assert!(!label::is_active(&taken_back, &"2026-01-03T00:00:00Z".parse()?));
//! # Ok(()) }
//! ```
//!
//! # Following a labeler
//! [`Consumer::open_labels`](crate::consumer::Consumer::open_labels) reads
//! `com.atproto.label.subscribeLabels` with all that a [`Consumer`](crate::consumer::Consumer)
//! promises: what is not acknowledged comes again, the stored cursor never passes it, memory is
//! bounded, and what may be missing is a [`Gap`](crate::event::Gap). Labels whose signature does
//! not fit are set apart and never count. A [`LabelStore`](store::LabelStore) keeps what was told,
//! and answers what holds:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use atproto_core::{identity::Resolver, syntax::Datetime};
//! use atproto_firehose::{
//!     consumer::{Consumer, ConsumerOptions, Policy, Start},
//!     event::Event,
//!     label::store::{LabelStore, MemoryLabels},
//!     state::MemoryState,
//! };
//!
//! # async fn example(resolver: Arc<dyn Resolver>) -> Result<(), Box<dyn std::error::Error>> {
//! let known = MemoryLabels::new();
//! // All that the labeler has, and then what it says from now on.
//! let options = ConsumerOptions::default().start(Start::Oldest).policy(Policy::strict(resolver));
//! let state = MemoryState::default();
//! let mut labeler = Consumer::open_labels("wss://labels.example", state, options).await?;
//! while let Some(delivery) = labeler.next().await {
//!     match delivery.event() {
//!         Event::Labels(told) => {
//!             known.apply(&told.labels).await?;
//!         }
//!         Event::Gap(gap) => println!("labels may be missing: {}", gap.label()),
//!         _ => {}
//!     }
//!     delivery.ack().await;
//! }
//! let subject = "at://did:plc:44ybard66vv44zksje25o7dz/com.example.note/1".parse()?;
//! for label in known.in_force(&subject, &Datetime::now()).await? {
//!     println!("{} says {}", label.src, label.val);
//! }
//! # Ok(()) }
//! ```
//!
//! See the [label specification](https://atproto.com/specs/label).

mod lifecycle;
pub mod store;
mod verifier;

use atproto_core::{
    crypto::{SignError, Signer},
    data::{Bytes, Extra, cbor},
};
use atproto_lexicons::com::atproto::label::defs::Label;

pub use lifecycle::{LabelKey, is_active, supersedes};
pub use verifier::{LabelError, LabelVerifier};

/// Makes a label one that other services take: of the current version, signed. Fields that the
/// specification does not have are left out of the signature; they are not part of a label.
///
/// # Errors
/// [`SignError`], from signers that are not in memory.
pub fn sign(label: &mut Label, key: &dyn Signer) -> Result<(), SignError> {
    label.ver = Some(VERSION);
    let signature = key.sign(&signed_bytes(label))?;
    label.sig = Some(Bytes::copy_from_slice(signature.as_ref()));
    Ok(())
}

/// Whether a value has the recommended form: words of lower-case letters with `-` between
/// them, after a `!` if what it asks for is a behaviour. Others are valid too.
pub fn is_recommended_value(value: &str) -> bool {
    let words = value.strip_prefix('!').unwrap_or(value).split('-');
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    value.len() <= MAX_VALUE_BYTES && words.clone().count() > 0 && words.clone().all(is_word)
}

/// What is signed: the fields of the specification, without the signature.
fn signed_bytes(label: &Label) -> Vec<u8> {
    let signed = Label { sig: None, extra: Extra::default(), ..label.clone() };
    cbor::to_vec(&signed).expect("its fields are texts, a number and a boolean")
}

/// The version of labels that there is. Source: <https://atproto.com/specs/label#schema-and-data-model>.
pub const VERSION: i64 = 1;

/// The longest value, in bytes. Source: as above.
pub const MAX_VALUE_BYTES: usize = 128;

/// The key that signs labels, in the labeler's DID document. No other key stands in for it.
/// Source: <https://atproto.com/specs/label#signatures>.
pub const KEY: &str = "atproto_label";
