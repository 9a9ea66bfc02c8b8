//! Where an account's files are.

use std::path::{Path, PathBuf};

use atproto_core::syntax::Did;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The place of one account's files below a root directory.
///
/// It is made from the hash of the DID, so that nothing a user chose ever becomes part of
/// a path, and spread over 256 directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard(String);

impl Shard {
    /// The place that belongs to a DID.
    pub fn of(did: &Did) -> Self {
        Self(HEXLOWER.encode(&Sha256::digest(did.as_str().as_bytes())))
    }

    /// The account's directory below `root`.
    pub fn directory(&self, root: &Path) -> PathBuf {
        root.join(&self.0[..2]).join(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use atproto_core::syntax::Did;

    use super::Shard;

    #[test]
    fn hostile_dids_stay_below_the_root() {
        let root = Path::new("/data/actors");
        for did in
            ["did:web:..%2f..%2fetc", "did:web:example.com", "did:plc:ewvi7nxzyoun6zhxrhs64oiz"]
        {
            let path = Shard::of(&Did::new(did).unwrap()).directory(root);
            assert_eq!(path.parent().unwrap().parent().unwrap(), root);
            assert_eq!(path.file_name().unwrap().len(), 64);
        }
    }
}
