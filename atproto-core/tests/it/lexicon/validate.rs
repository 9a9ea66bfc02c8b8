//! Which values match their schemas.

use atproto_core::{
    data::{
        Value,
        cbor::{self, Checked},
        json,
    },
    lexicon::{Catalog, Document, Rule, ValidationError, ValidationOptions},
    syntax::Nsid,
};

fn nsid(text: &str) -> Nsid {
    Nsid::new(text).unwrap()
}

/// A catalog with one record `com.example.thing` whose property `x` has the given type.
fn catalog(schema: &str) -> Catalog {
    let text = format!(
        r#"{{"lexicon": 1, "id": "com.example.thing", "defs": {{
            "main": {{"type": "record", "key": "tid", "record":
                {{"type": "object", "properties": {{"x": {schema}}}}}}},
            "name": {{"type": "token"}},
            "part": {{"type": "object", "required": ["n"],
                "properties": {{"n": {{"type": "integer"}}}}}}
        }}}}"#
    );
    Catalog::from_documents([Document::from_json(text.as_bytes()).unwrap()])
}

fn record(x: &str) -> Value {
    json::decode(format!(r#"{{"$type": "com.example.thing", "x": {x}}}"#)).unwrap()
}

/// Strictly by default; what an entry says has to hold for the value and for its bytes.
#[track_caller]
fn check(schema: &str, good: &[&str], bad: &[(&str, &str)]) {
    check_with(ValidationOptions::default(), schema, good, bad);
}

#[track_caller]
fn check_with(options: ValidationOptions, schema: &str, good: &[&str], bad: &[(&str, &str)]) {
    let catalog = catalog(schema).options(options);
    for x in good {
        let result = verdict(&catalog, &record(x));
        assert!(result.is_ok(), "{x}: {result:?}");
    }
    for (x, message) in bad {
        let error = verdict(&catalog, &record(x)).expect_err(x);
        assert_eq!(error.to_string(), *message);
    }
}

/// What a catalog says of a value, which is what it says of its bytes.
#[track_caller]
fn verdict(catalog: &Catalog, record: &Value) -> Result<(), ValidationError> {
    let (name, bytes) = (nsid("com.example.thing"), cbor::encode(record));
    let of_value = catalog.validate_record(&name, record);
    let of_bytes = catalog.validate_record(&name, Checked::new(&bytes).unwrap());
    assert_eq!(of_value, of_bytes, "{record:?}");
    of_value
}

#[test]
fn lx_008_integers() {
    check(
        r#"{"type": "integer", "minimum": 2, "maximum": 4}"#,
        &["2", "4"],
        &[
            ("1", "x: 1 is less than 2"),
            ("5", "x: 5 is greater than 4"),
            (r#""3""#, "x: integer is expected, string found"),
        ],
    );
    check(
        r#"{"type": "integer", "enum": [1, 3]}"#,
        &["1", "3"],
        &[("2", "x: the value is not one of those allowed")],
    );
    check(
        r#"{"type": "integer", "const": 7}"#,
        &["7"],
        &[("8", "x: the value is not the only one allowed")],
    );
}

#[test]
fn lx_009_lengths_are_in_bytes() {
    check(
        r#"{"type": "string", "minLength": 2, "maxLength": 4}"#,
        &[r#""ab""#, r#""éé""#],
        &[(r#""a""#, "x: length 1 is less than 2"), (r#""ééé""#, "x: length 6 is greater than 4")],
    );
}

#[test]
fn lx_010_graphemes_are_clusters() {
    check(
        r#"{"type": "string", "minGraphemes": 1, "maxGraphemes": 2}"#,
        &[r#""👩‍👩‍👦‍👦🏳️‍🌈""#],
        &[
            (r#""""#, "x: 0 graphemes are fewer than 1"),
            (r#""abc""#, "x: 3 graphemes are more than 2"),
        ],
    );
}

#[test]
fn lx_012_known_values_are_open_and_enumerations_closed() {
    check(r#"{"type": "string", "knownValues": ["a"]}"#, &[r#""a""#, r#""b""#], &[]);
    check(
        r#"{"type": "string", "enum": ["a"]}"#,
        &[r#""a""#],
        &[(r#""b""#, "x: the value is not one of those allowed")],
    );
    // In whatever order they are listed.
    check(r#"{"type": "string", "enum": ["c", "b", "a"]}"#, &[r#""a""#, r#""b""#, r#""c""#], &[]);
    check(r#"{"type": "integer", "enum": [3, 2, 1]}"#, &["1", "2", "3"], &[]);
}

#[test]
fn lx_013_lengths_of_bytes_are_raw() {
    check(
        r#"{"type": "bytes", "maxLength": 2}"#,
        &[r#"{"$bytes": "AAA="}"#],
        &[(r#"{"$bytes": "AAAA"}"#, "x: length 3 is greater than 2")],
    );
}

#[test]
fn lx_014_lengths_of_arrays_are_elements() {
    check(
        r#"{"type": "array", "items": {"type": "string"}, "minLength": 1, "maxLength": 2}"#,
        &[r#"["a"]"#],
        &[
            ("[]", "x: length 0 is less than 1"),
            (r#"["a", "b", "c"]"#, "x: length 3 is greater than 2"),
            (r#"["a", 1]"#, "x/1: string is expected, integer found"),
        ],
    );
}

#[test]
fn lx_015_null_only_where_nullable() {
    check(
        r#"{"type": "object", "nullable": ["a"], "required": ["a"], "properties":
            {"a": {"type": "string"}, "b": {"type": "string"}}}"#,
        &[r#"{"a": null}"#],
        &[
            ("{}", "x: `a` is required"),
            (r#"{"a": "", "b": null}"#, "x/b: string is expected, null found"),
        ],
    );
}

/// Wherever it would stand among the keys that are there.
#[test]
fn lx_015_what_is_required_is_missed() {
    let missing = "x: `bb` is required";
    check(
        r#"{"type": "object", "required": ["bb"], "properties":
            {"ccc": {"type": "string"}, "bb": {"type": "string"}, "a": {"type": "string"}}}"#,
        &[r#"{"bb": ""}"#, r#"{"a": "", "b": 1, "bb": "", "bc": 2, "ccc": "", "dddd": 3}"#],
        &[
            ("{}", missing),
            (r#"{"a": ""}"#, missing),
            (r#"{"ccc": ""}"#, missing),
            (r#"{"a": "", "ccc": ""}"#, missing),
            (r#"{"b": "", "bc": ""}"#, missing),
            (r#"{"dddd": ""}"#, missing),
        ],
    );
}

#[test]
fn lx_016_blobs() {
    let blob = |mime: &str, size: u64| {
        format!(
            r#"{{"$type": "blob", "mimeType": "{mime}", "size": {size}, "ref":
                {{"$link": "bafkreifstakm6v4s42cm25owu76opjt2cgeh4mjpq7fcvqsjnwa7gzp7oi"}}}}"#
        )
    };
    check(
        r#"{"type": "blob", "accept": ["image/*", "text/plain"], "maxSize": 10}"#,
        &[&blob("image/png", 10), &blob("text/plain", 1)],
        &[
            (&blob("text/html", 1), "x: a blob of media type `text/html` is not accepted"),
            (&blob("image", 1), "x: a blob of media type `image` is not accepted"),
            (&blob("image/png", 11), "x: the blob has 11 bytes, at most 10 are allowed"),
            ("{}", "x: blob is expected, object found"),
        ],
    );
}

#[test]
fn lx_018_union_members_need_a_type() {
    check(
        r##"{"type": "union", "refs": ["#part"]}"##,
        &[r#"{"$type": "com.example.thing#part", "n": 1}"#],
        &[
            (r#"{"n": 1}"#, "x: the member of a union needs a `$type`"),
            (r##"{"$type": "#part", "n": 1}"##, "x/$type: `#part` names no type"),
            (
                r#"{"$type": "com.example.thing#part", "n": "1"}"#,
                "x/n: integer is expected, string found",
            ),
        ],
    );
}

#[test]
fn lx_004_main_is_never_written_out() {
    let explicit = r#"{"$type": "com.example.thing#main"}"#;
    let message = "x/$type: `com.example.thing#main` names no type";
    let union = r##"{"type": "union", "refs": ["com.example.thing"]}"##;
    check(union, &[r#"{"$type": "com.example.thing"}"#], &[(explicit, message)]);
    check_with(ValidationOptions::LENIENT, union, &[explicit], &[]);

    let record = json::decode(r#"{"$type": "com.example.thing#main"}"#).unwrap();
    let error = verdict(&catalog(r#"{"type": "string"}"#), &record).unwrap_err();
    assert_eq!(error.to_string(), "$type: `$type` has to be `com.example.thing`");
}

#[test]
fn lx_005_a_record_has_a_key_and_an_object() {
    let main = |rest: &str| {
        let text = format!(
            r#"{{"lexicon": 1, "id": "com.example.thing", "defs":
                {{"main": {{"type": "record"{rest}}}}}}}"#
        );
        Document::from_json(text.as_bytes()).map(drop).map_err(|error| error.rule().to_string())
    };
    let object = r#", "record": {"type": "object", "properties": {}}"#;
    assert_eq!(main(&format!(r#", "key": "tid"{object}"#)), Ok(()));
    assert_eq!(main(object), Err("`key` is missing".into()));
    assert_eq!(main(r#", "key": "tid""#), Err("`record` is missing".into()));
    let other = main(r#", "key": "tid", "record": {"type": "string"}"#);
    assert_eq!(other, Err("a string cannot stand here".into()));
    for key in ["", "uuid", "literal:", "literal:a b", "TID"] {
        let error = main(&format!(r#", "key": "{key}"{object}"#));
        assert_eq!(error, Err(format!("`{key}` is no record key rule")));
    }
    let list = Value::List(Vec::new());
    let error = verdict(&catalog(r#"{"type": "string"}"#), &list).unwrap_err();
    assert_eq!(error.to_string(), "object is expected, array found");
}

#[test]
fn lx_019_open_unions_take_other_types_and_closed_ones_do_not() {
    let other = r#"{"$type": "com.example.other", "anything": 1}"#;
    check(r##"{"type": "union", "refs": ["#part"]}"##, &[other], &[]);
    check(
        r##"{"type": "union", "refs": ["#part"], "closed": true}"##,
        &[],
        &[(other, "x: the closed union has no member `com.example.other`")],
    );
}

#[test]
fn lx_021_unknown_is_an_object() {
    check(
        r#"{"type": "unknown"}"#,
        &["{}", r#"{"$type": "com.example.any", "a": [1]}"#],
        &[
            ("1", "x: unknown object is expected, integer found"),
            (r#"{"$bytes": "AA"}"#, "x: unknown object is expected, bytes found"),
        ],
    );
}

#[test]
fn lx_023_records_carry_their_type() {
    let catalog = catalog(r#"{"type": "string"}"#);
    let name = nsid("com.example.thing");
    for text in [r#"{"x": "a"}"#, r#"{"$type": "com.example.other", "x": "a"}"#] {
        let error = catalog.validate_record(&name, &json::decode(text).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "$type: `$type` has to be `com.example.thing`");
    }
}

#[test]
fn lx_023_a_record_inside_another_carries_its_type_too() {
    check(
        r#"{"type": "ref", "ref": "com.example.thing"}"#,
        &[r#"{"$type": "com.example.thing"}"#],
        &[("{}", "x/$type: `$type` has to be `com.example.thing`")],
    );
}

#[test]
fn an_object_that_says_what_it_is_says_it_right() {
    check(
        r##"{"type": "ref", "ref": "#part"}"##,
        &[r#"{"$type": "com.example.thing#part", "n": 1}"#],
        &[(
            r#"{"$type": "com.example.other", "n": 1}"#,
            "x/$type: `$type` has to be `com.example.thing#part`",
        )],
    );
    check(r#"{"type": "object", "properties": {}}"#, &[r#"{"$type": "com.example.any"}"#], &[]);
}

#[test]
fn lx_022_a_token_has_no_data() {
    let catalog = catalog(r##"{"type": "ref", "ref": "#name"}"##);
    let faults: Vec<_> = catalog.link().iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["com.example.thing refers to com.example.thing#name, which is a token"]);
    // Where the document is used all the same, the token's name is the one value.
    check(
        r##"{"type": "ref", "ref": "#name"}"##,
        &[r#""com.example.thing#name""#],
        &[("{}", "x: the token `com.example.thing#name` is expected")],
    );
}

#[test]
fn lx_024_references_need_no_type() {
    check(
        r##"{"type": "ref", "ref": "#part"}"##,
        &[r#"{"n": 1}"#],
        &[("{}", "x: `n` is required")],
    );
    check(r#"{"type": "ref", "ref": "com.example.absent"}"#, &["{}", "1"], &[]);
}

#[test]
fn lx_025_unexpected_fields_are_allowed() {
    let catalog = catalog(r#"{"type": "string"}"#);
    let value = json::decode(r#"{"$type": "com.example.thing", "y": [1]}"#).unwrap();
    assert!(catalog.validate_record(&nsid("com.example.thing"), &value).is_ok());
}

#[test]
fn lx_035_endless_schemas_meet_finite_values() {
    let text = br##"{"lexicon": 1, "id": "com.example.endless", "defs": {
        "main": {"type": "record", "key": "any", "record": {"type": "object",
            "properties": {"a": {"type": "ref", "ref": "#list"}}}},
        "list": {"type": "array", "items": {"type": "ref", "ref": "#list"}}
    }}"##;
    let catalog = Catalog::from_documents([Document::from_json(text).unwrap()]);
    let mut list = Value::List(Vec::new());
    for _ in 0..10_000 {
        list = Value::List(vec![list]);
    }
    let record = Value::Map(
        [("$type", Value::from("com.example.endless")), ("a", list)].into_iter().collect(),
    );
    let error = catalog.validate_record(&nsid("com.example.endless"), &record).unwrap_err();
    assert_eq!(error.rule, Rule::Depth);
    // Dropping ten thousand nested lists would itself need a deep stack.
    std::mem::forget(record);
}

#[test]
fn parameters_bodies_and_messages() {
    let text = br##"{"lexicon": 1, "id": "com.example.call", "defs": {"main": {"type": "procedure",
        "parameters": {"type": "params", "required": ["n"], "properties": {"n": {"type": "integer"}}},
        "input": {"encoding": "application/json", "schema": {"type": "object", "required": ["a"],
            "properties": {"a": {"type": "string"}}}},
        "output": {"encoding": "*/*"}
    }}}"##;
    let stream = br##"{"lexicon": 1, "id": "com.example.stream", "defs": {
        "main": {"type": "subscription", "message": {"schema": {"type": "union", "refs": ["#tick"]}}},
        "tick": {"type": "object", "required": ["seq"], "properties": {"seq": {"type": "integer"}}}
    }}"##;
    let catalog = Catalog::from_documents([
        Document::from_json(text).unwrap(),
        Document::from_json(stream).unwrap(),
    ]);
    let (call, stream) = (nsid("com.example.call"), nsid("com.example.stream"));
    let value = |text: &str| json::decode(text).unwrap();
    assert!(catalog.validate_params(&call, &value(r#"{"n": 1, "other": "x"}"#)).is_ok());
    assert!(catalog.validate_params(&call, &value(r#"{"n": "1"}"#)).is_err());
    assert!(catalog.validate_input(&call, &value(r#"{"a": ""}"#)).is_ok());
    assert!(catalog.validate_input(&call, &value("{}")).is_err());
    assert!(catalog.validate_output(&call, &value("[]")).is_ok());
    assert!(catalog.validate_input(&stream, &value("{}")).is_err());
    assert!(catalog.validate_message(&stream, "#tick", &value(r#"{"seq": 1}"#)).is_ok());
    assert!(catalog.validate_message(&stream, "#tick", &value("{}")).is_err());
    assert!(catalog.validate_message(&stream, "#tock", &value("{}")).is_ok());
}
