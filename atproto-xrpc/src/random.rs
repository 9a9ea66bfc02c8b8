//! Randomness from the operating system.

use data_encoding::HEXLOWER;

/// Random bytes. A system without an entropy source cannot make tokens or keys either, so
/// there is nothing sensible left to do but stop.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 128 random bits as 32 hexadecimal digits.
pub(crate) fn hex_id() -> String {
    HEXLOWER.encode(&bytes::<16>())
}

/// As [`hex_id`], for names that need to be no secret: the system is asked for many at a time.
#[cfg(feature = "server")]
pub(crate) fn pooled_hex_id() -> String {
    const IDS: usize = 64;
    thread_local! {
        static POOL: std::cell::RefCell<Vec<[u8; 16]>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    POOL.with_borrow_mut(|pool| {
        if pool.is_empty() {
            pool.extend(bytes::<{ IDS * 16 }>().as_chunks::<16>().0);
        }
        HEXLOWER.encode(&pool.pop().unwrap_or_else(bytes))
    })
}

/// A number from 0 up to, but not including, 1.
#[cfg(feature = "client")]
pub(crate) fn fraction() -> f64 {
    f64::from(u32::from_le_bytes(bytes())) / (f64::from(u32::MAX) + 1.0)
}
