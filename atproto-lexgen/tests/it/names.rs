//! The names of the golden types, as a user writes them.

use atproto_core::{
    data::{Value, cbor},
    endpoint::{Body, KeyKind, NoBody, NoErrors, Procedure, Query, RawBody, Record, Subscription},
    frame,
    object::{Message, MessageError},
};

use crate::golden;

#[test]
fn records() {
    use golden::record::com::example::blog::{Post, Schema, Settings};
    assert_eq!(Post::NSID, "com.example.blog.post");
    assert_eq!(Post::KEY, KeyKind::Tid);
    assert_eq!(Settings::KEY, KeyKind::Literal("self"));
    assert_eq!(Schema::KEY, KeyKind::Nsid);

    let mut post = Post::new("title", "2026-01-01T00:00:00Z".parse().unwrap(), None);
    post.mood = Some(None);
    let value = Value::from_typed(&post).unwrap();
    assert!(value.get("note").is_some_and(Value::is_null));
    assert!(value.get("mood").is_some_and(Value::is_null));
    assert!(value.get("rating").is_none());
    assert_eq!(value.to_typed::<Post>().unwrap(), post);
    assert!(
        golden::record::catalog().validate_record(&Post::NSID.parse().unwrap(), &value).is_ok()
    );
}

#[test]
#[allow(deprecated)]
fn endpoints() {
    use golden::endpoint::com::example::api::{
        Adjust, AdjustParams, Create, Download, Logout, Search, SearchError, Status, Upload, search,
    };
    fn query<Q: Query<Output = O, Error = E>, O, E>(_: &Q) {}
    let mut found = Search::new("x");
    found.limit = 3;
    query::<_, _, SearchError>(&found);
    query::<_, RawBody, NoErrors>(&Download::new(atproto_core::syntax::Cid::raw(b"")));
    query::<_, search::Hit, NoErrors>(&Status::default());

    fn parts<P: Procedure>(call: P) -> P {
        let (params, input) = call.into_parts();
        P::from_parts(params, input)
    }
    let uri: atproto_core::syntax::AtUri = "at://did:web:example.com".parse().unwrap();
    let adjust = Adjust { params: AdjustParams { dry: Some(true) }, input: search::Hit::new(uri) };
    assert_eq!(parts(adjust.clone()), adjust);
    let did: atproto_core::syntax::Did = "did:web:example.com".parse().unwrap();
    let create = Create::new(did, Value::Map(Default::default()));
    assert_eq!(parts(create.clone()), create);
    assert_eq!(<Create as Procedure>::Input::ENCODING, Some("application/json"));
    assert_eq!(<Upload as Procedure>::Input::ENCODING, Some("*/*"));
    let (_, NoBody) = Logout {}.into_parts();
}

