//! Writes the seeds: small valid inputs, and some with one fault. The same ones each time.
//!
//! `cargo run --example seeds` in `fuzz`.

use std::{fs, path::Path};

use atproto_core::{
    crypto::{Curve, SecretKey, Signer as _},
    data::{Value, cbor, json},
    frame,
    identity::{
        DidDocument,
        plc::{AuditEntry, Operation, did_of_genesis},
    },
    syntax::{Cid, Datetime, Did, Handle, Nsid, RecordKey, Tid},
};
use atproto_firehose::log::{Entry, LogConfig, SegmentLog};
use atproto_repo::{
    BlockMap, car,
    event::{AccountEvent, Event, IdentityEvent, InfoEvent, SyncEvent},
    repo::{self, AppliedCommit, Write},
};
use atproto_xrpc::{
    auth::{jwt, service},
    oauth::{DpopRequest, Jwk},
};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use url::Url;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const TIME: &str = "2025-01-01T00:00:00.000Z";

fn main() -> Result {
    let key = SecretKey::from_bytes(Curve::K256, &[7; 32])?;
    let did = Did::new("did:web:alice.example.com")?;
    data()?;
    identifiers()?;
    keys()?;
    choices()?;
    identity(&key)?;
    lexicon()?;
    tokens(&key, &did)?;
    queries()?;
    repository(&key, &did)?;
    log()
}

fn data() -> Result {
    let text = r#"{"$type":"com.example.record","text":"hello ü","n":-7,"big":9007199254740991,
        "list":[null,true,false,{}],"bytes":{"$bytes":"AAEC"},
        "link":{"$link":"bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"},
        "blob":{"$type":"blob","mimeType":"image/png","size":5,
            "ref":{"$link":"bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy"}}}"#;
    let value = json::decode(text)?;
    seed("json", "record", text)?;
    seed("json", "duplicate", r#"{"a":1,"a":2}"#)?;
    seed("json", "float", r#"{"a":1.5,"b":1e3}"#)?;
    seed("json", "deep", "[".repeat(40) + &"]".repeat(40))?;
    seed("cbor", "record", cbor::encode(&value))?;
    for (name, bytes) in [
        ("order", &b"\xa2\x61b\x01\x61a\x02"[..]),
        ("duplicate", b"\xa2\x61a\x01\x61a\x02"),
        ("long-head", b"\x18\x01"),
        ("float", b"\xfb\x3f\xf8\0\0\0\0\0\0"),
        ("indefinite", b"\x9f\x01\xff"),
        ("huge", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        seed("cbor", name, bytes)?;
    }
    seed("cbor", "deep", [0x81; 120])?;
    let body = cbor::encode(&value);
    seed("frame", "message", frame::encode_message("#commit", &body))?;
    seed("frame", "error", frame::encode_error("FutureCursor", Some("ahead of us")))?;
    seed("validation", "bytes", &body)?;
    let record = r#"{"$type":"com.example.all","text":"hi","kind":"a","none":null,"flag":true,
        "count":3,"level":2,"bytes":{"$bytes":"AAEC"},"list":[{"next":{"next":{}}}],
        "open":{"$type":"com.example.all#leaf","value":1},"any":{},"did":"did:web:a.example",
        "closed":{"$type":"com.example.all#node","list":[{"$type":"com.example.all#node"}]},
        "handle":"a.example.com","at":"a.example.com","nsid":"com.example.all","lang":"en",
        "uri":"at://did:web:a.example/com.example.all/self","web":"https://a.example",
        "time":"2025-01-01T00:00:00Z","tid":"3jqfcqzm3fo2j","rkey":"self",
        "blob":{"$type":"blob","mimeType":"image/png","size":5,
            "ref":{"$link":"bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy"}}}"#;
    seed("validation", "json", record)?;
    let document = r##"{"lexicon":1,"id":"com.example.pair","defs":{"main":{"type":"record",
        "key":"any","record":{"type":"object","properties":{"a":{"type":"ref","ref":"#a"}}}},
        "a":{"type":"object","properties":{"b":{"type":"union","refs":["#a","com.example.it"]},
        "list":{"type":"array","items":{"type":"ref","ref":"#a"}}}}}}"##;
    let other = r#"{"lexicon":1,"id":"com.example.it","defs":{"main":{"type":"query",
        "parameters":{"type":"params","required":["n"],"properties":{"n":{"type":"integer"}}},
        "output":{"encoding":"application/json","schema":{"type":"ref","ref":"com.example.pair"}}}}}"#;
    let pair =
        r#"{"$type":"com.example.pair","a":{"b":{"$type":"com.example.pair#a","list":[{}]}}}"#;
    seed("validation", "documents", [document, other, pair].join("\n---\n"))?;
    for number in 0..4u8 {
        let choices =
            (0..400u16).map(|at| (at as u8).wrapping_mul(37).wrapping_add(number.wrapping_mul(91)));
        seed("schema", &format!("choices-{number}"), choices.collect::<Vec<u8>>())?;
    }
    seed("validation", "cbor", cbor::encode(&json::decode(record)?))
}

