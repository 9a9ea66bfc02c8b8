//! Integration tests of the generated types.

mod answers;
mod catalog;
mod features;
mod frames;
mod records;
mod support;
