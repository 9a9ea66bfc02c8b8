use std::sync::OnceLock;

use super::{DocumentError, VerificationMethod};
use crate::crypto::PublicKey;

/// A key beside the text that it was parsed from, so that nobody decompresses its point for
/// each signature.
///
/// The text is compared at each use, because the fields of a document are public and may have
/// been changed since. It says nothing about equality: documents are equal by what they say.
#[derive(Debug, Clone, Default)]
pub(super) struct ParsedKey(OnceLock<Parsed>);

#[derive(Debug, Clone)]
struct Parsed {
    kind: String,
    multibase: Option<String>,
    key: PublicKey,
}

impl ParsedKey {
    pub(super) fn get_or_parse(
        &self,
        method: &VerificationMethod,
        parse: impl FnOnce() -> Result<PublicKey, DocumentError>,
    ) -> Result<PublicKey, DocumentError> {
        if let Some(parsed) = self.0.get()
            && parsed.kind == method.kind
            && parsed.multibase == method.public_key_multibase
        {
            return Ok(parsed.key.clone());
        }
        let key = parse()?;
        self.0.get_or_init(|| Parsed {
            kind: method.kind.clone(),
            multibase: method.public_key_multibase.clone(),
            key: key.clone(),
        });
        Ok(key)
    }
}

impl PartialEq for ParsedKey {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
