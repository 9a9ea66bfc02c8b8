//! Reads records of any kind: of generated types, of schemas known only now, and of none.

use atproto_core::{
    Class, Classify,
    data::{cbor, json},
    lexicon::{Catalog, Decoded},
    syntax::{Datetime, Nsid},
};
use atproto_lexicons::app::bsky::feed::Post;

pub(crate) fn run() -> anyhow::Result<()> {
    let lexicons = concat!(env!("CARGO_MANIFEST_DIR"), "/lexicons");
    let catalog = Catalog::of(atproto_lexicons::RECORDS).with_dir(lexicons)?;

    tell(&catalog, "app.bsky.feed.post", &cbor::to_vec(&Post::new("hello", Datetime::now()))?)?;
    for record in [
        r#"{"$type": "com.example.tour.status", "status": "🦋", "createdAt": "2026-01-01T00:00:00Z"}"#,
        r#"{"$type": "com.example.tour.status", "status": "too long", "createdAt": "2026-01-01T00:00:00Z"}"#,
        r#"{"$type": "com.example.tour.elsewhere", "text": "nobody knows my schema"}"#,
    ] {
        let value = json::decode(record)?;
        tell(&catalog, value.type_name().unwrap_or_default(), &cbor::encode(&value))?;
    }
    Ok(())
}

fn tell(catalog: &Catalog, collection: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let outcome = match catalog.decode(&Nsid::new(collection)?, bytes) {
        Decoded::Typed(record) => match record.downcast_ref::<Post>() {
            Some(post) => format!("a post that says {:?}", post.text),
            None => format!("a {}", record.nsid()),
        },
        Decoded::Dynamic(value) => format!("valid by its schema: {}", json::encode(&value)),
        Decoded::Unknown(value) => format!("without a schema: {}", json::encode(&value)),
        Decoded::Invalid(bytes, reason) => {
            format!("{} bytes kept, because {reason}: {}", bytes.len(), advice(&reason))
        }
        _ => "an outcome of the future".to_owned(),
    };
    println!("{collection}: {outcome}");
    Ok(())
}

/// Every error of the libraries says by its class what to do about it.
fn advice(error: &impl Classify) -> &'static str {
    match error.class() {
        Class::UpstreamInvalid => "theirs to mend, so count it and go on",
        Class::UpstreamUnavailable | Class::StoreTransient => "try again soon",
        Class::RateLimited { .. } => "try again when the server allows it",
        Class::Auth => "ask for other credentials",
        Class::Client => "ours to mend",
        Class::Conflict => "read again and decide anew",
        Class::StoreCorrupt | Class::Bug => "stop and look",
        _ => "a class of the future",
    }
}
