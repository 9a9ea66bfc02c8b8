//! Integration tests of the core, one module for each module of the crate.

mod class;
mod crypto;
mod data;
mod frame;
mod identity;
mod lexicon;
mod plc;
mod plc_properties;
mod seeds;
mod support;
mod syntax;
