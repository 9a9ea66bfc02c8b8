//! Integration tests of the generator.

mod check;
mod drift;
mod golden;
mod names;
mod support;