fn identifiers() -> Result {
    let plc = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
    let cid = Cid::raw(b"hello");
    for (target, name, text) in [
        ("did_handle", "did", plc),
        ("did_handle", "did-web", "did:web:localhost%3A2583"),
        ("did_handle", "did-other", "did:method:val:two-._%20\ndid:web:a.example:path"),
        ("did_handle", "handle", "Alice.Example.COM"),
        ("did_handle", "handle-long", &format!("{0}.{0}.xn--ls8h.test", "a".repeat(63))),
        ("did_handle", "two", "did:plc:a\nb-c.d1"),
        ("nsid_rkey_tid", "nsid", "com.example-domain.getThing"),
        ("nsid_rkey_tid", "pattern", "com.Example.*\ncom.example.thing"),
        ("nsid_rkey_tid", "record-key", "a~b:c_d-e.f"),
        ("nsid_rkey_tid", "dots", "..\n."),
        ("nsid_rkey_tid", "tid", "3jqfcqzm3fo2j\njzzzzzzzzzzzz"),
        ("at_uri", "record", "at://did:web:a.example/com.example.record/self"),
        ("at_uri", "collection", "at://Alice.Example.com/com.Example.record"),
        ("at_uri", "repository", "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz\nat://a.example"),
        ("datetime_language_uri", "datetime", "1985-04-12T23:20:50.123456-07:30"),
        ("datetime_language_uri", "leap-day", "2024-02-29T23:59:59Z\n2023-02-29T23:59:60Z"),
        ("datetime_language_uri", "no-leap-day", "1900-02-29T00:00:00Z"),
        ("datetime_language_uri", "year-zero", "0000-01-01T00:00:00+00:01"),
        ("datetime_language_uri", "language", "zh-cmn-Hant-TW-1901-a-bc-x-private"),
        ("datetime_language_uri", "language-irregular", "i-klingon\nx-a"),
        ("datetime_language_uri", "uri", "https://a.example/b?c#d"),
        ("cid", "text", &cid.to_string()),
        ("cid", "two", &format!("{cid}\n{}", Cid::dag_cbor(b"hello"))),
        ("cid", "upper-case", &cid.to_string().to_ascii_uppercase()),
        ("cid", "upper-case-digits", &format!("b{}", &cid.to_string()[1..].to_ascii_uppercase())),
        ("cid", "version-zero", "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"),
    ] {
        seed(target, name, text)?;
    }
    seed("cid", "bytes", cid.to_bytes())
}

