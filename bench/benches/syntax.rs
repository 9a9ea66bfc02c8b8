//! Parsing of identifiers, and the text and binary forms of CIDs, beside the peers.
//!
//! Each group parses several texts in turn, once the valid ones and once the invalid ones.
//! `owned` makes a value that outlives the text. `check` only says whether the text is
//! well-formed; peers that have nothing but such a function appear there only.
//!
//! The peers do not all do the same work, and the differences are in their favour: the
//! owned values of `atproto` hold the text as it is, `atproto-identity` knows the two
//! supported DID methods alone and checks nothing behind `did:web:`, `atproto-record` takes
//! any text for collection and record key, and the check of `rsky` copies the text.

use std::hint::black_box;

use atproto_bench::CpuTime;
use atproto_core::syntax::{AtUri, Cid, Datetime, Did, Handle, Language, Nsid, RecordKey, Tid};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use smol_str::SmolStr;

fn did(c: &mut Criterion<CpuTime>) {
    let valid = [
        "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
        "did:plc:z72i7hdynmk6r22z27h6tvur",
        "did:plc:ragtjsm2j2vknwkz3zp4oxrd",
        "did:plc:vpkhqolt662uhesyj6nxm7ys",
        "did:web:example.com",
        "did:web:blog.some-company.example.org",
    ];
    let invalid = [
        "did:plc:ewvi7nxzyoun6zhxrhs64oi/",
        "DID:plc:z72i7hdynmk6r22z27h6tvur",
        "did:PLC:ragtjsm2j2vknwkz3zp4oxrd",
        "did:web:",
        "alice.example.com",
    ];
    compare(
        c,
        "did",
        &valid,
        &invalid,
        &[
            ("atproto/owned", |text| black_box(Did::new(text)).is_ok()),
            ("jacquard/owned", |text| {
                black_box(jacquard_common::types::did::Did::<SmolStr>::new_owned(text)).is_ok()
            }),
            ("atrium/owned", |text| {
                black_box(atrium_api::types::string::Did::new(text.to_owned())).is_ok()
            }),
            ("atproto-identity/owned", |text| {
                black_box(atproto_identity::resolve::parse_input(text)).is_ok()
            }),
            ("atproto/check", |text| Did::check(text).is_ok()),
            ("jacquard/check", |text| jacquard_common::types::did::validate_did(text).is_ok()),
            ("rsky/check", |text| rsky_syntax::did::ensure_valid_did(text).is_ok()),
            ("atproto-identity/check", |text| {
                atproto_identity::validation::is_valid_did_method_plc(text)
                    || atproto_identity::validation::is_valid_did_method_web(text, true)
            }),
        ],
    );
}

fn handle(c: &mut Criterion<CpuTime>) {
    let valid = [
        "alice.bsky.social",
        "atproto.com",
        "some-longer-name.bsky.social",
        "jay.bsky.team",
        "a.very.deep.name.of.many.segments.org",
        "xn--bcher-kva.ch",
    ];
    let invalid = [
        "alice.bsky.social.",
        "alice_b.bsky.social",
        "192.168.0.1",
        "localhost",
        "-alice.bsky.social",
    ];
    compare(
        c,
        "handle",
        &valid,
        &invalid,
        &[
            ("atproto/owned", |text| black_box(Handle::new(text)).is_ok()),
            ("jacquard/owned", |text| {
                black_box(jacquard_common::types::handle::Handle::<SmolStr>::new_owned(text))
                    .is_ok()
            }),
            ("atrium/owned", |text| {
                black_box(atrium_api::types::string::Handle::new(text.to_owned())).is_ok()
            }),
            ("atproto-identity/owned", |text| {
                black_box(atproto_identity::validation::is_valid_handle(text)).is_some()
            }),
            ("atproto/check", |text| Handle::check(text).is_ok()),
            ("jacquard/check", |text| jacquard_common::types::handle::Handle::new(text).is_ok()),
            ("rsky/check", |text| rsky_syntax::handle::ensure_valid_handle(text).is_ok()),
            ("atproto-identity/check", |text| {
                atproto_identity::validation::is_valid_hostname(text) && text.contains('.')
            }),
        ],
    );
}

