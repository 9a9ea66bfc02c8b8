//! Whether a message of the firehose is true.

mod inversion;

pub use inversion::{InversionError, invert};
