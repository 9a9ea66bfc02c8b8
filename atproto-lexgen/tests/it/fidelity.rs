//! Nothing that was read is lost when it is written.

use std::fmt::Debug;

use atproto_core::data::{Value, cbor, json};
use serde::{Serialize, de::DeserializeOwned};

use crate::golden;

/// Reads a value in both formats, holds each against the other, and writes it back.
#[track_caller]
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) -> T {
    let value = json::decode(text).unwrap();
    let bytes = cbor::encode(&value);
    let read: T = cbor::from_slice(&bytes).unwrap();
    assert_eq!(cbor::to_vec(&read).unwrap(), bytes);
    let from_json: T = serde_json::from_str(text).unwrap();
    assert_eq!(from_json, read);
    assert_eq!(json::decode(serde_json::to_string(&read).unwrap()).unwrap(), value);
    assert_eq!(Value::from_typed(&read).unwrap().to_typed::<T>().unwrap(), read);
    read
}

#[track_caller]
fn refused<T: DeserializeOwned + Debug>(text: &str, why: &str) {
    let bytes = cbor::encode(&json::decode(text).unwrap());
    let errors = [
        serde_json::from_str::<T>(text).unwrap_err().to_string(),
        cbor::from_slice::<T>(&bytes).unwrap_err().to_string(),
    ];
    for error in errors {
        assert!(error.contains(why), "{error}");
    }
}

const UNKNOWN: &str = r#""new": {"a": [1, null, {"$bytes": "AQI"}], "b":
    {"$link": "bafyreidwydhkxbncvxuvbwefh5wchyyei7fikeu4oplmgkynqmsvpcjo2i"}}"#;

#[test]
fn lx_034_unknown_fields_survive_at_every_level() {
    use golden::union::com::example::feed::{Post, PostEmbed};
    let text = format!(
        r#"{{"$type": "com.example.feed.post", {UNKNOWN}, "embed":
            {{"$type": "com.example.embed.images", "alt": "a", "a": 1, {UNKNOWN}}}}}"#
    );
    let post: Post = survives(&text);
    assert_eq!(post.extra.len(), 1);
    let Some(PostEmbed::Images(images)) = post.embed else { panic!("{:?}", post.embed) };
    assert_eq!((images.alt.as_str(), images.extra.len()), ("a", 2));
}

#[test]
fn lx_034_unknown_members_of_unions_survive() {
    use golden::union::com::example::feed::{Post, PostEmbed, PostView};
    let text = format!(
        r#"{{"$type": "com.example.feed.post", "embed": {{"$type": "com.example.new", "a": 1,
            {UNKNOWN}}}, "views": [{{"$type": "com.example.feed.post#view"}},
            {{"$type": "com.example.feed.post#other"}}, {{"z": 0, "$type": "x"}}]}}"#
    );
    let post: Post = survives(&text);
    assert!(
        matches!(&post.embed, Some(PostEmbed::Other(value)) if value.type_name() == Some("com.example.new"))
    );
    let views = post.views.unwrap();
    assert!(matches!(
        views.as_slice(),
        [PostView::PostView(_), PostView::Other(_), PostView::Other(_)]
    ));
}

#[test]
fn lx_034_unknown_values_of_enumerations_survive() {
    use golden::record::com::example::blog::{Post, PostMood};
    let text = r#"{"$type": "com.example.blog.post", "title": "t", "note": null, "mood": "new",
        "createdAt": "2026-01-01T00:00:00.120Z", "state": "draft"}"#;
    let post: Post = survives(text);
    assert_eq!(post.mood, Some(Some(PostMood::Other("new".to_owned()))));
    let absent = survives::<Post>(&text.replace(r#""mood": "new","#, ""));
    assert_eq!(absent.mood, None);
    let null = survives::<Post>(&text.replace(r#""new""#, "null"));
    assert_eq!(null.mood, Some(None));
    refused::<Post>(&text.replace("draft", "lost"), "`lost` is none of the values");
    refused::<Post>(&text.replace(r#""note": null,"#, ""), "missing field `note`");
}

#[test]
fn lx_019_closed_unions_refuse_other_types() {
    use golden::union::com::example::feed::{Post, PostClosed};
    let text = r#"{"$type": "com.example.feed.post",
        "closed": {"$type": "com.example.feed.post#view", "new": 1}}"#;
    let post: Post = survives(text);
    let Some(PostClosed::View(view)) = post.closed else { panic!("{:?}", post.closed) };
    assert_eq!(view.extra.len(), 1);
    refused::<Post>(&text.replace("#view", "#other"), "the closed union has no member");
}

#[test]
fn lx_023_records_and_members_carry_their_type_and_messages_do_not() {
    use atproto_core::object::Message;
    use golden::{
        subscription::com::example::stream::{WatchMessage, defs::Tock},
        union::com::example::feed::{Post, post::View},
    };
    let mut post = Post { closed: Some(View::default().into()), ..Post::default() };
    post.embed = Some(golden::union::com::example::embed::Images::new("a").into());
    let value = Value::from_typed(&post).unwrap();
    assert_eq!(value.type_name(), Some("com.example.feed.post"));
    let member = |key| value.get(key).and_then(Value::type_name).map(str::to_owned);
    assert_eq!(member("closed").as_deref(), Some("com.example.feed.post#view"));
    assert_eq!(member("embed").as_deref(), Some("com.example.embed.images"));

    let body = WatchMessage::from(Tock::new(3)).encode_body().unwrap();
    assert_eq!(cbor::decode(&body).unwrap().type_name(), None);

    refused::<Post>("{}", "missing field `$type`");
    refused::<Post>(r#"{"$type": "com.example.feed.other"}"#, "not `com.example.feed.post`");
    let nameless = r#"{"$type": "com.example.feed.post", "embed": {"alt": "a"}}"#;
    refused::<Post>(nameless, "missing field `$type`");
}
