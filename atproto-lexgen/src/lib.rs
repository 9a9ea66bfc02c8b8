//! Generates Rust types from lexicons: a library for `build.rs` and the command `lexgen`.
//!
//! ```no_run
//! fn main() -> Result<(), atproto_lexgen::Error> {
//!     atproto_lexgen::Config::new().lexicons("lexicons").build()?;
//!     Ok(())
//! }
//! ```
//!
//! With that as `build.rs`, the types are included by
//! `include!(concat!(env!("OUT_DIR"), "/lexicons.rs"));` inside a module. The crate needs
//! `atproto-core` among its dependencies and nothing else.
//!
//! Each namespace becomes a module and each document a file of its own. A record, query,
//! procedure or subscription `com.example.foo.doThing` is the type
//! `com::example::foo::DoThing`; what else its document defines lies in
//! `com::example::foo::do_thing`. The output depends on the documents alone.

mod class;
mod codegen;
mod config;
pub mod diff;
mod error;
mod files;
#[cfg(feature = "resolve")]
pub mod install;
pub mod lint;
mod load;
pub mod manifest;
mod named;
mod names;
mod plan;
#[cfg(feature = "resolve")]
pub mod publish;
mod record;
#[cfg(feature = "resolve")]
pub mod resolve;
mod roles;
mod walk;

pub use config::Config;
pub use error::{Error, Report, Skipped, Unresolved};
pub use record::{COLLECTION, RecordError};

/// The examples of the readme, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
