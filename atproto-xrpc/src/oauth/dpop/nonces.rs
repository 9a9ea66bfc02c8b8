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
pub struct DpopNonces {
    secret: [u8; 32],
    period: u64,
}

impl DpopNonces {
    /// Nonces under a secret of this process alone.
    pub fn generate() -> Self {
        Self::with_secret(random::bytes())
    }

    /// Nonces under a secret that several servers share.
    pub fn with_secret(secret: [u8; 32]) -> Self {
        Self { secret, period: PERIOD_SECONDS }
    }

    /// The nonce to be used from now (in Unix seconds) on: what goes into `DPoP-Nonce`.
    pub fn current(&self, now: u64) -> String {
        self.of_period(now / self.period)
    }

    /// Whether a nonce is current, or nearly so.
    pub fn admits(&self, nonce: &str, now: u64) -> bool {
        let period = now / self.period;
        let periods = [period, period.wrapping_sub(1), period.wrapping_add(1)];
        periods
            .iter()
            .any(|period| self.of_period(*period).as_bytes().ct_eq(nonce.as_bytes()).into())
    }

    fn of_period(&self, period: u64) -> String {
        let mut code =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        code.update(&period.to_be_bytes());
        BASE64URL_NOPAD.encode(&code.finalize().into_bytes())
    }
}

/// Without the secret.
impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopNonces").field("period", &self.period).finish_non_exhaustive()
    }
}

/// With the neighbours, a nonce lives for at most three minutes; the profile allows five.
const PERIOD_SECONDS: u64 = 60;