fn keys() -> Result {
    seed("did_key", "der", b"\x05\x30\x07\x02\x02\x00\x80\x02\x01\x01")?;
    for (curve, number) in [(Curve::K256, 0), (Curve::P256, 1)] {
        let secret = SecretKey::from_bytes(curve, &[7; 32])?;
        let public = secret.public_key();
        let signature = secret.sign(b"message")?;
        let name = |form: &str| format!("{curve}-{form}").to_ascii_lowercase();
        seed("did_key", &name("did-key"), public.to_did_key())?;
        seed("did_key", &name("multikey"), public.to_multikey())?;
        for (form, point) in
            [("short", &public.as_sec1()[..]), ("long", &public.to_sec1_uncompressed())]
        {
            let legacy = format!("z{}", bs58::encode(point).into_string());
            seed("did_key", &name(&format!("legacy-{form}")), legacy)?;
            seed("did_key", &name(&format!("point-{form}")), [&[4], point].concat())?;
        }
        // A curve, a secret, the place and the change of one bit, a message.
        let made = [&[number][..], &[9; 32], &[40, 1], b"message"].concat();
        seed("did_key", &name("sign"), made)?;
        seed(
            "did_key",
            &name("verify"),
            [&[number + 2], &signature.as_bytes()[..], b"message"].concat(),
        )?;
    }
    Ok(())
}

/// Choices for the targets that build what they examine.
fn choices() -> Result {
    let all: Vec<u8> = (0..=255).collect();
    seed("value", "all", &all)?;
    seed("value", "map", [&[0, 9, 1, 7, 5][..], b"\x05$type\x03\x02hi", &all[200..]].concat())?;
    seed("value", "blob", [&[0, 20, 0xff, 8, 4][..], b"jpeg", &all[..40]].concat())?;
    seed("value", "bytes", [&[0, 2, 3, 4, 39][..], &[0xa5; 300]].concat())?;
    let list: Vec<u8> = (0..60).flat_map(|number| [6, 1 + number % 5]).collect();
    seed("value", "lists", [&[0, 0, 7], &list[..]].concat())?;
    // Of each operation: kind and signer, the number of rotation keys less one, those keys;
    // before each but the first: delay, predecessor.
    for (name, steps) in [
        ("update", &[0, 1, 0, 1, 2, 0, 1, 0, 0][..]),
        ("rotation", &[0, 1, 0, 1, 2, 0, 0, 1, 2, 3, 2, 1, 2, 0, 2]),
        ("recovery", &[0, 1, 0, 1, 2, 0, 1, 1, 1, 0, 3, 0, 0, 0, 0]),
        ("recovery-at-72-hours", &[0, 1, 0, 1, 2, 0, 1, 1, 1, 0, 5, 0, 0, 0, 0]),
        ("recovery-by-the-same-key", &[0, 1, 0, 1, 2, 0, 1, 1, 1, 0, 3, 0, 1, 0, 0]),
        ("recovery-late", &[0, 1, 0, 1, 2, 0, 1, 1, 1, 0, 6, 0, 0, 0, 0]),
        (
            "recovery-of-a-recovery",
            &[0, 2, 0, 1, 2, 2, 0, 2, 2, 0, 2, 2, 0, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0],
        ),
        ("tombstone", &[0, 1, 0, 1, 2, 0, 0xe4, 1, 1, 0, 0, 0]),
        ("tombstone-undone", &[0, 1, 0, 1, 2, 0, 0xe5, 3, 0, 0, 0, 0]),
    ] {
        seed("plc_log", name, steps)?;
    }
    Ok(())
}

