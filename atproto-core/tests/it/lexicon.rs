//! The schema language, catalogs and validation.

mod document;
mod validate;
mod vectors;
