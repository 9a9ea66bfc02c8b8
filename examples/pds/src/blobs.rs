//! The bytes of blobs, on disk.
//!
//! An upload streams into a temporary file while it is measured and hashed, is synced,
//! and only then takes its place under the account's directory, named by its hash. Whether
//! anybody may see it is not decided here: that is the account's database, whose row about
//! the blob commits together with the record that refers to it. A file without a row is
//! rubbish from an interrupted upload and harmless; a row without a file cannot arise,
//! because the file is durable first.

mod sniff;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use atproto_core::syntax::{Cid, Codec};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::shard::Shard;

/// The bytes at the beginning of a blob that are looked at to recognise its type.
const HEAD: usize = 64;

/// Blobs of all accounts below one directory.
#[derive(Debug, Clone)]
pub struct BlobStore {
    root: PathBuf,
    temporary: PathBuf,
}

impl BlobStore {
    /// Opens the store and removes what interrupted uploads left behind.
    pub fn open(root: &Path) -> io::Result<Self> {
        let temporary = root.join("temporary");
        if temporary.exists() {
            fs::remove_dir_all(&temporary)?;
        }
        fs::create_dir_all(&temporary)?;
        Ok(Self { root: root.to_owned(), temporary })
    }

    /// Takes an upload in, at most `limit` bytes. When the client said how long the body
    /// is, it must be exactly that long.
    ///
    /// Dropping the future removes what has arrived so far.
    pub async fn receive<E: std::fmt::Display>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
        declared: Option<u64>,
        limit: u64,
    ) -> Result<Upload, UploadError> {
        if declared.is_some_and(|length| length > limit) {
            return Err(UploadError::TooLarge { limit });
        }
        let path = Temporary(self.temporary.join(random_name()?));
        let mut file = tokio::fs::File::create_new(&path.0).await?;
        let mut measure = Measure::default();
        let mut body = std::pin::pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| UploadError::Interrupted(error.to_string()))?;
            measure.update(&chunk);
            if measure.size > limit {
                return Err(UploadError::TooLarge { limit });
            }
            file.write_all(&chunk).await?;
        }
        if let Some(declared) = declared.filter(|length| *length != measure.size) {
            return Err(UploadError::Length { declared, received: measure.size });
        }
        if measure.size == 0 {
            return Err(UploadError::Empty);
        }
        file.sync_all().await?;
        let mime = sniff::media_type(&measure.head);
        let cid = Cid::from_digest(Codec::Raw, measure.hash.finalize().into());
        Ok(Upload { path, cid, size: measure.size, mime })
    }

    /// Gives an upload its place in the account's directory. Blocking.
    pub fn keep(&self, shard: &Shard, upload: &Upload) -> io::Result<()> {
        let path = self.path(shard, &upload.cid);
        let directory = shard.directory(&self.root);
        fs::create_dir_all(&directory)?;
        fs::rename(&upload.path.0, path)?;
        // The rename itself must survive a power cut, and so must a new directory.
        File::open(&directory)?.sync_all()?;
        if let Some(parent) = directory.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    }

    /// Removes a blob; one that is not there is fine. Blocking.
    pub fn remove(&self, shard: &Shard, cid: &Cid) -> io::Result<()> {
        ignore_missing(fs::remove_file(self.path(shard, cid)))
    }

    /// Removes all blobs of an account. Blocking.
    pub fn remove_account(&self, shard: &Shard) -> io::Result<()> {
        ignore_missing(fs::remove_dir_all(shard.directory(&self.root)))
    }

    /// Opens a blob for reading.
    pub async fn read(&self, shard: &Shard, cid: &Cid) -> io::Result<tokio::fs::File> {
        tokio::fs::File::open(self.path(shard, cid)).await
    }

    fn path(&self, shard: &Shard, cid: &Cid) -> PathBuf {
        shard.directory(&self.root).join(HEXLOWER.encode(cid.digest()))
    }
}

