//! A network of one account: its directory and its PDS on loopback, and DNS in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use atproto_core::{
    crypto::{Curve, SecretKey},
    data::{Value, cbor, json},
    identity::{DidDocument, HttpResolver, HttpResolverConfig, ResolveError, TxtLookup},
    syntax::{Cid, Did, Nsid, RecordKey, Tid},
};
use atproto_lexgen::resolve::LexiconResolver;
use atproto_repo::{
    BlockMap, RepoPath,
    repo::{self, Head, Write},
};
use futures::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(crate) const DID: &str = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const COLLECTION: &str = "com.atproto.lexicon.schema";

/// Shared by its clones; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

type Tamper = dyn Fn(Vec<u8>) -> (u16, Vec<u8>) + Send;

struct State {
    /// The key that the account's document names.
    key: SecretKey,
    /// The key that signs.
    signer: SecretKey,
    blocks: BlockMap,
    head: Head,
    commits: u64,
    txt: HashMap<String, Vec<String>>,
    host: Option<String>,
    /// What the PDS makes of its honest answers.
    tamper: Box<Tamper>,
    requests: Vec<String>,
}

impl Network {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let key = key(1);
        let first = repo::create(&did(), &key, rev(0)).unwrap();
        let state = State {
            signer: key.clone(),
            key,
            blocks: first.new_blocks,
            head: first.head,
            commits: 0,
            txt: HashMap::new(),
            host: Some(url.clone()),
            tamper: Box::new(|archive| (200, archive)),
            requests: Vec::new(),
        };
        let network = Self { url, state: Arc::new(Mutex::new(state)) };
        let server = network.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        network
    }

    /// A resolver whose DNS, directory and hosts are all of this network.
    pub(crate) fn resolver(&self) -> LexiconResolver {
        let config = HttpResolverConfig::default()
            .plc_url(&self.url)
            .allow_loopback(true)
            .txt(Arc::new(self.clone()));
        LexiconResolver::new(HttpResolver::new(config).unwrap())
    }

    /// Says in DNS who publishes the lexicons of a domain.
    pub(crate) fn set_txt(&self, domain: &str, records: &[&str]) {
        let records = records.iter().map(|record| (*record).to_owned()).collect();
        self.state().txt.insert(format!("_lexicon.{domain}"), records);
    }

    /// Publishes a lexicon under its name.
    pub(crate) fn publish(&self, text: &str) -> Cid {
        let mut record = json::decode_map(text).unwrap();
        record.insert("$type", COLLECTION);
        let id = record.get("id").and_then(Value::as_str).unwrap().to_owned();
        self.put(&id, &Value::Map(record))
    }

    /// Writes any record of the collection.
    pub(crate) fn put(&self, rkey: &str, record: &Value) -> Cid {
        let mut state = self.state();
        let State { blocks, head, signer, commits, .. } = &mut *state;
        *commits += 1;
        let path = path(rkey);
        let bytes = cbor::encode(record);
        let cid = Cid::dag_cbor(&bytes);
        let RepoPath { collection, rkey } = path.clone();
        let record = bytes.into();
        let write = match repo::Repo::open(blocks.clone(), did(), *head).get(&path).unwrap() {
            Some(_) => Write::Update { collection, rkey, record },
            None => Write::Create { collection, rkey, record },
        };
        let applied = repo::apply(blocks, head, &did(), vec![write], rev(*commits), signer);
        let applied = applied.unwrap();
        *head = applied.head;
        blocks.extend(applied.new_blocks);
        cid
    }

    /// The proof of a record, or of its absence.
    pub(crate) fn proof(&self, rkey: &str) -> Vec<u8> {
        let state = self.state();
        repo::record_proof(&state.blocks, &state.head, &path(rkey)).unwrap()
    }

    /// Lets the PDS answer something else than it should.
    pub(crate) fn tamper(&self, tamper: impl Fn(Vec<u8>) -> (u16, Vec<u8>) + Send + 'static) {
        self.state().tamper = Box::new(tamper);
    }

    /// Signs with another key from the next commit on.
    pub(crate) fn sign_with(&self, seed: u8) {
        self.state().signer = key(seed);
    }

    /// Names another key in the account's document.
    pub(crate) fn name_key(&self, seed: u8) {
        self.state().key = key(seed);
    }

    pub(crate) fn set_host(&self, host: Option<&str>) {
        self.state().host = host.map(str::to_owned);
    }

    /// The paths that were asked for, and forgets them.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    pub(crate) fn document(&self) -> DidDocument {
        self.document_of(did())
    }

    /// The document of another account that has the same key and host.
    pub(crate) fn document_of(&self, did: Did) -> DidDocument {
        let state = self.state();
        let document = DidDocument::new(did).with_key("atproto", &state.key.public_key());
        match &state.host {
            Some(host) => document.with_service("atproto_pds", "AtprotoPersonalDataServer", host),
            None => document,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
        }
        let head = String::from_utf8_lossy(&bytes).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (status, body) = self.answer(path);
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _gone = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    }

    fn answer(&self, path: &str) -> (u16, Vec<u8>) {
        self.state().requests.push(path.to_owned());
        if path == format!("/{DID}") {
            return (200, serde_json::to_vec(&self.document()).unwrap());
        }
        let asked = path.strip_prefix("/xrpc/com.atproto.sync.getRecord?").and_then(|query| {
            let pairs: HashMap<_, _> =
                query.split('&').filter_map(|pair| pair.split_once('=')).collect();
            assert_eq!(pairs["collection"], COLLECTION);
            pairs.get("rkey").copied()
        });
        match asked {
            Some(rkey) => {
                let proof = self.proof(rkey);
                (self.state().tamper)(proof)
            }
            None => (404, b"{}".to_vec()),
        }
    }
}

impl TxtLookup for Network {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, ResolveError>> {
        self.state().requests.push(format!("TXT {name}"));
        let found = self.state().txt.get(name).cloned();
        let answer = found.ok_or_else(|| ResolveError::NotFound(name.to_owned()));
        Box::pin(std::future::ready(answer))
    }
}

pub(crate) fn did() -> Did {
    Did::new(DID).unwrap()
}

fn path(rkey: &str) -> RepoPath {
    RepoPath::new(Nsid::new(COLLECTION).unwrap(), RecordKey::new(rkey).unwrap())
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(Curve::K256, &[seed; 32]).unwrap()
}

fn rev(commits: u64) -> Tid {
    Tid::from_parts(1_767_225_600_000_000 + commits, 0)
}
