//! Integration tests of the generator.

mod check;
#[cfg(feature = "cli")]
mod command;
mod diff;
mod drift;
mod fidelity;
mod golden;
#[cfg(feature = "resolve")]
mod install;
mod lint;
mod names;
#[cfg(feature = "resolve")]
mod network;
#[cfg(feature = "resolve")]
mod resolve;
mod support;
