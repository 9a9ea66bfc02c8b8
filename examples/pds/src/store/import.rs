//! A repository that moves in from another host.

use atproto_core::{crypto::Signer, data::cbor, syntax::Tid};
use atproto_repo::{
    commit::{Commit, UnsignedCommit},
    repo::{Head, Record, VerifiedRepo},
};

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
        repo: &VerifiedRepo,
        signer: &dyn Signer,
        now_micros: u64,
    ) -> Result<Committed, CommitError> {
        let here = self.head()?.map(|head| head.rev);
        let rev = next_rev(now_micros, here.max(Some(repo.head.rev)));
        let unsigned = UnsignedCommit::new(self.did().clone(), repo.head.data, rev);
        let commit = unsigned.sign(signer).map_err(atproto_repo::repo::ApplyError::from)?;
        self.clear()?;
        self.fill(repo, rev)?;
        let head = self.set_commit(&commit)?;
        self.settle_blobs()?;
        if self.announced()?.is_some_and(|last| last.status == Status::Active) {
            self.post(&events::sync(&commit))?;
        }
        Ok(Committed { cid: head.commit, rev })
    }

    fn clear(&self) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM blob_reference; DELETE FROM record; DELETE FROM block;";
        Ok(self.connection().execute_batch(sql)?)
    }

    fn fill(&mut self, repo: &VerifiedRepo, rev: Tid) -> Result<(), DatabaseError> {
        let text = rev.to_string();
        for (cid, block) in repo.reachable().iter().filter(|(cid, _)| **cid != repo.head.commit) {
            self.add_block(cid, block, &text)?;
        }
        for Record { path, cid, bytes } in repo.records() {
            self.set_record(&path.collection, &path.rkey, &cid, &text)?;
            // A record that is no longer valid was once, somewhere: it is kept as it is.
            let blobs = cbor::decode(&bytes).map(|value| value.blobs()).unwrap_or_default();
            self.set_blob_references(&path.collection, &path.rkey, &blobs, rev)?;
        }
        Ok(())
    }

    fn set_commit(&mut self, commit: &Commit) -> Result<Head, DatabaseError> {
        let head = Head { commit: commit.cid(), rev: commit.rev, data: commit.data };
        self.add_block(&head.commit, &commit.encode(), &commit.rev.to_string())?;
        self.set_head(&head)?;
        Ok(head)
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
