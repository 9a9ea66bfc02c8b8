use std::{fmt, str::FromStr};

use atproto_core::syntax::{Nsid, RecordKey, SyntaxError};

/// Where a record lives in a repository: `collection/rkey`.
///
/// Ordered as its text is, which is the order of the tree.
///
/// ```
/// use atproto_repo::RepoPath;
///
/// let path: RepoPath = "app.bsky.feed.post/3jzfcijpj2z2a".parse()?;
/// assert_eq!(path.collection, "app.bsky.feed.post");
/// assert_eq!(path.rkey, "3jzfcijpj2z2a");
/// assert!("/app.bsky.feed.post/abc".parse::<RepoPath>().is_err());
/// # Ok::<(), atproto_repo::PathError>(())
/// ```
///
/// See the [specification](https://atproto.com/specs/repository#repo-paths).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RepoPath {
    /// The collection, which names the type of its records.
    pub collection: Nsid,
    /// The name of the record in its collection.
    pub rkey: RecordKey,
}

impl RepoPath {
    /// The path of a record in a collection.
    pub fn new(collection: Nsid, rkey: RecordKey) -> Self {
        Self { collection, rkey }
    }

    /// Parses `collection/rkey`: exactly two segments, neither empty.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let (collection, rkey) = segments(path)?;
        let collection = Nsid::new(collection).map_err(PathError::Collection)?;
        Ok(Self { collection, rkey: RecordKey::new(rkey).map_err(PathError::RecordKey)? })
    }

    /// Reads a key of the tree.
    pub fn from_key(key: &[u8]) -> Result<Self, PathError> {
        Self::parse(str::from_utf8(key).map_err(|_| PathError::NotUtf8)?)
    }

    /// Whether a key of the tree is a path.
    pub(crate) fn check_key(key: &[u8]) -> Result<(), PathError> {
        let (collection, rkey) = segments(str::from_utf8(key).map_err(|_| PathError::NotUtf8)?)?;
        Nsid::check(collection).map_err(PathError::Collection)?;
        RecordKey::check(rkey).map_err(PathError::RecordKey)
    }

    /// The key in the tree: the bytes of the text.
    pub fn to_key(&self) -> Vec<u8> {
        [self.collection.as_str().as_bytes(), b"/", self.rkey.as_str().as_bytes()].concat()
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.collection.as_str().bytes().chain([b'/']).chain(self.rkey.as_str().bytes())
    }
}

fn segments(path: &str) -> Result<(&str, &str), PathError> {
    let (collection, rkey) = path.split_once('/').ok_or(PathError::NotTwoSegments)?;
    if rkey.contains('/') { Err(PathError::NotTwoSegments) } else { Ok((collection, rkey)) }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.rkey)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoPath({self})")
    }
}

impl FromStr for RepoPath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        Self::parse(path)
    }
}

impl Ord for RepoPath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for RepoPath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Why a text is not the path of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The collection is not an NSID.
    #[error("collection: {0}")]
    Collection(#[source] SyntaxError),
    /// There is no slash, or more than one.
    #[error("a path is exactly two segments")]
    NotTwoSegments,
    /// The bytes are not UTF-8.
    #[error("a path is UTF-8")]
    NotUtf8,
    /// The record key is not one.
    #[error("record key: {0}")]
    RecordKey(#[source] SyntaxError),
}
