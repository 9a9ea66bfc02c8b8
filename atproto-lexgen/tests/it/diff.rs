//! Which changes break whom.

mod fields;

use atproto_core::lexicon::Document;
use atproto_lexgen::diff::{Change, Party, Rule, diff};

use Effect::{Both, Narrows, Nothing, Widens};
use Party::{OldCallers, OldReaders, OldServers, OldWriters, ReadersOfOldRecords, Referrers};

/// What the change from the first to the second does to the values that are admitted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Effect {
    Nothing,
    Narrows,
    Widens,
    Both,
}

impl Effect {
    fn reversed(self) -> Self {
        match self {
            Narrows => Widens,
            Widens => Narrows,
            same => same,
        }
    }
}

/// Where values travel, with the document that has an object there.
struct Way {
    name: &'static str,
    document: fn(&str) -> String,
    narrowed: &'static [Party],
    widened: &'static [Party],
    both: &'static [Party],
}

const WAYS: &[Way] = &[
    Way {
        name: "record",
        document: |object| format!(r#"{{"type": "record", "key": "tid", "record": {object}}}"#),
        narrowed: &[ReadersOfOldRecords, OldWriters],
        widened: &[OldReaders],
        both: &[ReadersOfOldRecords, OldReaders, OldWriters],
    },
    Way {
        name: "input",
        document: |object| {
            format!(
                r#"{{"type": "procedure",
                    "input": {{"encoding": "application/json", "schema": {object}}}}}"#
            )
        },
        narrowed: &[OldCallers],
        widened: &[OldServers],
        both: &[OldCallers, OldServers],
    },
    Way {
        name: "output",
        document: |object| {
            format!(
                r#"{{"type": "query",
                    "output": {{"encoding": "application/json", "schema": {object}}}}}"#
            )
        },
        narrowed: &[OldServers],
        widened: &[OldCallers],
        both: &[OldCallers, OldServers],
    },
];

impl Way {
    fn parties(&self, effect: Effect) -> &'static [Party] {
        match effect {
            Nothing => &[],
            Narrows => self.narrowed,
            Widens => self.widened,
            Both => self.both,
        }
    }
}

/// A document `com.example.thing` with this main definition and two others.
fn thing(main: &str) -> Document {
    document(&format!(
        r##""main": {main},
        "a": {{"type": "object", "properties": {{"x": {{"type": "integer"}}}}}},
        "alike": {{"type": "object", "properties": {{"x": {{"type": "integer"}}}}}},
        "stricter": {{"type": "object", "properties": {{"x": {{"type": "integer", "maximum": 9}}}}}},
        "loop": {{"type": "object", "properties": {{"next": {{"type": "ref", "ref": "#loop"}}}}}},
        "loop2": {{"type": "object", "properties": {{"next": {{"type": "ref", "ref": "#loop2"}}}}}},
        "word": {{"type": "string"}}"##
    ))
}

