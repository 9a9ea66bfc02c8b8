//! Integration tests of the generator.

mod check;
#[cfg(feature = "cli")]
mod command;
mod diff;
mod drift;
mod golden;
mod lint;
mod names;
mod support;
