//! Hashing passwords: slow on purpose, and therefore bounded.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use argon2::{
    Algorithm, Argon2, Block, Params, RECOMMENDED_SALT_LEN, Version,
    password_hash::{
        Error,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use atproto_xrpc::XrpcError;
use tokio::sync::{Semaphore, oneshot};

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
///
/// It has threads of its own, each with its memory for good: allocators are slow to give back
/// so much, and taking it anew for each login would come to gigabytes.
pub struct Passwords {
    jobs: mpsc::Sender<Job>,
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
        let dummy = hash(&nobody_knows, &mut memory())
            .map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        Ok(Self {
            jobs: start(workers)?,
            admitted: Arc::new(Semaphore::new(workers + QUEUE)),
            dummy: dummy.into(),
        })
    }

    /// The hash of a new password, in PHC form.
    pub async fn hash(&self, password: &str) -> Result<String, XrpcError> {
        let password = password.to_owned();
        self.run(move |memory| hash(password.as_bytes(), memory))
            .await?
            .map_err(|error| XrpcError::internal(error.to_string()))
    }

    /// Whether this is the password. Without a hash the answer is no, and takes as long.
    pub async fn verify(&self, hash: Option<&str>, password: &str) -> Result<bool, XrpcError> {
        let exists = hash.is_some();
        let hash = hash.map_or_else(|| Arc::clone(&self.dummy), Arc::from);
        let password = password.to_owned();
        let matches = self.run(move |memory| verify(&hash, password.as_bytes(), memory)).await?;
        Ok(matches && exists)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut [Block]) -> T + Send + 'static,
    ) -> Result<T, XrpcError> {
        let busy = |_| XrpcError::unavailable("Too many logins at the moment");
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(busy)?;
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // A client that has left meanwhile is not worth the time.
            if !done.is_closed() {
                let _ = done.send(work(memory));
            }
            drop(admitted);
        });
        self.jobs.send(job).map_err(|_| XrpcError::internal("no thread hashes passwords"))?;
        result.await.map_err(XrpcError::internal)
    }
}

type Job = Box<dyn FnOnce(&mut [Block]) + Send>;

/// What one hash needs.
fn memory() -> Vec<Block> {
    vec![Block::new(); Params::DEFAULT.block_count()]
}

/// Starts threads that do jobs until the sender is gone.
fn start(workers: usize) -> io::Result<mpsc::Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..workers {
        let jobs = Arc::clone(&jobs);
        thread::Builder::new().name("passwords".to_owned()).spawn(move || {
            let mut memory = memory();
            loop {
                let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = next else { return };
                // Whoever waits for it learns of it, and the thread goes on.
                let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
            }
        })?;
    }
    Ok(sender)
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

fn hash(password: &[u8], memory: &mut [Block]) -> Result<String, Error> {
    let mut salt = [0; RECOMMENDED_SALT_LEN];
    getrandom::fill(&mut salt).map_err(|_| Error::Crypto)?;
    Ok(hash_with(password, Salt::new(&salt)?, memory)?.to_string())
}

fn hash_with(password: &[u8], salt: Salt, memory: &mut [Block]) -> Result<PasswordHash, Error> {
    let argon2 = Argon2::default();
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2.hash_password_into_with_memory(password, &salt, &mut output, memory)?;
    Ok(PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params())?,
        salt: Some(salt),
        hash: Some(Output::new(&output)?),
    })
}

/// Hashes are compared in constant time, which is how outputs compare.
fn verify(hash: &str, password: &[u8], memory: &mut [Block]) -> bool {
    let Ok(stored) = PasswordHash::new(hash) else { return false };
    let again = stored.salt.and_then(|salt| hash_with(password, salt, memory).ok());
    again.is_some_and(|again| again == stored)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

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

    #[tokio::test]
    async fn t76_a_flood_of_logins_is_the_work_of_few_threads() {
        let passwords = Passwords::new().unwrap();
        let jobs = (0..50).map(|_| passwords.run(|_| thread::current().id()));
        let threads: HashSet<_> =
            futures::future::try_join_all(jobs).await.unwrap().into_iter().collect();
        assert!(threads.len() <= thread::available_parallelism().unwrap().get());
    }

    #[tokio::test]
    async fn a_job_that_panics_is_an_error_and_no_more() {
        let passwords = Passwords::new().unwrap();
        for _ in 0..50 {
            let failed = passwords.run(|_| panic!("on purpose")).await;
            let failed: Result<(), _> = failed;
            assert_eq!(failed.unwrap_err().status.as_u16(), 500);
        }
        assert_eq!(passwords.run(|_| 1).await.unwrap(), 1);
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(check("12345678").is_ok());
        assert!(check(&"x".repeat(256)).is_ok());
        assert_eq!(check("1234567").unwrap_err().error, "InvalidPassword");
        assert_eq!(check(&"x".repeat(257)).unwrap_err().error, "InvalidPassword");
    }
}