fn identity(key: &SecretKey) -> Result {
    let handle = Handle::new("alice.example.com")?;
    let document = DidDocument::new(Did::new("did:web:alice.example.com")?)
        .with_handle(&handle)
        .with_key("atproto", &key.public_key())
        .with_service("atproto_pds", "AtprotoPersonalDataServer", "https://pds.example.com");
    seed("did_document", "full", document.to_json().to_string())?;
    let float = r#"{"id":"did:web:a.example","x":2.0000009000000002e+49}"#;
    seed("did_document", "float-of-many-digits", float)?;
    seed("did_document", "odd", r#"{"id":"did:web:a.example","service":[1,{}],"alsoKnownAs":{}}"#)?;

    let public = key.public_key();
    let pds = "https://pds.example.com";
    let genesis =
        Operation::account(std::slice::from_ref(&public), &public, &handle, pds).sign(key)?;
    let mut update = genesis.successor().ok_or("an operation")?;
    update.set_pds("https://other.example.com");
    let update = update.sign(key)?;
    let did = did_of_genesis(&genesis);
    let log: Vec<_> = [&genesis, &update]
        .iter()
        .enumerate()
        .map(|(index, operation)| AuditEntry {
            did: did.clone(),
            operation: (*operation).clone(),
            cid: operation.cid(),
            nullified: false,
            created_at: Datetime::from_unix_micros(1_735_689_600_000_000 + index as i64),
        })
        .collect();
    seed("plc", "genesis", serde_json::to_vec(&genesis)?)?;
    seed("plc", "update", serde_json::to_vec(&update)?)?;
    seed("plc", "log", serde_json::to_vec(&log)?)?;
    let mut nameless = genesis.operation().ok_or("an operation")?;
    let service = nameless.services.remove("atproto_pds").ok_or("a service")?;
    nameless.services.insert(String::new(), service);
    seed("plc", "service-without-a-name", serde_json::to_vec(&nameless.sign(key)?)?)?;
    seed(
        "plc",
        "tombstone",
        format!(r#"{{"type":"plc_tombstone","prev":"{}","sig":""}}"#, did_cid()),
    )?;
    let create = r#"{"type":"create","signingKey":"did:key:z","recoveryKey":"did:key:z",
        "handle":"a.example","service":"https://pds.example.com","prev":null,"sig":"AA"}"#;
    seed("plc", "create", create)
}

fn did_cid() -> Cid {
    Cid::dag_cbor(b"before")
}

fn lexicon() -> Result {
    for (name, defs) in [
        (
            "record",
            r##""main":{"type":"record","key":"tid","record":{"type":"object","required":["a"],
            "properties":{"a":{"type":"string","maxLength":3},"b":{"type":"ref","ref":"#b"}}}},
            "b":{"type":"object","properties":{"b":{"type":"ref","ref":"com.example.it#b"}}}"##,
        ),
        (
            "query",
            r##""main":{"type":"query","parameters":{"type":"params","properties":{
            "limit":{"type":"integer","minimum":1,"maximum":100,"default":50},
            "ids":{"type":"array","items":{"type":"string","format":"did"}}}},
            "output":{"encoding":"application/json","schema":{"type":"union","refs":["#b"]}},
            "errors":[{"name":"NotFound"}]},"b":{"type":"token","description":"text"}"##,
        ),
        (
            "procedure",
            r#""main":{"type":"procedure","input":{"encoding":"application/json",
            "schema":{"type":"object","properties":{"x":{"type":"unknown"}}}}}"#,
        ),
        (
            "subscription",
            r##""main":{"type":"subscription","message":{"schema":{"type":"union",
            "refs":["#main2"]}}},"main2":{"type":"object","properties":{}}"##,
        ),
        ("cycle", r##""main":{"type":"array","items":{"type":"ref","ref":"#main"}}"##),
    ] {
        let text = format!(r#"{{"lexicon":1,"id":"com.example.it","defs":{{{defs}}}}}"#);
        seed("lexicon", name, text)?;
    }
    Ok(())
}

fn tokens(key: &SecretKey, did: &Did) -> Result {
    let mut claims = service::ServiceClaims::new(did.clone(), "did:web:b.example", "com.example.a");
    (claims.iat, claims.exp, claims.jti) = (1, 61, Some("nonce".into()));
    seed("jwt", "service", service::mint(key, &claims)?)?;
    let session = serde_json::json!({"scope": "com.atproto.access", "sub": did,
        "aud": "did:web:pds.example.com", "jti": "id", "iat": 1, "exp": 61});
    seed(
        "jwt",
        "session",
        jwt::sign_hs256(b"another secret than the target's", "at+jwt", &session)?,
    )?;
    seed("jwt", "none", "eyJhbGciOiJub25lIn0.e30.")?;
    proofs(key)
}

