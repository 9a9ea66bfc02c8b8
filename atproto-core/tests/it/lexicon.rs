//! The schema language, catalogs and validation.

mod decode;
mod document;
mod link;
mod permission;
mod validate;
mod vectors;
