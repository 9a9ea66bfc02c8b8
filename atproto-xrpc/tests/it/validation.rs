//! Requests against their lexicons.

use std::sync::Arc;

use atproto_core::lexicon::{Catalog, Document};
use atproto_xrpc::{
    XrpcError,
    server::{Context, Public, Router, RouterConfig},
};

use crate::{
    endpoints::{GetThing, PutThing, Thing},
    net::Server,
};

const GET_THING: &str = r##"{
    "lexicon": 1, "id": "org.example.getThing",
    "defs": { "main": {
        "type": "query",
        "parameters": { "type": "params", "required": ["actor"], "properties": {
            "actor": { "type": "string", "format": "at-identifier" },
            "limit": { "type": "integer", "minimum": 1, "maximum": 100, "default": 50 },
            "tags": { "type": "array", "maxLength": 2, "items": { "type": "string" } },
            "deep": { "type": "boolean" }
        } },
        "output": { "encoding": "application/json", "schema": {
            "type": "object", "required": ["text"],
            "properties": { "text": { "type": "string", "maxLength": 40 } }
        } }
    } }
}"##;

const PUT_THING: &str = r##"{
    "lexicon": 1, "id": "org.example.putThing",
    "defs": { "main": {
        "type": "procedure",
        "input": { "encoding": "application/json", "schema": {
            "type": "object", "required": ["text"],
            "properties": { "text": { "type": "string", "maxGraphemes": 5 } }
        } }
    } }
}"##;

async fn get_thing(_context: Context<()>, params: GetThing) -> Result<Thing, XrpcError> {
    Ok(Thing { text: format!("{} {:?} {:?}", params.actor, params.limit, params.tags) })
}

async fn server() -> Server {
    let documents = [GET_THING, PUT_THING];
    let documents = documents.map(|json| Document::from_json(json.as_bytes()).unwrap());
    let catalog = Arc::new(Catalog::from_documents(documents));
    let router = Router::new(RouterConfig::default().catalog(catalog).validate_output(true))
        .query::<GetThing, _>(Public, get_thing)
        .procedure::<PutThing, _>(Public, |_context, input| async move {
            Ok::<_, XrpcError>(Thing { text: input.text })
        });
    Server::start(router).await
}

#[tokio::test]
async fn defaults_are_filled_in_and_unknown_names_ignored() {
    let server = server().await;
    let get = async |query: &str| server.get(&format!("/xrpc/org.example.getThing?{query}")).await;
    let answer = get("actor=a.example&tags=x&limit=&other=1").await;
    assert_eq!(answer.body, r#"{"text":"a.example Some(50) [\"x\"]"}"#);
}

#[tokio::test]
async fn xr_021_parameters_break_their_lexicon() {
    let server = server().await;
    for (query, message) in [
        ("", r#"Error: Params must have the property "actor""#),
        ("actor=", r#"Error: Params must have the property "actor""#),
        ("actor=x", "Error: Params/actor must be a valid did or a handle"),
        ("actor=a.example&limit=0", "Error: Params/limit can not be less than 1"),
        ("actor=a.example&limit=101", "Error: Params/limit can not be greater than 100"),
        ("actor=a.example&limit=five", "Error: Params/limit must be an integer"),
        ("actor=a.example&deep=1", "Error: Params/deep must be a boolean"),
        ("actor=a.example&actor=b.example", "Error: Params/actor must be given once"),
        (
            "actor=a.example&tags=1&tags=2&tags=3",
            "Error: Params/tags must not have more than 2 elements",
        ),
    ] {
        let answer = server.get(&format!("/xrpc/org.example.getThing?{query}")).await;
        assert_eq!(answer.error(), (400, "InvalidRequest".into(), message.into()), "{query}");
    }
}

#[tokio::test]
async fn xr_021_input_breaks_its_lexicon() {
    let server = server().await;
    for (body, message) in [
        ("{}", r#"Input must have the property "text""#),
        ("[]", "Input must be an object"),
        (r#"{"text":5}"#, "Input/text must be a string"),
        (r#"{"text":"123456"}"#, "Input/text must not be longer than 5 graphemes"),
    ] {
        let answer = server.post_json("/xrpc/org.example.putThing", body).await;
        assert_eq!(answer.error(), (400, "InvalidRequest".into(), message.into()), "{body}");
    }
    for body in [r#"{"text":"a","text":"b"}"#, r#"{"text":"a","n":1.5}"#, "nonsense"] {
        assert_eq!(
            server.post_json("/xrpc/org.example.putThing", body).await.status,
            400,
            "{body}"
        );
    }
    let family = r#"{"text":"👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦"}"#;
    assert_eq!(server.post_json("/xrpc/org.example.putThing", family).await.status, 200);
}

#[tokio::test]
async fn an_output_that_breaks_its_lexicon_is_the_servers_fault() {
    let server = server().await;
    let long = "/xrpc/org.example.getThing?actor=a-name-of-some-length.example&tags=another";
    assert_eq!(server.get(long).await.error().0, 500);
}
