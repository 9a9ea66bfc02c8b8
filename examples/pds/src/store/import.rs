//! A repository that moves in from another host.

use atproto_core::{
    crypto::Signer,
    data::{BlobRef, cbor},
    syntax::Cid,
};
use atproto_repo::repo::{self, VerifiedRepo};

use super::{
    Edit,
    commit::{CommitError, Committed, next_rev},
    events,
};
use crate::{accounts::Status, database::DatabaseError};

impl Edit<'_> {
    /// Takes over a repository in place of what is here. Its tree is kept as it is; the
    /// commit is made anew, because this server signs with a key of its own, and comes
    /// after both the imported one and the one that was here.
    ///
    /// Doing it twice is the same as doing it once. Blobs may come before or after: records
    /// refer to them either way.
    pub fn import(
        &mut self,
        archive: &VerifiedRepo,
        signer: &dyn Signer,
        now_micros: u64,
    ) -> Result<Committed, CommitError> {
        let head = self.head()?;
        let rev = next_rev(now_micros, head.map(|head| head.rev).max(Some(archive.head.rev)));
        let blocks = self.view();
        let imported = repo::import(&blocks, head.as_ref(), self.did(), archive, rev, signer)?;
        self.save_import(&imported)?;
        for op in &imported.ops {
            let blobs = op.cid.map(|cid| blobs_of(archive, &cid)).unwrap_or_default();
            self.set_blob_references(&op.path.collection, &op.path.rkey, &blobs, rev)?;
        }
        self.settle_blobs()?;
        if self.announced()?.is_some_and(|last| last.status == Status::Active) {
            self.post(&events::sync(&imported.commit))?;
        }
        Ok(Committed { cid: imported.head.commit, rev })
    }

    /// Blobs that no record refers to any more are as if they had just been uploaded.
    fn settle_blobs(&self) -> Result<(), DatabaseError> {
        self.connection().execute(
            "UPDATE blob SET kept = 0, rev = NULL
             WHERE cid NOT IN (SELECT cid FROM blob_reference)",
            [],
        )?;
        Ok(())
    }
}

/// What a record refers to. One that is no longer valid was once, somewhere: it is kept as it
/// is, and refers to nothing.
fn blobs_of(archive: &VerifiedRepo, record: &Cid) -> Vec<BlobRef> {
    let record = archive.blocks().get(record).and_then(|bytes| cbor::decode(bytes).ok());
    record.map(|value| value.blobs()).unwrap_or_default()
}
