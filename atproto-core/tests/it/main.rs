//! Integration tests of the core, one module for each module of the crate.

mod crypto;
mod identity;
mod lexicon;
mod plc;
mod data;
mod frame;
mod support;
mod syntax;
