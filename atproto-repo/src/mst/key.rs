use atproto_core::syntax::{Cid, RecordKey};

use crate::{PathError, RepoPath};

/// The layer that a key belongs to: half the number of zero bits at the front of its
/// SHA-256, rounded down.
///
/// So ¾ of all keys are on layer 0, ¾ of the rest on layer 1, and so on: of 1,000 keys
/// about 750, 188, 47, 12.
///
/// ```
/// use atproto_repo::mst::height;
///
/// assert_eq!(height(b"app.bsky.feed.post/454397e440ec"), 4);
/// ```
pub fn height(key: &[u8]) -> u8 {
    // A CID of bytes without structure is their SHA-256.
    let mut zeros = 0;
    for byte in Cid::raw(key).digest() {
        zeros += byte.leading_zeros() as u8 / 2;
        if *byte != 0 {
            break;
        }
    }
    zeros
}

/// How many bytes two keys have in common at the front.
pub fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    let ((left_words, _), (right_words, _)) = (left.as_chunks(), right.as_chunks());
    let mut shared = 0;
    for (left, right) in left_words.iter().zip(right_words) {
        let difference = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        if difference != 0 {
            return shared + difference.trailing_zeros() as usize / 8;
        }
        shared += size_of::<u64>();
    }
    let rest = left[shared..].iter().zip(&right[shared..]);
    shared + rest.take_while(|(left, right)| left == right).count()
}

/// Which keys a tree admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeySyntax {
    /// Paths of records, `collection/rkey`: what a repository holds.
    #[default]
    Path,
    /// Any bytes: the tree as a map in its own right.
    Any,
}

impl KeySyntax {
    /// Checks a key of which the first `shared` bytes are those of a key that has passed.
    pub(super) fn check(self, key: &[u8], shared: usize) -> Result<(), PathError> {
        if self == Self::Any {
            return Ok(());
        }
        // Most keys of a node are in one collection, and that needs checking once.
        match key[..shared].iter().rposition(|byte| *byte == b'/') {
            Some(slash) => check_record_key(&key[slash + 1..], shared - slash - 1),
            None => RepoPath::check_key(key),
        }
    }
}

/// Checks a record key that begins as one that has passed.
fn check_record_key(rkey: &[u8], shared: usize) -> Result<(), PathError> {
    // Letters and digits may follow whatever may stand before them; most keys have no
    // other characters.
    let rest = &rkey[shared..];
    let is_plain = !rest.is_empty() && rest.iter().all(u8::is_ascii_alphanumeric);
    if is_plain && rkey.len() <= RecordKey::MAX_LEN {
        return Ok(());
    }
    let rkey = str::from_utf8(rkey).map_err(|_| PathError::NotUtf8)?;
    if rkey.contains('/') {
        return Err(PathError::NotTwoSegments);
    }
    RecordKey::check(rkey).map_err(PathError::RecordKey)
}