fn nsid(c: &mut Criterion<CpuTime>) {
    let valid = [
        "app.bsky.feed.post",
        "app.bsky.graph.follow",
        "com.atproto.repo.getRecord",
        "com.atproto.sync.subscribeRepos",
        "fyi.unravel.frontpage.post",
        "tools.ozone.moderation.defs",
    ];
    let invalid =
        ["app.bsky", "app.bsky.feed.post#main", "app..feed.post", "app.bsky.feed.3post", "app"];
    compare(
        c,
        "nsid",
        &valid,
        &invalid,
        &[
            ("atproto/owned", |text| black_box(Nsid::new(text)).is_ok()),
            ("jacquard/owned", |text| {
                black_box(jacquard_common::types::nsid::Nsid::<SmolStr>::new_owned(text)).is_ok()
            }),
            ("atrium/owned", |text| {
                black_box(atrium_api::types::string::Nsid::new(text.to_owned())).is_ok()
            }),
            ("rsky/owned", |text| black_box(rsky_syntax::nsid::Nsid::parse(text)).is_ok()),
            ("atproto/check", |text| Nsid::check(text).is_ok()),
            ("jacquard/check", |text| jacquard_common::types::nsid::Nsid::new(text).is_ok()),
            ("rsky/check", |text| rsky_syntax::nsid::ensure_valid_nsid(text).is_ok()),
        ],
    );
}

fn record_key(c: &mut Criterion<CpuTime>) {
    let valid = [
        "3jzfcijpj2z2a",
        "self",
        "3kjvq2q5dqs2c",
        "app.bsky.feed.like",
        "did:web:example.com",
        "a-long_key~of.many:characters-of-all-kinds-0123456789",
    ];
    let invalid = ["", "..", "a/b", "3jzfcijpj2z2 ", "3jzfcijpj2z2#"];
    compare(
        c,
        "record-key",
        &valid,
        &invalid,
        &[
            ("atproto/owned", |text| black_box(RecordKey::new(text)).is_ok()),
            ("jacquard/owned", |text| {
                black_box(jacquard_common::types::recordkey::Rkey::<SmolStr>::new_owned(text))
                    .is_ok()
            }),
            ("atrium/owned", |text| {
                black_box(atrium_api::types::string::RecordKey::new(text.to_owned())).is_ok()
            }),
            ("atproto/check", |text| RecordKey::check(text).is_ok()),
            ("jacquard/check", |text| jacquard_common::types::recordkey::Rkey::new(text).is_ok()),
            ("rsky/check", |text| rsky_syntax::record_key::ensure_valid_record_key(text).is_ok()),
        ],
    );
}

fn at_uri(c: &mut Criterion<CpuTime>) {
    let valid = [
        "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2a",
        "at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.actor.profile/self",
        "at://did:web:example.com/app.bsky.graph.follow/3kjvq2q5dqs2c",
        "at://did:plc:ragtjsm2j2vknwkz3zp4oxrd/com.atproto.lexicon.schema/app.bsky.feed.post",
    ];
    let invalid = [
        "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/",
        "https://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2a",
        "at:///app.bsky.feed.post/3jzfcijpj2z2a",
        "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app/3jzfcijpj2z2a",
    ];
    compare(
        c,
        "at-uri",
        &valid,
        &invalid,
        &[
            ("atproto/owned", |text| black_box(AtUri::new(text)).is_ok()),
            ("jacquard/owned", |text| {
                black_box(jacquard_common::types::aturi::AtUri::<SmolStr>::new_owned(text)).is_ok()
            }),
            ("rsky/owned", |text| {
                black_box(rsky_syntax::aturi_validation::ensure_valid_at_uri(text)).is_ok()
            }),
            ("atproto-record/owned", |text| {
                black_box(text.parse::<atproto_record::aturi::ATURI>()).is_ok()
            }),
            ("atproto/check", |text| AtUri::check(text).is_ok()),
            ("jacquard/check", |text| jacquard_common::types::aturi::AtUri::new(text).is_ok()),
        ],
    );
}

