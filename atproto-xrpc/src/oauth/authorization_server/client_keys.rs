use serde_json::Value;

use crate::oauth::Jwk;

/// The most keys of one set that are looked at. Ours; a client has a few.
pub const MAX_CLIENT_KEYS: usize = 32;

/// The public keys by which a confidential client authenticates itself: a JWK set, of which the
/// keys that are not for signatures, have no name, or are of other kinds are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientKeys(Vec<(String, Jwk)>);

impl ClientKeys {
    /// Reads a JWK set.
    pub fn read(set: &Value) -> Self {
        let keys = set.get("keys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Self(keys.iter().take(MAX_CLIENT_KEYS).filter_map(named).collect())
    }

    /// The key of this name.
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        self.0.iter().find(|(name, _)| name == kid).map(|(_, key)| key)
    }

    /// Whether there is a key of this name and thumbprint.
    pub fn has(&self, kid: &str, jkt: &str) -> bool {
        self.find(kid).is_some_and(|key| key.thumbprint() == jkt)
    }
}

fn named(key: &Value) -> Option<(String, Jwk)> {
    let kid = key.get("kid")?.as_str()?;
    if key.get("use").is_some_and(|usage| usage != "sig") {
        return None;
    }
    Some((kid.to_owned(), serde_json::from_value(key.clone()).ok()?))
}