/// An upload that has arrived whole and is on the disk, without a place yet. Dropping it
/// removes the file.
#[derive(Debug)]
pub struct Upload {
    path: Temporary,
    /// Its identifier, computed from what arrived.
    pub cid: Cid,
    /// Its size in bytes.
    pub size: u64,
    /// The media type by its first bytes, where they are known ones.
    pub mime: Option<&'static str>,
}

/// An upload that was not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// There was no body. A reference to a blob of no bytes cannot be written.
    #[error("a blob must not be empty")]
    Empty,
    /// The connection failed before the end of the body.
    #[error("the upload was interrupted: {0}")]
    Interrupted(String),
    /// The disk refused.
    #[error("blob store: {0}")]
    Io(#[from] io::Error),
    /// The body is not as long as its Content-Length says.
    #[error("Content-Length says {declared} bytes, {received} arrived")]
    Length {
        /// What the client announced.
        declared: u64,
        /// What it sent.
        received: u64,
    },
    /// The body exceeds what this server accepts.
    #[error("blobs are limited to {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

/// A file that goes away unless it was moved.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Already renamed in the good case; else startup removes what stays.
        let _ = fs::remove_file(&self.0);
    }
}

#[derive(Default)]
struct Measure {
    hash: Sha256,
    size: u64,
    head: Vec<u8>,
}

impl Measure {
    fn update(&mut self, chunk: &[u8]) {
        self.hash.update(chunk);
        self.size += chunk.len() as u64;
        let missing = HEAD - self.head.len();
        self.head.extend_from_slice(&chunk[..missing.min(chunk.len())]);
    }
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(HEXLOWER.encode(&bytes))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use atproto_core::syntax::{Cid, Did};
    use bytes::Bytes;
    use futures::{Stream, stream};
    use tokio::io::AsyncReadExt;

    use super::{BlobStore, UploadError};
    use crate::shard::Shard;

    type Chunk = Result<Bytes, std::convert::Infallible>;

    fn body(parts: &[&'static [u8]]) -> impl Stream<Item = Chunk> + Send + use<> {
        let chunks: Vec<_> = parts.iter().map(|part| Ok(Bytes::from_static(part))).collect();
        stream::iter(chunks)
    }

    #[tokio::test]
    async fn an_upload_is_measured_hashed_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = BlobStore::open(dir.path()).unwrap();
        let shard = Shard::of(&Did::new("did:web:example.com").unwrap());
        let upload =
            store.receive(body(&[b"\x89PNG\r\n", b"\x1a\nrest"]), Some(12), 12).await.unwrap();
        let cid = upload.cid;
        assert_eq!((cid, upload.size), (Cid::raw(b"\x89PNG\r\n\x1a\nrest"), 12));
        assert_eq!(upload.mime, Some("image/png"));
        store.keep(&shard, &upload).unwrap();
        let mut bytes = Vec::new();
        store.read(&shard, &cid).await.unwrap().read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"\x89PNG\r\n\x1a\nrest");
        store.remove(&shard, &cid).unwrap();
        store.remove(&shard, &cid).unwrap();
        assert!(store.read(&shard, &cid).await.is_err());
    }

    #[tokio::test]
    async fn refused_uploads_leave_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let store = BlobStore::open(dir.path()).unwrap();
        let too_large = store.receive(body(&[b"12", b"34"]), None, 3).await;
        assert!(matches!(too_large, Err(UploadError::TooLarge { limit: 3 })));
        let announced = store.receive(body(&[b"12"]), Some(9), 3).await;
        assert!(matches!(announced, Err(UploadError::TooLarge { limit: 3 })));
        let short = store.receive(body(&[b"12"]), Some(3), 3).await;
        assert!(matches!(short, Err(UploadError::Length { declared: 3, received: 2 })));
        assert_eq!(std::fs::read_dir(dir.path().join("temporary")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn dm_025_an_empty_blob_has_no_reference_and_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = BlobStore::open(dir.path()).unwrap();
        let empty = store.receive(body(&[]), Some(0), 3).await;
        assert!(matches!(empty, Err(UploadError::Empty)));
    }
}