fn tid(c: &mut Criterion<CpuTime>) {
    let valid =
        ["3jzfcijpj2z2a", "7777777777777", "3zzzzzzzzzzzz", "2222222222222", "3kjvq2q5dqs2c"];
    let invalid =
        ["3jzfcijpj2z21", "zzzzzzzzzzzzz", "3jzfcijpj2z2", "3jzf-cij-pj2z-2a", "0222222222222"];
    compare(
        c,
        "tid",
        &valid,
        &invalid,
        &[
            ("atproto/owned", |text| black_box(Tid::new(text)).is_ok()),
            ("jacquard/owned", |text| {
                black_box(jacquard_common::types::tid::Tid::new(text)).is_ok()
            }),
            ("atrium/owned", |text| {
                black_box(atrium_api::types::string::Tid::new(text.to_owned())).is_ok()
            }),
            ("atproto-record/owned", |text| {
                black_box(atproto_record::tid::Tid::decode(text)).is_ok()
            }),
            ("rsky/check", |text| rsky_syntax::tid::ensure_valid_tid(text).is_ok()),
        ],
    );
    let mut group = c.benchmark_group("tid/format");
    let number = 1_688_137_381_887_007 << 10 | 6;
    let ours = Tid::from_u64(number);
    group.bench_function("atproto/display", |b| b.iter(|| black_box(ours).to_string()));
    group.bench_function("atproto/string", |b| b.iter(|| String::from(black_box(ours))));
    let theirs = atproto_record::tid::Tid::from_parts(number >> 10, 6);
    group.bench_function("atproto-record/display", |b| b.iter(|| black_box(&theirs).to_string()));
    group.bench_function("atproto-record/string", |b| b.iter(|| black_box(&theirs).encode()));
}

fn datetime(c: &mut Criterion<CpuTime>) {
    let valid = [
        "2024-11-23T08:22:19.123Z",
        "1985-04-12T23:20:50Z",
        "2023-06-30T14:43:01.887007Z",
        "2024-02-29T00:00:00.000+01:30",
        "1999-12-31T23:59:59-11:15",
    ];
    let invalid = [
        "2024-11-23T08:22:19.123",
        "2024-11-23t08:22:19.123Z",
        "2023-02-30T00:00:00.000Z",
        "1985-04-12",
        "1985-04-12T23:20:50-00:00",
    ];
    compare(
        c,
        "datetime",
        &valid,
        &invalid,
        &[
            ("atproto/owned", |text| black_box(Datetime::new(text)).is_ok()),
            ("jacquard/owned", |text| {
                black_box(text.parse::<jacquard_common::types::datetime::Datetime>()).is_ok()
            }),
            ("atrium/owned", |text| {
                black_box(text.parse::<atrium_api::types::string::Datetime>()).is_ok()
            }),
            ("atproto/check", |text| Datetime::check(text).is_ok()),
            ("rsky/check", |text| rsky_syntax::datetime::ensure_valid_datetime(text).is_ok()),
            // What atproto-record uses: RFC 3339 at large, and no text kept.
            ("chrono/check", |text| black_box(chrono::DateTime::parse_from_rfc3339(text)).is_ok()),
        ],
    );
}

fn language(c: &mut Criterion<CpuTime>) {
    let valid = ["en", "pt-BR", "zh-Hant-TW", "sl-rozaj-biske-1994", "de-CH-x-phonebk"];
    let invalid = ["", "e", "en_GB", "en--GB", "abcdefghi-DE"];
    compare(
        c,
        "language",
        &valid,
        &invalid,
        &[
            ("atproto/owned", |text| black_box(Language::new(text)).is_ok()),
            ("jacquard/owned", |text| {
                black_box(jacquard_common::types::language::Language::new(text)).is_ok()
            }),
            ("atrium/owned", |text| {
                black_box(atrium_api::types::string::Language::new(text.to_owned())).is_ok()
            }),
            ("atproto/check", |text| Language::check(text).is_ok()),
        ],
    );
}

