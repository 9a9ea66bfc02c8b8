//! Datetimes, language tags and URIs: the grammar, and moments by another calculation.

use atproto_core::syntax::{Datetime, Language, Uri};

use super::identifier::{compare, lines, parse_verbatim};

pub(crate) fn check(data: &[u8]) {
    lines(data, one, two);
    if let Some((micros, _)) = data.split_first_chunk::<8>() {
        moment(i64::from_be_bytes(*micros));
    }
}

fn one(text: &str) {
    let datetime = parse_verbatim::<Datetime>(text, Datetime::check);
    let micros = datetime.as_ref().and_then(Datetime::unix_micros);
    assert_eq!(micros.is_some(), datetime.is_some());
    assert_eq!(micros, micros_of(text), "datetime {text:?}");
    if let Some(micros) = micros {
        moment(micros);
    }
    if let Some(language) = parse_verbatim::<Language>(text, Language::check) {
        assert!(text.split('-').all(|subtag| (1..=8).contains(&subtag.len())));
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        assert!(language.primary().is_none_or(|primary| text.starts_with(primary)));
        let _ = language.is_strict();
    }
    let uri = parse_verbatim::<Uri>(text, Uri::check);
    assert_eq!(uri.is_some(), is_uri(text), "URI {text:?}");
    if let Some(uri) = uri {
        assert!(text.starts_with(&format!("{}:", uri.scheme())));
    }
}

fn two(left: &str, right: &str) {
    compare::<Datetime>(left, right);
    compare::<Language>(left, right);
    compare::<Uri>(left, right);
}

/// A moment that has a datetime is the moment of that datetime.
fn moment(micros: i64) {
    let datetime = Datetime::from_unix_micros(micros);
    let read = datetime.unix_micros();
    if (YEAR_ZERO..=YEAR_LAST).contains(&micros) {
        assert_eq!(read, Some(micros), "{datetime}");
    }
    assert_eq!(read, micros_of(datetime.as_str()), "{datetime}");
}

fn is_uri(text: &str) -> bool {
    text.len() <= 8192
        && text.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                && !rest.is_empty()
                && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
        })
}

/// The microseconds of a datetime, or none if the text is not one.
fn micros_of(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(11).filter(|_| text.len() <= 64)?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = fields(date.strip_suffix('T')?, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields(time, ':', [2, 2, 2])?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let fraction = match fraction.strip_prefix('.') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{digits:0<6}")[..6].parse().ok()?
        }
        None if fraction.is_empty() => 0,
        _ => return None,
    };
    let offset = match (&zone[..1], &zone[1..]) {
        ("Z", "") => 0,
        (sign @ ("+" | "-"), offset) => {
            let [hours, minutes] = fields(offset, ':', [2, 2])?;
            let minutes = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
            if sign == "+" { minutes } else { (minutes > 0).then_some(-minutes)? }
        }
        _ => return None,
    };
    let leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    let february = if leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = months.get(..usize::try_from(month - 1).ok()?)?;
    let valid =
        (1..=*months.get(before.len())?).contains(&day) && hour < 24 && minute < 60 && second < 60;
    // Leap days of the years before this one, the year 0 among them.
    let leaps = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let days = year * 365 + leaps + before.iter().sum::<i64>() + day - 1;
    let minutes = (days * 24 + hour) * 60 + minute - offset;
    let micros = YEAR_ZERO + (minutes * 60 + second) * 1_000_000 + fraction;
    (valid && micros >= YEAR_ZERO).then_some(micros)
}

/// Numbers of so many digits, with something between them.
fn fields<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let parts: Vec<_> = text.split(between).collect();
    let parts: [&str; N] = parts.try_into().ok()?;
    let mut numbers = [0; N];
    for ((number, part), digits) in numbers.iter_mut().zip(parts).zip(digits) {
        let sound = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = part.parse().ok().filter(|_| sound)?;
    }
    Some(numbers)
}

/// 0000-01-01T00:00:00Z and the end of 9999, in microseconds.
const YEAR_ZERO: i64 = -62_167_219_200_000_000;
const YEAR_LAST: i64 = 253_402_300_799_999_999;
