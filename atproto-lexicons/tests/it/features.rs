//! The features of the package are the namespaces, and each brings those it refers to.

use std::collections::{BTreeMap, BTreeSet};

use atproto_lexicons::SCHEMAS;
use serde_json::Value;

type Features<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// What the manifest declares: a feature a line.
fn declared() -> Features<'static> {
    let manifest = include_str!("../../Cargo.toml");
    let section = manifest.split("[features]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let lines = section.lines().filter_map(|line| line.split_once(" = "));
    lines
        .map(|(name, list)| (name, list.split('"').skip(1).step_by(2).collect()))
        .filter(|(name, _)| *name != "default")
        .collect()
}

/// The feature of a document or reference: its first two segments.
fn feature(nsid: &str) -> String {
    nsid.split(['.', '#']).take(2).collect::<Vec<_>>().join("-")
}

/// Which namespaces the documents of each namespace refer to.
fn referred() -> BTreeMap<String, BTreeSet<String>> {
    let mut referred: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (nsid, schema) in SCHEMAS {
        let targets = referred.entry(feature(nsid)).or_default();
        let schema: Value = serde_json::from_str(schema).unwrap();
        references(&schema, &mut |to| {
            if !to.starts_with('#') && feature(to) != feature(nsid) {
                targets.insert(feature(to));
            }
        });
    }
    referred
}

fn references(schema: &Value, found: &mut impl FnMut(&str)) {
    if let Some(to) = schema.get("ref").and_then(Value::as_str) {
        found(to);
    }
    if schema.get("type").and_then(Value::as_str) == Some("union") {
        let refs = schema["refs"].as_array().into_iter().flatten();
        refs.filter_map(Value::as_str).for_each(&mut *found);
    }
    match schema {
        Value::Object(object) => object.values().for_each(|value| references(value, found)),
        Value::Array(array) => array.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn closure<'a>(features: &'a Features<'a>, from: &'a str, all: &mut BTreeSet<&'a str>) {
    for to in features.get(from).into_iter().flatten() {
        if all.insert(to) {
            closure(features, to, all);
        }
    }
}

#[test]
fn every_namespace_is_a_feature() {
    let generated = include_str!("../../src/lexicons/schemas.rs");
    let generated: BTreeSet<&str> = generated
        .split("#[cfg(feature = \"")
        .skip(1)
        .filter_map(|it| it.split('"').next())
        .collect();
    assert_eq!(declared().into_keys().collect::<BTreeSet<_>>(), generated);
    let here: BTreeSet<String> = SCHEMAS.iter().map(|(nsid, _)| feature(nsid)).collect();
    assert!(here.iter().map(String::as_str).eq(generated), "the tests need every namespace");
}

#[test]
fn features_bring_what_they_refer_to() {
    let declared = declared();
    for (name, needed) in referred() {
        let mut brought = BTreeSet::new();
        closure(&declared, &name, &mut brought);
        let missing: Vec<_> = needed.iter().filter(|it| !brought.contains(it.as_str())).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
        let idle: Vec<_> =
            declared[name.as_str()].iter().filter(|it| !needed.contains(**it)).collect();
        assert!(idle.is_empty(), "{name} does not refer to {idle:?}");
    }
}