fn document(defs: &str) -> Document {
    let text = format!(r#"{{"lexicon": 1, "id": "com.example.thing", "defs": {{{defs}}}}}"#);
    Document::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Rules and parties, without what merely says that a reference leads elsewhere.
fn found(old: &str, new: &str) -> Vec<(Rule, Vec<Party>)> {
    let changes = diff(&[thing(old)], &[thing(new)]);
    let said = |change: &Change| change.rule != Rule::Reference;
    changes.into_iter().filter(said).map(|change| (change.rule, change.breaks)).collect()
}

/// Whole objects: the rule of the change, its effect, and the rule of the change back.
const OBJECTS: &[(&str, &str, Rule, Effect, Rule)] = &[
    (
        r#""properties": {}"#,
        r#""properties": {"it": {"type": "string"}}"#,
        Rule::FieldAdded,
        Nothing,
        Rule::FieldRemoved,
    ),
    (
        r#""properties": {}"#,
        r#""properties": {"it": {"type": "string"}}, "required": ["it"]"#,
        Rule::FieldAdded,
        Narrows,
        Rule::FieldRemoved,
    ),
    (
        r#""properties": {"it": {"type": "string"}}"#,
        r#""properties": {"it": {"type": "string"}}, "required": ["it"]"#,
        Rule::Required,
        Narrows,
        Rule::Required,
    ),
    (
        r#""properties": {"it": {"type": "string"}}"#,
        r#""properties": {"it": {"type": "string"}}, "nullable": ["it"]"#,
        Rule::Nullable,
        Widens,
        Rule::Nullable,
    ),
    (
        r#""properties": {"it": {"type": "string"}}"#,
        r#""properties": {"that": {"type": "string"}}"#,
        Rule::FieldRenamed,
        Both,
        Rule::FieldRenamed,
    ),
];

#[test]
fn lx_029_new_fields_are_optional_and_required_ones_stay() {
    for way in WAYS {
        for (old, new, rule, effect, back) in OBJECTS {
            let main = |body: &str| (way.document)(&format!(r#"{{"type": "object", {body}}}"#));
            let (old, new) = (main(old), main(new));
            let expected = |rule, effect| vec![(rule, way.parties(effect).to_vec())];
            assert_eq!(found(&old, &new), expected(*rule, *effect), "{old} → {new}");
            let reversed = expected(*back, effect.reversed());
            assert_eq!(found(&new, &old), reversed, "{new} → {old}");
        }
    }
}

/// Main definitions: the change with its parties, and the change back with its own.
type Definitions = (&'static str, &'static str, Rule, &'static [Party], Rule, &'static [Party]);

const DEFINITIONS: &[Definitions] = &[
    (
        r#"{"type": "record", "key": "tid", "record": {"type": "object", "properties": {}}}"#,
        r#"{"type": "record", "key": "any", "record": {"type": "object", "properties": {}}}"#,
        Rule::RecordKey,
        &[OldReaders],
        Rule::RecordKey,
        &[ReadersOfOldRecords, OldWriters],
    ),
    (
        r#"{"type": "record", "key": "tid", "record": {"type": "object", "properties": {}}}"#,
        r#"{"type": "record", "key": "nsid", "record": {"type": "object", "properties": {}}}"#,
        Rule::RecordKey,
        &[ReadersOfOldRecords, OldReaders, OldWriters],
        Rule::RecordKey,
        &[ReadersOfOldRecords, OldReaders, OldWriters],
    ),
    (
        r#"{"type": "query"}"#,
        r#"{"type": "query", "parameters": {"type": "params",
            "properties": {"q": {"type": "string"}}}}"#,
        Rule::FieldAdded,
        &[],
        Rule::FieldRemoved,
        &[],
    ),
    (
        r#"{"type": "query"}"#,
        r#"{"type": "query", "parameters": {"type": "params", "required": ["q"],
            "properties": {"q": {"type": "string"}}}}"#,
        Rule::FieldAdded,
        &[OldCallers],
        Rule::FieldRemoved,
        &[OldServers],
    ),
    (
        r#"{"type": "query"}"#,
        r#"{"type": "query", "output": {"encoding": "*/*"}}"#,
        Rule::Body,
        &[OldServers],
        Rule::Body,
        &[OldCallers],
    ),
    (
        r#"{"type": "procedure"}"#,
        r#"{"type": "procedure", "input": {"encoding": "*/*"}}"#,
        Rule::Body,
        &[OldCallers],
        Rule::Body,
        &[OldCallers, OldServers],
    ),
    (
        r#"{"type": "procedure", "input": {"encoding": "image/png"}}"#,
        r#"{"type": "procedure", "input": {"encoding": "*/*"}}"#,
        Rule::Encoding,
        &[OldServers],
        Rule::Encoding,
        &[OldCallers],
    ),
    (
        r#"{"type": "query", "output": {"encoding": "text/csv"}}"#,
        r#"{"type": "query", "output": {"encoding": "text/plain"}}"#,
        Rule::Encoding,
        &[OldCallers, OldServers],
        Rule::Encoding,
        &[OldCallers, OldServers],
    ),
    (
        r#"{"type": "query", "output": {"encoding": "application/json"}}"#,
        r##"{"type": "query", "output": {"encoding": "application/json",
            "schema": {"type": "ref", "ref": "#a"}}}"##,
        Rule::Type,
        &[OldServers],
        Rule::Type,
        &[OldCallers],
    ),
    (
        r#"{"type": "query"}"#,
        r#"{"type": "query", "errors": [{"name": "NotThere"}]}"#,
        Rule::ErrorAdded,
        &[],
        Rule::ErrorRemoved,
        &[OldCallers, OldServers],
    ),
    (
        r##"{"type": "subscription", "message": {"schema": {"type": "union", "refs": ["#a"]}}}"##,
        r##"{"type": "subscription",
            "message": {"schema": {"type": "union", "refs": ["#a", "#alike"]}}}"##,
        Rule::UnionMembers,
        &[],
        Rule::UnionMembers,
        &[],
    ),
    (
        r#"{"type": "permission-set", "permissions": []}"#,
        r#"{"type": "permission-set", "permissions": [
            {"type": "permission", "resource": "repo", "collection": ["com.example.thing"]}]}"#,
        Rule::PermissionAdded,
        &[],
        Rule::PermissionRemoved,
        &[OldCallers],
    ),
    (
        r#"{"type": "query"}"#,
        r#"{"type": "procedure"}"#,
        Rule::Type,
        &[OldCallers, OldServers],
        Rule::Type,
        &[OldCallers, OldServers],
    ),
    (
        r#"{"type": "token"}"#,
        r#"{"type": "string"}"#,
        Rule::Type,
        &[Referrers],
        Rule::Type,
        &[Referrers],
    ),
];

