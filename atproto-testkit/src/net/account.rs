use std::collections::BTreeMap;

use atproto_core::{
    data::cbor,
    identity::DidDocument,
    syntax::{Cid, Datetime, Did, RecordKey, Tid},
};
use atproto_lexicons::{
    app::bsky::feed::{Like, Post},
    com::atproto::repo::StrongRef,
};
use atproto_repo::{
    RepoPath,
    event::{Event, RepoOp},
    repo::Write,
};

use crate::{
    author::{Author, BEGINNING, TIME},
    random::Random,
};

/// An account of the network, and what it really holds.
pub(super) struct Account {
    pub(super) author: Author,
    /// By path.
    pub(super) records: BTreeMap<String, Cid>,
    paths: Vec<RepoPath>,
    /// Why it is not active.
    pub(super) status: Option<&'static str>,
    /// Counts the keys.
    pub(super) generation: u64,
    /// The number of its host.
    pub(super) host: u64,
    made: u64,
}

/// The status of an account that will not come back.
const DELETED: &str = "deleted";
/// How many hosts there are.
const HOSTS: u64 = 4;

impl Account {
    pub(super) fn new(place: usize) -> Self {
        let seed = place as u64 + 1;
        let author = Author::new(&format!("account{seed}.test"), seed);
        Self {
            author,
            records: BTreeMap::new(),
            paths: Vec::new(),
            status: None,
            generation: 0,
            host: seed % HOSTS,
            made: 0,
        }
    }

    pub(super) fn did(&self) -> &Did {
        self.author.did()
    }

    pub(super) fn document(&self) -> DidDocument {
        self.author.document(&format!("https://pds{}.test", self.host))
    }

    pub(super) fn is_active(&self) -> bool {
        self.status.is_none()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.status == Some(DELETED)
    }

    pub(super) fn delete(&mut self) -> Event {
        self.status = Some(DELETED);
        self.records.clear();
        self.author.account(self.status)
    }

    /// A new key, and a new host if it `moves`.
    pub(super) fn rotate_key(&mut self, moves: bool) {
        self.generation += 1;
        self.author.rotate_key(self.generation);
        self.host += u64::from(moves);
    }

    /// One commit: mostly a new record; sometimes a change, a deletion, or several at once.
    pub(super) fn commit(&mut self, random: &mut Random, micros: u64) -> Event {
        let writes = match random.below(20) {
            0..3 if !self.paths.is_empty() => vec![self.update(random)],
            3..5 if !self.paths.is_empty() => vec![self.delete_record(random)],
            5 => (0..2 + random.below(4)).map(|_| self.create(random)).collect(),
            _ => vec![self.create(random)],
        };
        self.write(writes, micros)
    }

    /// A commit of that many new records.
    pub(super) fn commit_of(&mut self, count: u64, random: &mut Random, micros: u64) -> Event {
        let writes = (0..count).map(|_| self.create(random)).collect();
        self.write(writes, micros)
    }

    /// One commit of these writes.
    pub(super) fn write(&mut self, writes: Vec<Write>, micros: u64) -> Event {
        self.author.set_time(micros);
        let event = self.author.write(writes);
        if let Event::Commit(commit) = &event {
            for RepoOp { path, cid, .. } in &commit.ops {
                self.hold(path, *cid);
            }
        }
        event
    }

    fn hold(&mut self, path: &RepoPath, cid: Option<Cid>) {
        match cid {
            Some(cid) => {
                if self.records.insert(path.to_string(), cid).is_none() {
                    self.paths.push(path.clone());
                }
            }
            None => {
                self.records.remove(&path.to_string());
                self.paths.retain(|held| held != path);
            }
        }
    }

    /// New records are made under other keys than those that are still to come.
    pub(super) fn leave_out_keys(&mut self) {
        self.made += 1 << 40;
    }

    fn create(&mut self, random: &mut Random) -> Write {
        self.made += 1;
        let rkey = RecordKey::from(Tid::from_parts(BEGINNING + self.made, 0));
        if random.one_in(4) {
            let subject = StrongRef::new(
                format!("at://{}/app.bsky.feed.post/{rkey}", self.did())
                    .parse()
                    .expect("an at:// URI"),
                Cid::raw(&random.number().to_le_bytes()),
            );
            Write::create_at(rkey, &Like::new(subject, now()))
        } else {
            Write::create_at(rkey, &post(random))
        }
        .expect("generated types encode")
    }

    /// A like may become a post in its place: what is in a collection is up to the author.
    fn update(&self, random: &mut Random) -> Write {
        let RepoPath { collection, rkey } = self.paths[random.index(self.paths.len())].clone();
        let record = cbor::to_vec(&post(random)).expect("generated types encode").into();
        Write::Update { collection, rkey, record }
    }

    fn delete_record(&self, random: &mut Random) -> Write {
        Write::delete(self.paths[random.index(self.paths.len())].clone())
    }
}

fn post(random: &mut Random) -> Post {
    let words = 2 + random.index(40);
    Post::new(format!("{:x}", random.number()).repeat(words), now())
}

fn now() -> Datetime {
    Datetime::new(TIME).expect("a valid time")
}
