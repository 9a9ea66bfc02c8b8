use atproto_core::{crypto::SignatureError, data::cbor::CborError, syntax::SyntaxError};

/// Why a block is not a commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Not strict DAG-CBOR, or a field of another type.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// The account is not a DID.
    #[error("field did: {0}")]
    Did(#[source] SyntaxError),
    /// A link whose codec is not DAG-CBOR.
    #[error("a link that is not to DAG-CBOR")]
    LinkCodec,
    /// A field is missing.
    #[error("field {0} is missing")]
    Missing(&'static str),
    /// The revision is not a TID.
    #[error("field rev: {0}")]
    Rev(#[source] SyntaxError),
    /// The signature cannot be one: it has a wrong length.
    #[error("field sig: {0}")]
    Signature(#[source] SignatureError),
    /// A field that commits do not have. It would be signed and not understood.
    #[error("an unknown field")]
    UnknownField,
    /// A version that is not read here.
    #[error("commit version {0}")]
    Version(i64),
}