#[test]
fn lx_029_records_and_endpoints_keep_their_form() {
    for (old, new, rule, parties, back, back_parties) in DEFINITIONS {
        assert_eq!(found(old, new), [(*rule, parties.to_vec())], "{old} → {new}");
        assert_eq!(found(new, old), [(*back, back_parties.to_vec())], "{new} → {old}");
        assert_eq!(found(old, old), [], "{old}");
    }
}

#[test]
fn lx_029_what_is_published_is_not_taken_back() {
    let token = r#""main": {"type": "token"}"#;
    let both = r#""main": {"type": "token"}, "part": {"type": "string"}"#;
    let changes = diff(&[document(both)], &[document(token)]);
    assert_eq!(
        (changes[0].rule, changes[0].breaks.as_slice()),
        (Rule::DefinitionRemoved, &[Referrers][..])
    );
    let changes = diff(&[document(token)], &[document(both)]);
    assert_eq!((changes[0].rule, changes[0].is_breaking()), (Rule::DefinitionAdded, false));

    let record = thing(
        r#"{"type": "record", "key": "tid", "record": {"type": "object", "properties": {}}}"#,
    );
    let [gone] = diff([&record], []).try_into().unwrap();
    assert_eq!(gone.rule, Rule::DocumentRemoved);
    assert_eq!(gone.breaks, [ReadersOfOldRecords, OldReaders, OldWriters, Referrers]);
    let [added] = diff([], [&record]).try_into().unwrap();
    assert_eq!((added.rule, added.is_breaking()), (Rule::DocumentAdded, false));
}

#[test]
fn lx_029_a_shared_definition_breaks_all_who_use_it() {
    let set = |max: u32, main: &str| {
        document(&format!(r#""main": {main}, "part": {{"type": "string", "maxLength": {max}}}"#))
    };
    let breaks = |main: &str| {
        let [change] = diff(&[set(9, main)], &[set(8, main)]).try_into().unwrap();
        assert_eq!(change.path, "defs/part");
        change.breaks
    };
    let in_output = r##"{"type": "query", "output": {"encoding": "application/json",
        "schema": {"type": "object", "properties": {"it": {"type": "ref", "ref": "#part"}}}}}"##;
    assert_eq!(breaks(in_output), [OldServers]);
    let in_record = r##"{"type": "record", "key": "tid", "record": {"type": "object",
        "properties": {"all": {"type": "array", "items": {"type": "ref", "ref": "#part"}}}}}"##;
    assert_eq!(breaks(in_record), [ReadersOfOldRecords, OldWriters]);
    // Nothing here uses it, but something elsewhere may.
    let nowhere = r#"{"type": "token"}"#;
    assert_eq!(breaks(nowhere), [ReadersOfOldRecords, OldWriters, OldCallers, OldServers]);
}

#[test]
fn lx_035_types_that_refer_to_themselves_are_compared_once() {
    let main = |target: &str| {
        format!(
            r#"{{"type": "object", "properties": {{"it": {{"type": "ref", "ref": "{target}"}}}}}}"#
        )
    };
    assert_eq!(found(&main("#loop"), &main("#loop2")), []);

    // A chain that is longer than the stack is deep.
    let chain = |prefix: &str, last: &str| {
        let link = |index: u32| {
            let id = format!("com.example.{prefix}.link{index}");
            let next = format!("com.example.{prefix}.link{}", index + 1);
            let main = match index {
                LENGTH => last.to_owned(),
                _ => format!(
                    r#"{{"type": "object", "properties": {{"next": {{"type": "ref", "ref": "{next}"}}}}}}"#
                ),
            };
            let text = format!(r#"{{"lexicon": 1, "id": "{id}", "defs": {{"main": {main}}}}}"#);
            Document::from_json(text.as_bytes()).unwrap()
        };
        let first = document(&format!(
            r#""main": {{"type": "object", "properties":
                {{"it": {{"type": "ref", "ref": "com.example.{prefix}.link0"}}}}}}"#
        ));
        (0..=LENGTH).map(link).chain([first]).collect::<Vec<_>>()
    };
    const LENGTH: u32 = 20_000;
    let (old, new) = (chain("a", r#"{"type": "string"}"#), chain("b", r#"{"type": "integer"}"#));
    let changes = diff(&old, &new);
    assert_eq!(changes.iter().filter(|change| change.rule == Rule::Type).count(), 1);
}

#[test]
fn lx_029_every_rule_has_a_name_of_its_own() {
    let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    names.extend(Party::ALL.iter().map(|party| party.name()));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    let [change] = diff(&[document(r#""main": {"type": "token"}"#)], &[]).try_into().unwrap();
    let text = "com.example.thing: the document is gone, which breaks documents that refer to it";
    assert_eq!(change.to_string(), text);
}
