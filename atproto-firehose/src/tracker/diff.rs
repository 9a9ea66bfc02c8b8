//! What a repository holds, against what was told of it before.

use std::collections::VecDeque;
use std::sync::Arc;

use atproto_core::syntax::{Cid, Did};
use atproto_repo::RepoPath;
use atproto_repo::repo::Record;
use bytes::Bytes;

use super::KnownRecords;
use crate::checkpoint::Known;
use crate::event::Change;
use crate::filter::Filter;
use crate::state::StoreError;

/// Compares the records of a repository, as they come in the order of their paths, with those
/// that are known. It holds a page of these, and no more.
pub(super) struct Diff {
    did: Did,
    filter: Filter,
    known: Pages,
    /// Known records that are no longer of interest.
    forgotten: Vec<Known>,
}

/// The known records, page by page.
struct Pages {
    records: Arc<dyn KnownRecords>,
    page: VecDeque<(RepoPath, Cid)>,
    after: Option<RepoPath>,
    ended: bool,
}

impl Diff {
    /// Against what is known, or against nothing.
    pub(super) fn new(
        did: Did,
        filter: Filter,
        records: Arc<dyn KnownRecords>,
        everything: bool,
    ) -> Self {
        let known = Pages { records, page: VecDeque::new(), after: None, ended: everything };
        Self { did, filter, known, forgotten: Vec::new() }
    }

    /// Adds what was known before the next record, or behind the last, and is gone. False if there
    /// may be more: [`MAX_PART`] changes are enough for once.
    pub(super) async fn pass(
        &mut self,
        next: Option<&RepoPath>,
        changes: &mut Vec<Change>,
    ) -> Result<bool, StoreError> {
        loop {
            let is_gone = |(path, _): &(RepoPath, Cid)| next.is_none_or(|next| path < next);
            if !self.known.peek(&self.did).await?.is_some_and(is_gone) {
                return Ok(true);
            }
            if changes.len() >= MAX_PART {
                return Ok(false);
            }
            self.gone(changes);
        }
    }

    /// Adds what the next record says, once everything before it is [passed](Self::pass).
    pub(super) async fn next(
        &mut self,
        record: Record,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let Record { path, cid, bytes, .. } = record;
        // A record keeps no archive in memory.
        let bytes = || Bytes::copy_from_slice(&bytes);
        match self.known.peek(&self.did).await? {
            Some((known, before)) if *known == path => {
                if *before != cid {
                    changes.push(Change::update(path, cid, bytes()));
                }
                self.known.page.pop_front();
            }
            _ => changes.push(Change::create(path, cid, bytes())),
        }
        Ok(())
    }

    /// Whether records of a collection are of interest.
    pub(super) fn wants(&self, record: &Record) -> bool {
        self.filter.wants_collection(&record.path.collection)
    }

    /// What is to be forgotten without a word.
    pub(super) fn forgotten(self) -> Vec<Known> {
        self.forgotten
    }

    fn gone(&mut self, changes: &mut Vec<Change>) {
        let Some((path, _)) = self.known.page.pop_front() else { return };
        if self.filter.wants_collection(&path.collection) {
            changes.push(Change::delete(path));
        } else {
            self.forgotten.push(Known::Record { did: self.did.clone(), path, cid: None });
        }
    }
}

impl Pages {
    async fn peek(&mut self, did: &Did) -> Result<Option<&(RepoPath, Cid)>, StoreError> {
        if self.page.is_empty() && !self.ended {
            let page = self.records.known(did, self.after.as_ref(), PAGE).await?;
            self.ended = page.len() < PAGE;
            self.after = page.last().map(|(path, _)| path.clone());
            self.page = page.into();
        }
        Ok(self.page.front())
    }
}

/// Changes that are delivered together, at most.
pub(super) const MAX_PART: usize = 500;

/// Known records that are read at once. Ours: some 100 KB.
const PAGE: usize = 1_000;