fn proofs(key: &SecretKey) -> Result {
    let address = Url::parse("https://pds.example.com/xrpc/com.example.a")?;
    let request = DpopRequest { method: "POST", url: &address, access_token: Some("access-token") };
    // By hand, because real proofs have random ids.
    let header =
        serde_json::json!({"typ": "dpop+jwt", "alg": "ES256K", "jwk": Jwk(key.public_key())});
    let hash = BASE64URL_NOPAD.encode(&Sha256::digest("access-token"));
    for (name, nonce) in [("sound", "nonce"), ("stale", "old")] {
        let claims = serde_json::json!({"jti": "id", "htm": request.method, "htu": address.as_str(),
            "iat": 1_790_000_000, "ath": hash, "nonce": nonce});
        let part = |json: &serde_json::Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = BASE64URL_NOPAD.encode(key.sign(signed.as_bytes())?.as_bytes());
        seed("dpop", name, format!("{signed}.{signature}"))?;
    }
    Ok(())
}

fn queries() -> Result {
    let cid = Cid::raw(b"hello");
    let full =
        format!("actor=did:web:a.example&limit=-5&flag=true&cursor=a%20b+c&cids={cid}&cids={cid}");
    seed("query", "full", full)?;
    seed("query", "odd", "&&=&a&%C3%BC=%26&actor=a.example&since=2025-01-01T00:00:00Z")?;
    seed("headers", "proxy-between-blanks", "\t did:web:a.example#atproto_labeler ")?;
    seed("headers", "credentials", "Basic YWRtaW46c2VjcmV0")?;
    seed("headers", "bearer", "bearer abc.def.ghi")?;
    seed("headers", "labelers", "did:web:a.example;redact, did:web:b.example")?;
    seed("headers", "proxy", "did:web:a.example#atproto_labeler")?;
    seed("headers", "error", r#"{"error":"InvalidRequest","message":"why"}"#)
}

fn repository(key: &SecretKey, did: &Did) -> Result {
    let mut store = BlockMap::new();
    let keep = |store: &mut BlockMap, applied: &AppliedCommit| {
        store.extend(applied.new_blocks.iter().map(|(cid, block)| (*cid, block.clone())));
    };
    let rev = |number: u64| Tid::from_parts(1_735_689_600_000_000 + number, 7);
    let empty = repo::create(did, key, rev(0))?;
    keep(&mut store, &empty);
    let writes = (0..12).map(|number| create(number, "first")).collect::<Result<_>>()?;
    let filled = repo::apply(&store, &empty.head, did, writes, rev(1), key)?;
    keep(&mut store, &filled);
    let Write::Create { collection, rkey, .. } = create(3, "")? else { return Ok(()) };
    let delete = Write::Delete { collection, rkey };
    let Write::Create { collection, rkey, record } = create(4, "second")? else { return Ok(()) };
    let update = Write::Update { collection, rkey, record };
    let changed = repo::apply(
        &store,
        &filled.head,
        did,
        vec![delete, update, create(20, "new")?],
        rev(2),
        key,
    )?;
    keep(&mut store, &changed);

    for (name, applied) in [("empty", &empty), ("filled", &filled), ("changed", &changed)] {
        let event = applied.to_event(1, TIME);
        seed("event", name, event.encode())?;
        seed("commit", name, applied.commit.encode())?;
        seed("car", &format!("{name}.car"), &applied.car)?;
        let mut export = Vec::new();
        repo::export(&store, &applied.head, &mut export)?;
        seed("verify_repo", &format!("{name}.car"), &export)?;
        let sync = Event::from(SyncEvent::of_commit(&applied.commit, TIME)).encode();

        let (_, blocks) = car::read_all(export, &car::Limits::default())?;
        // An export has parents first; chunks come before those that refer to them.
        let nodes = |blocks: &BlockMap| {
            let mut blocks: Vec<_> =
                blocks.iter().map(|(cid, block)| (*cid, block.to_vec())).collect();
            blocks.sort_by_key(|(cid, _)| *cid == applied.head.commit);
            blocks
        };
        let all = ordered(nodes(&blocks));
        seed("verify_repo", name, chunks(&all, None))?;
        seed("car", name, chunks(&all, None))?;
        seed("mst", name, chunks(&all[..all.len() - 1], None))?;
        let (_, slice) = car::read_all(applied.car.clone(), &car::Limits::default())?;
        let slice = ordered(nodes(&slice));
        let mut bare = event;
        if let Event::Commit(event) = &mut bare {
            event.blocks = Default::default();
        }
        seed("verify_commit", name, chunks(&slice, Some(bare.encode())))?;
        seed(
            "verify_commit",
            &format!("{name}-sync"),
            chunks(&slice[slice.len() - 1..], Some(sync)),
        )?;
    }
    for event in [
        Event::from(IdentityEvent::new(did.clone(), Some(Handle::new("a.example.com")?), TIME)),
        Event::from(AccountEvent::new(did.clone(), Some("deleted"), TIME)),
        Event::from(InfoEvent { name: "OutdatedCursor".into(), message: None }),
        Event::from(SyncEvent::of_commit(&changed.commit, TIME)),
    ] {
        seed("event", &event.kind()[1..], event.encode())?;
    }
    Ok(())
}

fn create(number: u64, text: &str) -> Result<Write> {
    let mut record = atproto_core::data::Map::new();
    record.insert("text", format!("{text} {number}"));
    let record = cbor::encode(&Value::Map(record)).into();
    let rkey = RecordKey::new(format!("{number:03}"))?;
    Ok(Write::Create { collection: Nsid::new("com.example.record")?, rkey, record })
}

/// Blocks before those that link to them.
fn ordered(mut blocks: Vec<(Cid, Vec<u8>)>) -> Vec<(Cid, Vec<u8>)> {
    let mut done = Vec::new();
    while !blocks.is_empty() {
        let waits = |block: &[u8]| blocks.iter().any(|(cid, _)| contains(block, &cid.to_bytes()));
        let Some(index) = blocks.iter().position(|(_, block)| !waits(block)) else { break };
        done.push(blocks.remove(index));
    }
    done
}

fn contains(block: &[u8], part: &[u8]) -> bool {
    block.windows(part.len()).any(|window| window == part)
}

/// The form that `properties/chunks.rs` reads.
fn chunks(blocks: &[(Cid, Vec<u8>)], last: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in blocks.iter().map(|(_, block)| block).chain(&last) {
        let mut block = block.clone();
        for (number, (cid, _)) in blocks.iter().enumerate() {
            let mut placeholder = [0xff; 32];
            placeholder[0] = number as u8;
            let digest = *cid.digest();
            for start in 0..block.len().saturating_sub(31) {
                if block[start..start + 32] == digest {
                    block[start..start + 32].copy_from_slice(&placeholder);
                }
            }
        }
        bytes.extend((block.len() as u16).to_le_bytes());
        bytes.extend(block);
    }
    bytes
}

fn log() -> Result {
    let dir = std::env::temp_dir().join(format!("atproto-fuzz-seeds-{}", std::process::id()));
    let (mut log, _) = SegmentLog::open(&dir, LogConfig::default().segment_bytes(100))?;
    for batch in 0..3 {
        let entry = |number| Entry::new(format!("key {number}"), move |seq| format!("frame {seq}"));
        log.append_batch(vec![entry(2 * batch), entry(2 * batch + 1)], 1_735_689_600_000_000)?;
    }
    drop(log);
    let mut segments: Vec<_> =
        fs::read_dir(&dir)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
    segments.sort();
    let first = fs::read(&segments[0])?;
    let second = fs::read(&segments[1])?;
    let whole = [&(first.len() as u16).to_le_bytes()[..], &first].concat();
    seed("segment_log", "torn", &whole[..whole.len() - 3])?;
    seed("segment_log", "two", [&whole[..], &second].concat())?;
    seed("segment_log", "one", whole)?;
    fs::remove_dir_all(dir)?;
    Ok(())
}

fn seed(target: &str, name: &str, bytes: impl AsRef<[u8]>) -> Result {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(name), bytes)?;
    Ok(())
}
