use std::{fmt, sync::Arc};

use atproto_core::{
    crypto::{Signature, SignatureError},
    identity::{DocumentError, ResolveError, Resolver},
};
use atproto_lexicons::com::atproto::label::defs::Label;
use atproto_xrpc::auth::RefreshGuard;

use super::{KEY, MAX_VALUE_BYTES, VERSION, signed_bytes};

/// Why a label is not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The signature is not one, or not that of the labeler's key over this label.
    #[error("the signature does not fit")]
    BadSignature(#[source] SignatureError),
    /// The labeler's identity cannot be resolved. If the error is transient nobody knows
    /// whether the label is good: keep it and try again.
    #[error("the labeler cannot be resolved")]
    Identity(#[from] ResolveError),
    /// The labeler's document has no usable key for labels.
    #[error("the labeler has no key for labels")]
    NoKey(#[source] DocumentError),
    /// There is no signature. Between services each label has one.
    #[error("the label is not signed")]
    Unsigned,
    /// The value is longer than 128 bytes.
    #[error("a value of {0} bytes; the limit is {MAX_VALUE_BYTES}")]
    Value(usize),
    /// The version is not the one there is.
    #[error("a label of version {0:?}, not {VERSION}")]
    Version(Option<i64>),
}

impl LabelError {
    /// A short constant name, for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::BadSignature(_) => "bad_signature",
            Self::Identity(_) => "identity",
            Self::NoKey(_) => "no_key",
            Self::Unsigned => "unsigned",
            Self::Value(_) => "value",
            Self::Version(_) => "version",
        }
    }
}

/// Checks labels on their way between services.
pub struct LabelVerifier {
    resolver: Arc<dyn Resolver>,
    refresh: RefreshGuard,
}

impl LabelVerifier {
    /// A verifier that finds the keys of labelers with this resolver, which should cache.
    pub fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, refresh: RefreshGuard::default() }
    }

    /// Whether the label is whole and signed by its source. If the signature does not fit the
    /// labeler's identity is resolved anew, once in 30 seconds for each labeler: keys rotate,
    /// and what an old key signed stays in the stream.
    ///
    /// # Errors
    /// [`LabelError`]. Only [`LabelError::Identity`] may be another tomorrow.
    pub async fn verify(&self, label: &Label) -> Result<(), LabelError> {
        let signature = check_form(label)?;
        let message = signed_bytes(label);
        let first = self.attempt(label, &message, &signature).await;
        let may_be_outdated =
            matches!(first, Err(LabelError::BadSignature(_) | LabelError::NoKey(_)));
        if !may_be_outdated || !self.refresh.may(&label.src) {
            return first;
        }
        self.resolver.purge(&label.src);
        self.attempt(label, &message, &signature).await
    }

    async fn attempt(
        &self,
        label: &Label,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), LabelError> {
        let document = self.resolver.did(&label.src).await?;
        let key = document.key(KEY).map_err(LabelError::NoKey)?;
        key.verify(message, signature).map_err(LabelError::BadSignature)
    }
}

impl fmt::Debug for LabelVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelVerifier").finish_non_exhaustive()
    }
}

fn check_form(label: &Label) -> Result<Signature, LabelError> {
    if label.ver != Some(VERSION) {
        return Err(LabelError::Version(label.ver));
    }
    if label.val.len() > MAX_VALUE_BYTES {
        return Err(LabelError::Value(label.val.len()));
    }
    let signature = label.sig.as_ref().ok_or(LabelError::Unsigned)?;
    Signature::from_bytes(signature).map_err(LabelError::BadSignature)
}
