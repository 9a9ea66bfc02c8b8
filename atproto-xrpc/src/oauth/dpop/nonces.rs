use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::random;

/// Nonces that change with time, so that no proof can be made ahead.
///
/// They are computed from a secret and the time: nothing is stored, and servers that share
/// the secret admit each other's. The one before and the one after the current are admitted
/// too, so that clocks and requests under way have room.
pub struct DpopNonces(Nonces);

enum Nonces {
    Rotating { secret: [u8; 32] },
    Only(String),
}

impl DpopNonces {
    /// Nonces under a secret of this process alone.
    pub fn generate() -> Self {
        Self::with_secret(random::bytes())
    }

    /// Nonces under a secret that several servers share.
    pub fn with_secret(secret: [u8; 32]) -> Self {
        Self(Nonces::Rotating { secret })
    }

    /// One nonce and no other, for checking proofs that were recorded.
    pub fn only(nonce: impl Into<String>) -> Self {
        Self(Nonces::Only(nonce.into()))
    }

    /// The nonce to be used from now (in Unix seconds) on: what goes into `DPoP-Nonce`.
    pub fn current(&self, now: u64) -> String {
        match &self.0 {
            Nonces::Rotating { secret } => of_period(secret, now / PERIOD_SECONDS),
            Nonces::Only(nonce) => nonce.clone(),
        }
    }

    /// Whether a nonce is current, or nearly so.
    pub fn admits(&self, nonce: &str, now: u64) -> bool {
        let is_same = |admitted: &str| bool::from(admitted.as_bytes().ct_eq(nonce.as_bytes()));
        match &self.0 {
            Nonces::Rotating { secret } => {
                let period = now / PERIOD_SECONDS;
                let periods = [period, period.wrapping_sub(1), period.wrapping_add(1)];
                periods.iter().any(|period| is_same(&of_period(secret, *period)))
            }
            Nonces::Only(only) => is_same(only),
        }
    }
}

fn of_period(secret: &[u8], period: u64) -> String {
    let mut code = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    code.update(&period.to_be_bytes());
    BASE64URL_NOPAD.encode(&code.finalize().into_bytes())
}

/// Without the secret.
impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopNonces").finish_non_exhaustive()
    }
}

/// With the neighbours, a nonce lives for at most three minutes; the profile allows five.
const PERIOD_SECONDS: u64 = 60;
