//! The data model and its two encodings.

mod blob;
mod cbor;
mod json;
mod properties;
mod text;
mod typed;
mod vectors;

use atproto_core::data::cbor::{CborError, CborFault};
use atproto_core::data::{DataError, Value, json as json_form};
use atproto_core::syntax::Cid;

/// A link target whose block nobody needs.
fn cid() -> Cid {
    Cid::dag_cbor(b"block")
}

/// A CID that a blob may have.
fn blob_cid() -> Cid {
    Cid::raw(b"blob")
}

fn bytes(hex: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(hex.to_ascii_lowercase().as_bytes()).unwrap()
}

/// The value that a JSON text stands for.
fn value(text: &str) -> Value {
    json_form::decode(text).unwrap()
}

/// What is wrong with a JSON text that breaks a rule of the data model.
fn json_error(text: &str) -> DataError {
    json_form::decode(text).unwrap_err().data_error().expect("JSON, but outside the data model")
}

fn fault(result: Result<impl std::fmt::Debug, CborError>) -> CborFault {
    result.unwrap_err().fault().clone()
}
