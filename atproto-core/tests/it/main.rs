//! Integration tests of the core, one module for each module of the crate.

mod crypto;
mod support;
mod syntax;
