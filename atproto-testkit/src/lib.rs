//! A small AT Protocol network for tests.
//!
//! - [`Author`] is an account with a real key and a real repository: what it writes comes out
//!   as signed events that verify everywhere.
//! - [`Directory`] knows identities, and answers as a [`Resolver`](atproto_core::identity::Resolver)
//!   without any network; it can be told to fail.
//! - [`MicroPds`] serves authors' events and repositories on loopback, over real sockets; it
//!   can be told to hang up.
//!
//! Nothing here is random: an author is its seed, and the same calls give the same bytes.
//!
//! ```
//! use atproto_core::syntax::Datetime;
//! use atproto_lexicons::app::bsky::feed::Post;
//! use atproto_testkit::{Author, Directory, MicroPds};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut alice = Author::new("alice.test", 1);
//! let pds = MicroPds::start().await?;
//! let directory = Directory::default();
//! directory.insert(alice.document(pds.url()));
//!
//! pds.announce(&alice);
//! pds.publish(alice.create(&Post::new("hello", Datetime::now())));
//! pds.host(&alice); // getRepo answers with the repository as it is now
//! # Ok(()) }
//! ```

mod author;
mod directory;
mod micro_pds;
pub mod net;
mod postgres;
mod probe;
mod random;
pub mod simulation;

pub use author::Author;
pub use directory::Directory;
pub use micro_pds::MicroPds;
pub use net::{Fault, Faults, Net, hours};
pub use postgres::Postgres;
pub use probe::{Probe, delivery};

/// The examples of the readme, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of the project's readme, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct TopReadme;
