//! Refusing foreign text costs nothing but the look at it.

use allocation_counter::measure;
use atproto_core::syntax::{
    AtIdentifier, AtUri, Cid, Datetime, Did, Handle, Language, Nsid, NsidPattern, RecordKey,
    SyntaxError, Tid, Uri,
};

type Check = fn(&str) -> Result<(), SyntaxError>;

#[test]
fn a_refusal_allocates_nothing() {
    let texts = texts();
    refuses(&texts, AtIdentifier::new);
    refuses(&texts, AtUri::new);
    refuses(&texts, Cid::new);
    refuses(&texts, Datetime::new);
    refuses(&texts, Did::new);
    refuses(&texts, Handle::new);
    refuses(&texts, Language::new);
    refuses(&texts, Nsid::new);
    refuses(&texts, NsidPattern::new);
    refuses(&texts, RecordKey::new);
    refuses(&texts, Tid::new);
    refuses(&texts, Uri::new);
}

#[test]
fn a_check_allocates_nothing() {
    for text in texts() {
        let checks: [(&str, Check); 10] = [
            ("at-identifier", AtIdentifier::check),
            ("at-uri", AtUri::check),
            ("datetime", Datetime::check),
            ("did", Did::check),
            ("handle", Handle::check),
            ("language", Language::check),
            ("nsid", Nsid::check),
            ("nsid pattern", NsidPattern::check),
            ("record-key", RecordKey::check),
            ("uri", Uri::check),
        ];
        for (name, check) in checks {
            let info = measure(|| _ = check(&text));
            assert_eq!(info.count_total, 0, "{name} {text:?}");
        }
    }
}

#[test]
fn values_without_a_text_of_their_own_allocate_nothing() {
    let cid = Cid::raw(b"hello");
    let text = cid.to_string();
    let info = measure(|| {
        assert_eq!(Cid::new(&text), Ok(cid));
        assert_eq!(cid.encode(&mut [0; Cid::TEXT]), text);
        assert_eq!(Cid::from_bytes(&cid.to_bytes()), Ok(cid));
        let tid = Tid::new("3jzfcijpj2z2a").unwrap();
        assert_eq!(tid.encode(&mut [0; Tid::LEN]), "3jzfcijpj2z2a");
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn short_texts_are_kept_without_an_allocation() {
    let info = measure(|| {
        drop(Handle::new("Alice.Example.COM"));
        drop(Nsid::new("app.bsky.feed.post"));
        drop(RecordKey::new("3jzfcijpj2z2a"));
        drop(Language::new("zh-Hant-TW"));
    });
    assert_eq!(info.count_total, 0);
}

/// Parses all texts; those that are refused, and some must be, may not have cost memory.
fn refuses<'a, T>(texts: &'a [String], parse: fn(&'a str) -> Result<T, SyntaxError>) {
    let mut refused = 0;
    for text in texts {
        let mut accepted = true;
        let info = measure(|| accepted = parse(text).is_ok());
        if !accepted {
            refused += 1;
            assert_eq!(info.count_total, 0, "{text:?}");
        }
    }
    assert!(refused >= 20, "only {refused} texts were refused");
}

/// Texts of every type, and each with a fault at its beginning, in it and at its end.
fn texts() -> Vec<String> {
    let seeds = [
        "",
        "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
        "did:web:localhost%3A80",
        "alice.example.com",
        "a-name-longer-than-what-is-kept-inline.example.com",
        "app.bsky.feed.post",
        "com.example.aNameLongerThanWhatIsKeptInline",
        "com.example.*",
        "self",
        "3jzfcijpj2z2a",
        "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2a",
        "at://alice.example.com",
        "1985-04-12T23:20:50.123Z",
        "1985-04-12T23:20:50.123456+01:00",
        "sl-rozaj-biske-1994-x-private",
        "https://example.com/path?query#fragment",
        "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq",
    ];
    let mut texts: Vec<String> = seeds.map(str::to_owned).into();
    for seed in seeds {
        for stranger in ["/", " ", ".", "-", ":", "#", "\u{e9}", "\0"] {
            let (start, end) = seed.split_at(seed.len() / 2);
            texts.push(format!("{stranger}{seed}"));
            texts.push(format!("{start}{stranger}{end}"));
            texts.push(format!("{seed}{stranger}"));
        }
    }
    texts
        .extend(["a", "a.", "a-", ".", "-", ":", "did:a:", "\u{e9}"].map(|part| part.repeat(8192)));
    texts
}
