//! Integration tests of the generated types.

mod answers;
mod catalog;
mod frames;
mod records;
mod support;
