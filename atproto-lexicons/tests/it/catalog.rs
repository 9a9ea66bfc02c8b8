//! The tables that come with the types.

use atproto_core::{
    data::{Value, cbor},
    endpoint::{Query, Record},
    lexicon::Decoded,
    syntax::Nsid,
};
use atproto_lexicons::{
    RECORDS, SCHEMAS,
    app::bsky::feed::{Post, post::PostLabels},
    catalog,
    com::atproto::label::{
        QueryLabels,
        defs::{SelfLabel, SelfLabels},
    },
};

#[test]
fn every_schema_is_there_and_linked() {
    let catalog = catalog();
    assert_eq!(catalog.len(), SCHEMAS.len());
    assert_eq!(catalog.link(), []);
    assert!(SCHEMAS.is_sorted_by_key(|(nsid, _)| nsid));
}

#[test]
fn every_record_type_has_a_schema() {
    let catalog = catalog();
    for record in RECORDS {
        let nsid = Nsid::new(record.nsid()).unwrap();
        assert!(catalog.get(&nsid).is_some(), "{nsid}");
        assert!(catalog.record_type(&nsid).is_some(), "{nsid}");
    }
}

#[test]
fn a_record_is_decoded_into_its_type() {
    let mut post = Post::new("hello", "2026-01-01T00:00:00Z".parse().unwrap());
    post.extra.insert("com.example.mood", "calm");
    let bytes = cbor::to_vec(&post).unwrap();
    match catalog().decode(&Nsid::new(Post::NSID).unwrap(), &bytes) {
        Decoded::Typed(record) => assert_eq!(record.downcast_ref::<Post>(), Some(&post)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_that_breaks_its_schema_is_kept_as_bytes() {
    let post = Post::new("x".repeat(3001), "2026-01-01T00:00:00Z".parse().unwrap());
    let bytes = cbor::to_vec(&post).unwrap();
    match catalog().decode(&Nsid::new(Post::NSID).unwrap(), &bytes) {
        Decoded::Invalid(kept, reason) => {
            assert_eq!(kept, bytes);
            assert_eq!(reason.to_string(), "text: length 3001 is greater than 3000");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn lb_014_queries_and_records_have_so_many_labels_at_most() {
    assert_eq!(QueryLabels::new(vec!["*".into()]).limit, 50);
    let endpoint = Nsid::new(QueryLabels::NSID).unwrap();
    for (limit, is_admitted) in [(0, false), (1, true), (250, true), (251, false)] {
        let patterns = Value::List(vec![Value::from("*")]);
        let params = [("uriPatterns", patterns), ("limit", Value::from(limit))];
        let params = Value::Map(params.into_iter().collect());
        let checked = catalog().validate_params(&endpoint, &params);
        assert_eq!(checked.is_ok(), is_admitted, "{limit}: {checked:?}");
    }
    let collection = Nsid::new(Post::NSID).unwrap();
    for (count, is_admitted) in [(10, true), (11, false)] {
        let mut post = Post::new("hello", "2026-01-01T00:00:00Z".parse().unwrap());
        let labels = SelfLabels::new(vec![SelfLabel::new("spam"); count]);
        post.labels = Some(PostLabels::SelfLabels(Box::new(labels)));
        let record = cbor::decode(&cbor::to_vec(&post).unwrap()).unwrap();
        let checked = catalog().validate_record(&collection, &record);
        assert_eq!(checked.is_ok(), is_admitted, "{count}: {checked:?}");
    }
}
