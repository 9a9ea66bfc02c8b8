//! Recorded answers of a reference deployment go through the output types unchanged.

use std::fs;

use atproto_core::{
    data::{Value, cbor, json},
    endpoint::Query,
    lexicon::Decoded,
    syntax::Nsid,
};
use atproto_lexicons::{
    app::bsky::{
        actor::GetProfile,
        feed::{GetAuthorFeed, GetLikes, GetPostThread, GetTimeline},
        graph::GetFollowers,
        notification::ListNotifications,
    },
    catalog,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::support::shared;

/// Reads, writes and reads again, as JSON and as DAG-CBOR.
#[track_caller]
fn unchanged<Q: Query>(text: &str)
where
    Q::Output: Serialize + DeserializeOwned,
{
    let recorded = json::decode(text).unwrap();
    let output: Q::Output =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", Q::NSID));
    let written = serde_json::to_string(&output).unwrap();
    assert_eq!(json::decode(&written).unwrap(), recorded, "{}", Q::NSID);

    let bytes = cbor::encode(&recorded);
    let output: Q::Output = cbor::from_slice(&bytes).unwrap();
    assert_eq!(cbor::to_vec(&output).unwrap(), bytes, "{}", Q::NSID);

    let nsid = Nsid::new(Q::NSID).unwrap();
    assert_eq!(catalog().validate_output(&nsid, &recorded), Ok(()), "{}", Q::NSID);
}

#[test]
fn recorded_answers() {
    let Some(shared) = shared() else { return };
    let read = |name: &str| {
        fs::read_to_string(shared.join("ts-capture/appview").join(name).with_extension("json"))
            .unwrap()
    };
    unchanged::<GetAuthorFeed>(&read("authorFeed"));
    unchanged::<GetFollowers>(&read("followers"));
    unchanged::<GetLikes>(&read("likes"));
    unchanged::<ListNotifications>(&read("notifications"));
    unchanged::<GetProfile>(&read("profile"));
    unchanged::<GetPostThread>(&read("thread"));
    unchanged::<GetTimeline>(&read("timeline"));
}

#[test]
fn records_inside_answers_decode() {
    let Some(shared) = shared() else { return };
    let catalog = catalog();
    let mut typed = 0;
    for entry in fs::read_dir(shared.join("ts-capture/appview")).unwrap() {
        let answer = json::decode(fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let mut open = vec![&answer];
        while let Some(value) = open.pop() {
            match value {
                Value::List(list) => open.extend(list),
                Value::Map(map) => {
                    open.extend(map.values());
                    let Some(record) = map.get("record") else { continue };
                    let Some(Ok(collection)) = record.type_name().map(Nsid::new) else { continue };
                    if catalog.record_type(&collection).is_none() {
                        continue;
                    }
                    let bytes = cbor::encode(record);
                    match catalog.decode(&collection, &bytes) {
                        Decoded::Typed(record) => {
                            assert_eq!(record.to_cbor().unwrap(), bytes);
                            typed += 1;
                        }
                        other => panic!("{other:?}"),
                    }
                }
                _ => {}
            }
        }
    }
    assert!(typed > 20, "{typed}");
}
