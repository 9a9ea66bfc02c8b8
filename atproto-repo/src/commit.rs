//! Commits: the signed statement that a tree is an account's repository.
//!
//! ```
//! use atproto_core::{crypto::{Curve, SecretKey, Signer}, syntax::{Did, Tid}};
//! use atproto_repo::{commit::{Commit, UnsignedCommit}, mst::Tree};
//!
//! let key = SecretKey::generate(Curve::K256);
//! let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?;
//! let commit = UnsignedCommit::new(did, Tree::empty_root(), Tid::now()).sign(&key)?;
//!
//! let received = Commit::decode(&commit.encode())?;
//! received.verify(&key.public_key())?;
//! assert_eq!(received.cid(), commit.cid());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! See the [specification](https://atproto.com/specs/repository#commit-objects).

mod error;
mod legacy;

pub use error::CommitError;
pub use legacy::LegacyCommit;

use atproto_core::{
    crypto::{PublicKey, SignError, Signature, SignatureError, Signer},
    data::cbor::{Reader, Writer},
    syntax::{Cid, Codec, Did, Tid},
};

/// The version of the repository format that is written.
pub const VERSION: i64 = 3;

/// A commit before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsignedCommit {
    /// The account.
    pub did: Did,
    /// The version of the format, [`VERSION`].
    pub version: i64,
    /// The root of the tree.
    pub data: Cid,
    /// The revision: greater than that of every commit before.
    pub rev: Tid,
    /// The commit before, which old repositories named. Normally `None`.
    pub prev: Option<Cid>,
}

/// A signed commit.
///
/// The form is closed: a commit has these six fields and one encoding, so that decoding
/// and encoding give the same bytes and the signature covers all there is. A block with
/// another field is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The account.
    pub did: Did,
    /// The root of the tree.
    pub data: Cid,
    /// The revision.
    pub rev: Tid,
    /// The commit before, which old repositories named. Normally `None`.
    pub prev: Option<Cid>,
    /// The signature, over the encoding without this field.
    pub sig: Signature,
}

impl UnsignedCommit {
    /// A commit of the current version without a predecessor.
    pub fn new(did: Did, data: Cid, rev: Tid) -> Self {
        Self { did, version: VERSION, data, rev, prev: None }
    }

    /// Signs the commit.
    pub fn sign(self, signer: &(impl Signer + ?Sized)) -> Result<Commit, SignError> {
        let sig = signer.sign(&self.signing_input())?;
        Ok(self.signed(sig))
    }

    /// What the signature covers: the block without `sig`. For keys that are not in this
    /// process and must not be waited for on a thread.
    pub fn signing_input(&self) -> Vec<u8> {
        encode(&self.did, &self.data, self.rev, self.prev.as_ref(), None)
    }

    /// Adds a signature that was made elsewhere, after lowering its `s` where it is high,
    /// and verifying it under the key that was to make it.
    pub fn with_signature(
        self,
        key: &PublicKey,
        signature: &Signature,
    ) -> Result<Commit, SignatureError> {
        let sig = key.verify_lowered(&self.signing_input(), signature)?;
        Ok(self.signed(sig))
    }

    fn signed(self, sig: Signature) -> Commit {
        let Self { did, data, rev, prev, .. } = self;
        Commit { did, data, rev, prev, sig }
    }
}

impl Commit {
    /// Decodes a block of version 3. The signature is not checked: see
    /// [`verify`](Self::verify).
    pub fn decode(block: &[u8]) -> Result<Self, CommitError> {
        let fields = Fields::decode(block)?;
        match fields.version {
            Some(VERSION) => {}
            Some(other) => return Err(CommitError::Version(other)),
            None => return Err(CommitError::Missing("version")),
        }
        Ok(Self {
            did: fields.did.ok_or(CommitError::Missing("did"))?,
            data: fields.data.ok_or(CommitError::Missing("data"))?,
            rev: fields.rev.ok_or(CommitError::Missing("rev"))?,
            prev: fields.prev.ok_or(CommitError::Missing("prev"))?,
            sig: fields.sig.ok_or(CommitError::Missing("sig"))?,
        })
    }

    /// The block.
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.did, &self.data, self.rev, self.prev.as_ref(), Some(&self.sig))
    }

    /// The CID of the block: hashes it.
    pub fn cid(&self) -> Cid {
        Cid::dag_cbor(&self.encode())
    }

    /// Checks the signature under the account's key.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        let message = encode(&self.did, &self.data, self.rev, self.prev.as_ref(), None);
        key.verify(&message, &self.sig)
    }

    /// The commit without its signature, to be signed again.
    pub fn into_unsigned(self) -> UnsignedCommit {
        let Self { did, data, rev, prev, .. } = self;
        UnsignedCommit { did, version: VERSION, data, rev, prev }
    }
}

/// The fields of any version, as far as they are there.
#[derive(Default)]
struct Fields {
    did: Option<Did>,
    rev: Option<Tid>,
    sig: Option<Signature>,
    data: Option<Cid>,
    prev: Option<Option<Cid>>,
    version: Option<i64>,
}

impl Fields {
    fn decode(block: &[u8]) -> Result<Self, CommitError> {
        let mut fields = Self::default();
        let mut reader = Reader::new(block);
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(&mut reader)? {
            match key {
                "did" => fields.did = Some(Did::new(reader.text()?).map_err(CommitError::Did)?),
                "rev" => fields.rev = Some(Tid::new(reader.text()?).map_err(CommitError::Rev)?),
                "sig" => fields.sig = Some(signature(reader.bytes()?)?),
                "data" => fields.data = Some(dag_cbor(reader.link()?)?),
                "prev" => fields.prev = Some(reader.nullable_link()?.map(dag_cbor).transpose()?),
                "version" => fields.version = Some(reader.int()?),
                _ => return Err(CommitError::UnknownField),
            }
        }
        reader.finish()?;
        Ok(fields)
    }
}

fn signature(bytes: &[u8]) -> Result<Signature, CommitError> {
    Signature::from_bytes(bytes).map_err(CommitError::Signature)
}

fn dag_cbor(cid: Cid) -> Result<Cid, CommitError> {
    if cid.codec() == Codec::DagCbor { Ok(cid) } else { Err(CommitError::LinkCodec) }
}

/// The fields in canonical order; without a signature, what is signed.
fn encode(did: &Did, data: &Cid, rev: Tid, prev: Option<&Cid>, sig: Option<&Signature>) -> Vec<u8> {
    let mut writer = Writer::with_capacity(256);
    writer.map(if sig.is_some() { 6 } else { 5 });
    writer.text("did").text(did.as_str()).text("rev").text(&rev.to_string());
    if let Some(sig) = sig {
        writer.text("sig").bytes(sig.as_bytes());
    }
    writer.text("data").link(data).text("prev").nullable_link(prev);
    writer.text("version").int(VERSION);
    writer.into_bytes()
}
