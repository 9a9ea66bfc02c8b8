//! The floor under every AT Protocol program: identifiers, the data model, keys and
//! signatures, identities, lexicon schemas, and the traits of endpoints and records.
//!
//! # The protocol in one page
//!
//! Everything begins with an **account**. Its name for ever is a DID; its name for people is
//! a handle, a domain that can change. The account keeps **records** in a repository; each
//! has an address, made of the account, the kind of record, and a key:
//!
//! ```
//! use atproto_core::syntax::{AtIdentifier, AtUri};
//!
//! let uri = AtUri::new("at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/com.example.note/self")?;
//! assert!(matches!(uri.authority(), AtIdentifier::Did(_)));
//! assert_eq!(uri.collection().unwrap(), "com.example.note");
//! assert_eq!(uri.rkey().unwrap(), "self");
//! # Ok::<(), atproto_core::syntax::SyntaxError>(())
//! ```
//!
//! A record is a value of the **data model** ([`data`]): JSON for people and for HTTP, and
//! one canonical DAG-CBOR encoding for hashing. The hash of that encoding is the record's
//! CID, by which others refer to exactly this version of it:
//!
//! ```
//! use atproto_core::{data::{cbor, json}, syntax::Cid};
//!
//! let note = json::decode(r#"{"text": "hello", "$type": "com.example.note"}"#)?;
//! let bytes = cbor::encode(&note);
//! assert_eq!(cbor::decode(&bytes)?, note);
//! assert_eq!(
//!     Cid::dag_cbor(&bytes).to_string(),
//!     "bafyreidwydhkxbncvxuvbwefh5wchyyei7fikeu4oplmgkynqmsvpcjo2i",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a kind of record has to look like is said by its **lexicon** ([`lexicon`]). Programs
//! that know it at build time have Rust types generated from it, which rest on [`mod@object`] and
//! [`endpoint`]; others hold the value against the schema:
//!
//! ```
//! use atproto_core::{data::json, lexicon::{Catalog, Document}, syntax::Nsid};
//!
//! let catalog = Catalog::from_documents([Document::from_json(br#"{
//!     "lexicon": 1,
//!     "id": "com.example.note",
//!     "defs": { "main": { "type": "record", "key": "any", "record": {
//!         "type": "object",
//!         "required": ["text"],
//!         "properties": { "text": { "type": "string" } }
//!     } } }
//! }"#)?]);
//! let nsid = Nsid::new("com.example.note")?;
//! let empty = json::decode(r#"{"$type": "com.example.note"}"#)?;
//! assert!(catalog.validate_record(&nsid, &empty).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every change of a repository is **signed** ([`crypto`]) with the account's key, so that it
//! does not matter from whom one has it. The key stands in the account's DID document
//! ([`identity`]), beside the handle that the account claims and the host that serves it:
//!
//! ```
//! use atproto_core::{
//!     crypto::{Curve, SecretKey, Signer},
//!     identity::DidDocument,
//!     syntax::{Did, Handle},
//! };
//!
//! let secret = SecretKey::generate(Curve::K256);
//! let document = DidDocument::new(Did::new("did:web:alice.example.com")?)
//!     .with_handle(&Handle::new("alice.example.com")?)
//!     .with_key("atproto", &secret.public_key())
//!     .with_service("atproto_pds", "AtprotoPersonalDataServer", "https://pds.example.com");
//!
//! let signature = secret.sign(b"a change")?;
//! document.signing_key()?.verify(b"a change", &signature)?;
//! assert!(document.signing_key()?.verify(b"another", &signature).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Changes reach others as **event streams** of binary [`frame`]s, and everything else is HTTP
//! between clients and servers, whose methods are the types of [`endpoint`].
//!
//! Repositories, network and servers are the business of other crates; this one opens no
//! socket unless the feature `resolver` is on.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `resolver` | finding DID documents, handles and did:plc operations on the network, by one guarded client |
//! | `secp256k1`, `ring` | faster verification of signatures, with the same results |
//!
//! # What arrives is not trusted
//!
//! Parsers take whatever the network sends: they end, in bounded memory, with a value or an
//! error that names the place, and never panic. Each limit is a documented constant, and a
//! value that was accepted needs no further check.

#![deny(missing_docs)]

mod class;
pub mod crypto;
pub mod data;
pub mod endpoint;
pub mod frame;
pub mod identity;
pub mod lexicon;
pub mod object;
pub mod syntax;

pub use class::{Class, Classify};

#[doc(hidden)]
pub mod __private {
    pub use bytes::Bytes;
    pub use serde;
    pub use serde_json;
}

/// The examples of the readme, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