#[test]
fn lx_036_defaults_of_parameters_are_part_of_the_request() {
    use golden::endpoint::com::example::api::{Search, SearchOrder, SearchSort, Status};
    let search = Search::new("x");
    assert_eq!((search.limit, search.exact, search.within.as_str()), (50, false, "everything"));
    assert_eq!((&search.sort, search.order), (&SearchSort::Latest, SearchOrder::Asc));
    // What a client leaves out means the same to a server.
    assert_eq!(serde_json::from_str::<Search>(r#"{"q":"x"}"#).unwrap(), search);
    assert_eq!(serde_json::from_str::<Status>(r#"{"wait":7}"#).unwrap().wait, 7);
}

#[test]
fn xr_004_defaults_of_parameters_are_sent() {
    use golden::endpoint::com::example::api::{Search, Status};
    let written =
        r#"{"q":"x","sort":"latest","exact":false,"limit":50,"order":"asc","within":"everything"}"#;
    assert_eq!(serde_json::to_string(&Search::new("x")).unwrap(), written);
    assert_eq!(serde_json::to_string(&Status::default()).unwrap(), r#"{"wait":5}"#);
}

#[test]
fn lx_012_known_values_are_open_enums_and_enumerations_closed_ones() {
    use golden::values::com::example::value::defs::{Item, ItemWord, Kind, Level};
    let text = r#"{"kind":"elsewhere","kinds":["plain","odd"],"level":"low","words":["none","?"]}"#;
    let item: Item = serde_json::from_str(text).unwrap();
    assert_eq!(item.kind, Some(Kind::Other("elsewhere".to_owned())));
    assert_eq!(item.kinds, Some(vec![Kind::Plain, "odd".into()]));
    assert_eq!((item.level, "high".parse()), (Some(Level::Low), Ok(Level::High)));
    assert_eq!(item.words.as_ref().unwrap()[0], ItemWord::None);
    assert_eq!(item.words.as_ref().unwrap()[1], "?");
    let value = Value::from_typed(&item).unwrap();
    assert_eq!(value, atproto_core::data::json::decode(text).unwrap());
    assert_eq!(cbor::from_slice::<Item>(&cbor::encode(&value)).unwrap(), item);
    let error = serde_json::from_str::<Item>(r#"{"level":"medium"}"#).unwrap_err();
    assert!(error.to_string().starts_with("`medium` is none of the values"), "{error}");
}

#[test]
fn subscriptions() {
    use golden::subscription::com::example::stream::{Watch, WatchMessage, defs::Tock};
    assert_eq!(Watch::NSID, "com.example.stream.watch");
    let message = WatchMessage::from(Tock::new(3));
    assert_eq!(message.kind(), "com.example.stream.defs#tock");
    let body = message.encode_body().unwrap();
    assert_eq!(WatchMessage::decode(message.kind(), &body).unwrap(), message);
    assert!(cbor::check(&body).is_ok());
    assert_eq!(WatchMessage::from_frame(&message.to_frame().unwrap()), Ok(Some(message)));

    let ended = WatchMessage::from_frame(&frame::encode_error("FutureCursor", Some("later")));
    assert_eq!(ended.unwrap_err().to_string(), "the stream ended: FutureCursor: later");
    let unknown = WatchMessage::from_frame(&frame::encode_message("#new", &[0xa0])).unwrap();
    assert!(matches!(unknown, Some(WatchMessage::Other { kind, .. }) if kind == "#new"));
    assert!(matches!(WatchMessage::from_frame(b"?"), Err(MessageError::Frame(_))));
}

#[test]
fn unions() {
    use golden::union::com::example::feed::{PostEmbed, PostView, post};
    let embed: PostEmbed =
        serde_json::from_str(r#"{"$type": "com.example.embed.images", "alt": "a"}"#).unwrap();
    assert!(matches!(&embed, PostEmbed::Images(images) if images.alt == "a"));
    // Members from documents of the same shape are told apart by their documents.
    let name = |view: &PostView| match view {
        PostView::ImagesView(_) => "images",
        PostView::VideoView(_) => "video",
        PostView::DefsView(_) => "defs",
        PostView::PostView(_) => "post",
        PostView::Other(_) => "other",
    };
    assert_eq!(name(&PostView::from(post::View::default())), "post");
    // The definition `viewRecord` keeps its name, the union of `view`'s field yields.
    let record = post::ViewRecordUnion::from(post::ViewRecord::default());
    assert_eq!(post::View { record: Some(record), ..Default::default() }.extra.len(), 0);
}

#[test]
fn recursion() {
    use golden::recursion::com::example::tree::defs::{List, Node, Other};
    let mut node = Node::new(1, Other::default());
    node.left = Some(Box::new(Node::new(2, Other::default())));
    let value = Value::from_typed(&node).unwrap();
    assert_eq!(value.to_typed::<Node>().unwrap(), node);
    let list: List = Vec::<Value>::new();
    assert!(list.is_empty());
}

#[test]
fn odd_names() {
    use golden::names::com::{
        example::{
            Type,
            r#type::{SelfDef, r#match::Ref},
        },
        n4chan::{GetUrl, GetUrl2, GetUrlOutput, get_url},
    };
    let text = r#"{"1st":"a","fn":"b","Self":"c","fooBar":"d","foo_bar":"e","FooBar":"f",
        "type":"g","extra":"h","with space":"i","naïve":"j"}"#;
    let odd: Type = serde_json::from_str(text).unwrap();
    assert_eq!((odd.r#type.as_str(), odd.extra2.as_str()), ("g", "h"));
    assert!(odd.extra.is_empty(), "{:?}", odd.extra);
    let again: serde_json::Value = serde_json::to_value(&odd).unwrap();
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
    assert_eq!(Ref { up: Some(SelfDef::default()), ..Ref::default() }.extra.len(), 0);
    assert_eq!(GetUrl::NSID, "com.4chan.getURL");
    assert_eq!(GetUrl2::NSID, "com.4chan.getUrl2");
    assert_eq!(GetUrlOutput::default().extra, get_url::GetUrlOutputDef::default().extra);
}

#[test]
fn values() {
    use golden::values::com::example::value::{AUTH_BASIC, TOKEN, defs};
    assert_eq!(defs::GOOD, "com.example.value.defs#good");
    assert_eq!((AUTH_BASIC, TOKEN), ("com.example.value.authBasic", "com.example.value.token"));
    assert_eq!(defs::Kind::Good, defs::GOOD);
    let item = defs::Item { kind: Some(defs::GOOD.into()), ..Default::default() };
    let preferences: defs::Preferences = vec![item.into()];
    assert!(matches!(preferences[0], defs::Preference::Item(_)));
}
