//! did:plc: identities as logs of signed operations.
//!
//! A did:plc is the hash of its first operation. Every operation states the whole identity —
//! rotation keys, signing keys, names, services — and points to its predecessor by CID:
//!
//! ```text
//! genesis ◄── update ◄── update      keys [A, B] in genesis; the updates are signed by B
//!    ▲
//!    └─────── recovery               signed by A within 72 hours: nullifies both updates
//! ```
//!
//! *Rotation keys* sign operations; the list is in order of authority. An operation is signed
//! by a rotation key of its predecessor (the genesis by one of its own). An operation that
//! does not follow the newest one is a *recovery*: it must be signed by a key of higher
//! authority than the one that signed the first operation it displaces, at most
//! [`limits::RECOVERY_WINDOW_MICROS`] after that one. What it displaces stays in the audit
//! log, marked as nullified. A *tombstone* ends the identity, and can itself be recovered from.
//!
//! - [`Operation`], [`Tombstone`]: what is going to be signed; [`SignedOperation`]: what travels.
//! - [`History`]: the rule by which the next operation is accepted or refused.
//! - [`verify_log`]: a whole audit log against that rule, so that the directory need not be
//!   trusted.
//!
//! # What is refused where
//!
//! A log is history: what a directory once accepted cannot be mended by its readers, and
//! refusing it would only cut its owner off. [`verify_log`] therefore asks for what security
//! rests on (hashes, signatures, order, window, marks, strict encodings, no unknown fields),
//! and [`check_submission`] in addition for what the specification asks of new operations.
//! Choices where the specification is silent, or its implementations differ:
//!
//! - More than five rotation keys, duplicates among them, keys of other curves, operations of
//!   any size, malformed verification keys: read in logs, refused on submission. A key that
//!   cannot verify never counts as a signer. The public directory admits ten rotation keys
//!   and 4000 bytes at present; here the specification's five and 7500 hold.
//! - Unknown fields: refused everywhere, since the operation's hash covers them and a reader
//!   that left them out would compute another one.
//! - `alsoKnownAs` entries that are no URIs: accepted everywhere, and of no use as a handle.
//! - Times in a log may repeat and never go back; a recovery is later than all it displaces.
//!
//! ```
//! use atproto_core::crypto::{Curve, SecretKey};
//! use atproto_core::identity::plc::{self, Operation};
//! use atproto_core::syntax::Handle;
//!
//! let rotation = SecretKey::generate(Curve::K256);
//! let signing = SecretKey::generate(Curve::P256);
//! let operation = Operation::account(
//!     &[rotation.public_key()],
//!     &signing.public_key(),
//!     &Handle::new("alice.test")?,
//!     "https://pds.example.com",
//! );
//! let (did, genesis) = plc::create(operation, &rotation)?;
//!
//! let mut history = plc::History::new(did);
//! history.accept(genesis, 1_700_000_000_000_000)?;
//! assert_eq!(history.state().unwrap().also_known_as, ["at://alice.test"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! See the [did:plc specification](https://web.plc.directory/spec/v0.1/did-plc).

mod history;
pub mod limits;
mod log;
mod operation;
mod state;
mod submission;
mod wire;

#[cfg(feature = "resolver")]
mod client;

pub use history::{Accepted, History, OperationError};
pub use log::{AuditEntry, LogError, VerifiedLog, verify_log};
pub use operation::{
    Content, LegacyCreate, Operation, Service, SignatureProblem, SignedOperation, Tombstone,
    create, did_of_genesis,
};
pub use state::State;
pub use submission::{SubmissionError, check_submission};

#[cfg(feature = "resolver")]
pub use client::{
    ExportEntry, ExportOptions, ExportStream, ExportStreamError, ExportStreamOptions, PlcClient,
    PlcClientError,
};
