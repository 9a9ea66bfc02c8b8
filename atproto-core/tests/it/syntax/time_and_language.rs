//! Datetimes and language tags: the statements DT-001 to DT-005 and LNG-001.

use atproto_core::syntax::{Datetime, Fault, Language, SyntaxError};

#[test]
fn dt_001_grammar() {
    for bad in [
        "",
        "1985-04-12",
        "1985-04-12T23:20:50",
        "1985-04-12t23:20:50Z",
        "1985-04-12 23:20:50Z",
        "1985-04-12T23:20Z",
        "1985-04-12T23:20:50.Z",
        "1985-04-12T23:20:50,5Z",
        "1985-04-12T23:20:50ZZ",
        "85-04-12T23:20:50Z",
        "+1985-04-12T23:20:50Z",
    ] {
        assert!(Datetime::new(bad).is_err(), "{bad}");
    }
    let digits = |count: usize| format!("1985-04-12T23:20:50.{}Z", "1".repeat(count));
    assert!(Datetime::new(digits(43)).is_ok());
    let fault = Fault::TooLong { part: "datetime", limit: 64 };
    assert_eq!(Datetime::new(digits(44)), Err(SyntaxError::Datetime(fault)));
}

#[test]
fn dt_002_time_zone() {
    for zone in ["Z", "+00:00", "-00:01", "+23:59", "-12:00"] {
        assert!(Datetime::new(format!("1985-04-12T23:20:50{zone}")).is_ok(), "{zone}");
    }
    for zone in ["", "z", "-00:00", "+0000", "+00", "+1:00", "+01:0", "+24:00", "+01:60", "01:00"] {
        assert!(Datetime::new(format!("1985-04-12T23:20:50{zone}")).is_err(), "{zone}");
    }
}

#[test]
fn dt_003_before_the_year_0() {
    let fault = |text| Datetime::new(text).unwrap_err().fault();
    assert_eq!(fault("0000-01-01T00:59:59+01:00"), Fault::BeforeYearZero);
    assert!(Datetime::new("0000-01-01T01:00:00+01:00").is_ok());
    assert!(Datetime::new("-0001-01-01T00:00:00Z").is_err());
}

#[test]
fn dt_004_calendar_and_clock() {
    let time = |text| Datetime::new(text).map_err(|error| error.fault());
    assert!(time("2000-02-29T00:00:00Z").is_ok());
    assert_eq!(time("1900-02-29T00:00:00Z"), Err(Fault::BadTime { field: "day" }));
    assert_eq!(time("2023-04-31T00:00:00Z"), Err(Fault::BadTime { field: "day" }));
    assert_eq!(time("2023-13-01T00:00:00Z"), Err(Fault::BadTime { field: "month" }));
    assert_eq!(time("2023-01-01T24:00:00Z"), Err(Fault::BadTime { field: "hour" }));
    assert_eq!(time("2023-01-01T00:60:00Z"), Err(Fault::BadTime { field: "minute" }));
    assert_eq!(time("2016-12-31T23:59:60Z"), Err(Fault::BadTime { field: "second" }));
    assert_eq!(time("2023-01-01T00:00:00+01:60"), Err(Fault::BadTime { field: "offset" }));
}

#[test]
fn dt_005_text_is_kept() {
    let text = "\"1985-04-12T23:20:50.1200+00:00\"";
    let time: Datetime = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&time).unwrap(), text);
}

#[test]
fn moments_of_known_texts() {
    for (text, micros) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2000-03-01T00:00:00Z", 951_868_800_000_000),
        ("2026-11-23T05:00:00.0000019Z", 1_795_410_000_000_001),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("1970-01-01T00:00:00-01:30", 5_400_000_000),
    ] {
        assert_eq!(Datetime::new(text).unwrap().unix_micros(), Some(micros), "{text}");
    }
}

#[test]
fn texts_of_known_moments() {
    let text = |micros| Datetime::from_unix_micros(micros).to_string();
    assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(text(-1), "1969-12-31T23:59:59.999999Z");
    assert_eq!(text(1_709_164_800_120_000), "2024-02-29T00:00:00.120Z");
    assert_eq!(text(i64::MIN), "0000-01-01T00:00:00.000Z");
    assert_eq!(text(i64::MAX), "9999-12-31T23:59:59.999999Z");
}

#[test]
fn now_has_milliseconds() {
    let now = Datetime::now();
    assert_eq!(now.as_str().len(), "1970-01-01T00:00:00.000Z".len());
    assert!(now.unix_micros().unwrap() > 1_700_000_000_000_000);
}

#[test]
fn lng_001_well_formed() {
    for tag in [
        "de",
        "DE-ch",
        "zh-cmn-Hans-CN",
        "sl-rozaj-biske-1994",
        "de-a-value-x-1",
        "x-1",
        "X-a-b",
        "i-klingon",
        "I-KLINGON",
        "en-gb-OED",
        "abcd",
        "abcdefgh",
        "aa-bbb-ccc-ddd",
        "zh-min-nan",
    ] {
        assert!(Language::new(tag).is_ok(), "{tag}");
    }
    for tag in [
        "",
        "-",
        "a",
        "i",
        "i-unknown",
        "x",
        "de-",
        "-de",
        "de--DE",
        "de-x",
        "de-a",
        "de-a-x-b",
        "de-DE-CH",
        "abcdefghi",
        "de-abcdefghi",
        "d1",
        "de_DE",
        "de-ü",
        "aa-bbb-ccc-ddd-eee",
        "de-1a",
    ] {
        assert!(Language::new(tag).is_err(), "{tag}");
    }
}

#[test]
fn lng_001_strict() {
    for (tag, strict) in [
        ("de", true),
        ("x-a-a", true),
        ("de-x-1901-1901", true),
        ("de-1901-1996", true),
        ("de-a-1901-b-1901", true),
        ("de-1901-1901", false),
        ("de-a-bb-A-cc", false),
        ("De", false),
        ("abcd", false),
    ] {
        assert_eq!(Language::new(tag).unwrap().is_strict(), strict, "{tag}");
    }
    assert_eq!(Language::new("i-klingon").unwrap().primary(), None);
    assert_eq!(Language::new("X-a").unwrap().primary(), None);
}
