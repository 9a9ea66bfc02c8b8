//! Hashing passwords: slow on purpose, and therefore bounded.

use std::{fmt, sync::Arc, thread};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use atproto_xrpc::XrpcError;
use tokio::sync::Semaphore;

/// The shortest password that a new one may be, in bytes. Source: NIST SP 800-63B, 5.1.1.2.
pub const MIN_BYTES: usize = 8;
/// The longest, in bytes, as at the reference PDS: hashing cost must not be the caller's to
/// choose.
pub const MAX_BYTES: usize = 256;
/// Requests that wait for their turn. Ours: each takes some 20 ms of one processor, so the
/// last one has waited about a second; more are asked to come again.
const QUEUE: usize = 64;

/// Hashes and verifies passwords with argon2id (19 MiB, two passes, as OWASP advises), a few
/// at a time, so that a flood of logins slows down logins and nothing else.
pub struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// The hash of a password that nobody knows: it is verified for accounts that do not
    /// exist, so that they cannot be told by the time the answer takes.
    dummy: Arc<str>,
}

impl Passwords {
    /// A pool of as many workers as there are processors. Blocking: it makes a hash.
    pub fn new() -> anyhow::Result<Self> {
        let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut nobody_knows = [0; 32];
        getrandom::fill(&mut nobody_knows)?;
        let dummy = hash(&nobody_knows).map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        Ok(Self {
            running: Arc::new(Semaphore::new(workers)),
            admitted: Arc::new(Semaphore::new(workers + QUEUE)),
            dummy: dummy.into(),
        })
    }

    /// The hash of a new password, in PHC form.
    pub async fn hash(&self, password: &str) -> Result<String, XrpcError> {
        let password = password.to_owned();
        self.run(move || hash(password.as_bytes()))
            .await?
            .map_err(|error| XrpcError::internal(error.to_string()))
    }

    /// Whether this is the password. Without a hash the answer is no, and takes as long.
    pub async fn verify(&self, hash: Option<&str>, password: &str) -> Result<bool, XrpcError> {
        let exists = hash.is_some();
        let hash = hash.map_or_else(|| Arc::clone(&self.dummy), Arc::from);
        let password = password.to_owned();
        let matches = self.run(move || verify(&hash, password.as_bytes())).await?;
        Ok(matches && exists)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, XrpcError> {
        let busy = |_| XrpcError::unavailable("Too many logins at the moment");
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(busy)?;
        let running =
            Arc::clone(&self.running).acquire_owned().await.map_err(XrpcError::internal)?;
        let job = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((running, admitted));
            result
        });
        job.await.map_err(XrpcError::internal)
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

/// Whether a new password may be used.
pub fn check(password: &str) -> Result<(), XrpcError> {
    let refuse = |message: String| Err(XrpcError::bad_request("InvalidPassword", message));
    match password.len() {
        0..MIN_BYTES => refuse(format!("Password must have at least {MIN_BYTES} characters")),
        MIN_BYTES..=MAX_BYTES => Ok(()),
        _ => refuse(format!("Password too long. Maximum length is {MAX_BYTES} characters.")),
    }
}

fn hash(password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password)?.to_string())
}

fn verify(hash: &str, password: &[u8]) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{Passwords, check};

    #[tokio::test]
    async fn t75_an_unknown_account_is_verified_against_a_hash_too() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify(Some(&hash), "correct horse").await.unwrap());
        assert!(!passwords.verify(Some(&hash), "correct horsE").await.unwrap());
        assert!(!passwords.verify(None, "correct horse").await.unwrap());
        assert!(!passwords.verify(Some("not a hash"), "x").await.unwrap());
    }

    #[tokio::test]
    async fn t76_more_than_the_queue_holds_are_asked_to_come_again() {
        let passwords = Passwords::new().unwrap();
        let all = passwords.admitted.available_permits();
        let _full = passwords.admitted.try_acquire_many(u32::try_from(all).unwrap()).unwrap();
        let refusal = passwords.verify(None, "x").await.unwrap_err();
        assert_eq!(refusal.status.as_u16(), 503);
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(check("12345678").is_ok());
        assert!(check(&"x".repeat(256)).is_ok());
        assert_eq!(check("1234567").unwrap_err().error, "InvalidPassword");
        assert_eq!(check(&"x".repeat(257)).unwrap_err().error, "InvalidPassword");
    }
}