/// The crate `cid` is what most peers use. The floor is Base32 by `data-encoding` between
/// buffers of the right size, without a look at what the bytes mean.
fn cid(c: &mut Criterion<CpuTime>) {
    let ours: Vec<_> = (0u8..8).map(|n| Cid::dag_cbor(&[n])).collect();
    let theirs: Vec<_> = ours.iter().map(|cid| cid::Cid::from(*cid)).collect();
    let texts: Vec<_> = ours.iter().map(ToString::to_string).collect();
    let bytes: Vec<_> = ours.iter().map(Cid::to_bytes).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let base32 = base32();

    let twins: Vec<_> = texts.iter().map(|text| format!("{}r", &text[..58])).collect();
    let mut invalid: Vec<&str> = twins.iter().map(String::as_str).collect();
    invalid.push("QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR");
    compare(
        c,
        "cid",
        &texts,
        &invalid,
        &[
            ("atproto", |text| black_box(Cid::new(text)).is_ok()),
            ("cid", |text| black_box(cid::Cid::try_from(text)).is_ok()),
        ],
    );

    let mut group = c.benchmark_group("cid/floor");
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("data-encoding parse", |b| {
        b.iter(|| {
            for text in &texts {
                let mut bytes = [0; Cid::BYTES];
                black_box(base32.decode_mut(&black_box(text).as_bytes()[1..], &mut bytes)).ok();
                black_box(bytes);
            }
        });
    });
    group.bench_function("data-encoding format", |b| {
        b.iter(|| {
            for bytes in &bytes {
                let mut text = [b'b'; Cid::TEXT];
                base32.encode_mut(black_box(bytes), &mut text[1..]);
                black_box(text);
            }
        });
    });
    group.finish();

    let mut group = c.benchmark_group("cid/format");
    group.throughput(Throughput::Elements(ours.len() as u64));
    group.bench_function("atproto/string", |b| each(b, &ours, |cid| cid.to_string().len()));
    group.bench_function("cid/string", |b| each(b, &theirs, |cid| cid.to_string().len()));
    group.bench_function("atproto/buffer", |b| {
        each(b, &ours, |cid| cid.encode(&mut [0; Cid::TEXT]).len())
    });
    group.finish();

    let mut group = c.benchmark_group("cid/from bytes");
    group.throughput(Throughput::Elements(bytes.len() as u64));
    group.bench_function("atproto", |b| each(b, &bytes, |bytes| Cid::from_bytes(bytes).is_ok()));
    group
        .bench_function("cid", |b| each(b, &bytes, |bytes| cid::Cid::try_from(&bytes[..]).is_ok()));
    group.finish();

    let mut group = c.benchmark_group("cid/to bytes");
    group.throughput(Throughput::Elements(bytes.len() as u64));
    group.bench_function("atproto", |b| each(b, &ours, Cid::to_bytes));
    group.bench_function("cid", |b| each(b, &theirs, cid::Cid::to_bytes));
}

fn base32() -> data_encoding::Encoding {
    let mut specification = data_encoding::Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().expect("an alphabet of 32 symbols")
}

type Contender = (&'static str, fn(&str) -> bool);

/// Runs every contender over the valid texts, which all of them have to accept, and over
/// the invalid ones, which at least the first has to refuse.
fn compare(
    c: &mut Criterion<CpuTime>,
    name: &str,
    valid: &[&str],
    invalid: &[&str],
    contenders: &[Contender],
) {
    let (_, ours) = contenders[0];
    assert!(!invalid.iter().any(|text| ours(text)), "{name}");
    for (kind, texts) in [("valid", valid), ("invalid", invalid)] {
        let mut group = c.benchmark_group(format!("{name}/{kind}"));
        group.throughput(Throughput::Elements(texts.len() as u64));
        for (contender, parse) in contenders {
            if kind == "valid" {
                assert!(texts.iter().all(|text| parse(text)), "{contender} {name}");
            }
            group.bench_function(BenchmarkId::from_parameter(contender), |b| {
                each(b, texts, |text| parse(text));
            });
        }
    }
}

fn each<T, R>(b: &mut criterion::Bencher<'_, CpuTime>, inputs: &[T], mut run: impl FnMut(&T) -> R) {
    b.iter(|| {
        for input in inputs {
            black_box(run(black_box(input)));
        }
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = did, handle, nsid, record_key, at_uri, tid, datetime, language, cid
}
criterion_main!(benches);
