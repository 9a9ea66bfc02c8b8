use atproto_core::{
    crypto::{PublicKey, Signature, SignatureError},
    data::cbor::{Reader, Writer},
    syntax::{Cid, Did, Tid},
};

use super::{CommitError, Fields};

/// A commit of version 2, as in archives from before 2023-11. Read only: the network no
/// longer admits them, and nothing writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyCommit {
    /// The account.
    pub did: Did,
    /// The root of the tree.
    pub data: Cid,
    /// The revision, which most commits of that time lack.
    pub rev: Option<Tid>,
    /// The commit before.
    pub prev: Option<Cid>,
    /// The signature.
    pub sig: Signature,
    /// What is signed: the block as it came, without the signature.
    message: Vec<u8>,
}

impl LegacyCommit {
    /// The version that is read.
    pub const VERSION: i64 = 2;

    /// Decodes a block of version 2.
    pub fn decode(block: &[u8]) -> Result<Self, CommitError> {
        let fields = Fields::decode(block)?;
        match fields.version {
            Some(Self::VERSION) => {}
            Some(other) => return Err(CommitError::Version(other)),
            None => return Err(CommitError::Missing("version")),
        }
        Ok(Self {
            did: fields.did.ok_or(CommitError::Missing("did"))?,
            data: fields.data.ok_or(CommitError::Missing("data"))?,
            rev: fields.rev,
            prev: fields.prev.flatten(),
            sig: fields.sig.ok_or(CommitError::Missing("sig"))?,
            message: without_signature(block)?,
        })
    }

    /// Checks the signature under the account's key.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        key.verify(&self.message, &self.sig)
    }
}

fn without_signature(block: &[u8]) -> Result<Vec<u8>, CommitError> {
    let mut reader = Reader::new(block);
    let mut map = reader.map()?;
    let mut writer = Writer::with_capacity(block.len());
    writer.map(map.remaining().saturating_sub(1));
    while let Some(key) = map.next_key(&mut reader)? {
        let value = reader.raw()?;
        if key != "sig" {
            writer.text(key).raw(value);
        }
    }
    Ok(writer.into_bytes())
}
