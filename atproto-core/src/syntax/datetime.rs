use smol_str::{SmolStr, format_smolstr};

use super::{Fault, SyntaxError, tid};

/// A moment in time, kept as the text in which it was written.
///
/// The grammar is what RFC 3339, ISO 8601 and HTML have in common: upper-case `T` and
/// `Z`, seconds, a time zone, no `-00:00`. The calendar is checked too: there is no
/// 30 February, no hour 24, and no second 60. Times that fall before the year 0 once
/// their offset is applied are refused.
///
/// Comparison is that of the text, so that it survives a round trip byte for byte. To
/// compare moments, compare [`Datetime::unix_micros`].
///
/// See the [specification](https://atproto.com/specs/lexicon#datetime).
///
/// ```
/// use atproto_core::syntax::Datetime;
///
/// let time = Datetime::new("1985-04-12T23:20:50.123+01:00")?;
/// assert_eq!(time.unix_micros(), Some(482_192_450_123_000));
/// assert_eq!(Datetime::from_unix_micros(482_192_450_123_000), "1985-04-12T22:20:50.123Z");
/// # Ok::<(), atproto_core::syntax::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct Datetime(SmolStr);

string_type!(Datetime, "a datetime");

impl Datetime {
    /// The longest datetime in bytes. Ours, as the reference implementation has it: the
    /// specification puts no limit on the digits of a fraction.
    pub const MAX_LEN: usize = 64;

    /// Parses a datetime.
    pub fn new(text: impl AsRef<str>) -> Result<Self, SyntaxError> {
        let text = text.as_ref();
        Self::check(text)?;
        Ok(Self(SmolStr::new(text)))
    }

    /// Whether the text is a datetime, without making a value of it. Never allocates.
    pub fn check(text: &str) -> Result<(), SyntaxError> {
        parse(text.as_bytes(), Form::Strict).map(|_| ()).map_err(SyntaxError::Datetime)
    }

    /// Whether the text is a datetime or what old software wrote for one: its seconds, its
    /// time zone or the colon in that may be missing, and the zone may be `-00:00`. No
    /// `Datetime` can be made of such a text. Never allocates.
    pub fn check_lenient(text: &str) -> Result<(), SyntaxError> {
        parse(text.as_bytes(), Form::Lenient).map(|_| ()).map_err(SyntaxError::Datetime)
    }

    /// The present by the system's clock, in milliseconds, in UTC.
    pub fn now() -> Self {
        let micros = i64::try_from(tid::unix_micros()).unwrap_or(i64::MAX);
        Self::from_unix_micros(micros - micros.rem_euclid(1000))
    }

    /// The moment that many microseconds after the Unix epoch, in UTC, with three digits
    /// of fraction or, where they are needed, six. Moments outside the years 0 to 9999
    /// become the nearest inside.
    pub fn from_unix_micros(micros: i64) -> Self {
        let micros = micros.clamp(YEAR_ZERO, YEAR_LAST);
        let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        let (hour, minute, second) = (rest / HOUR, rest / MINUTE % 60, rest / SECOND % 60);
        let date = format_args!("{year:04}-{month:02}-{day:02}");
        let fraction = rest % SECOND;
        Self(if fraction % 1000 == 0 {
            let millis = fraction / 1000;
            format_smolstr!("{date}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
        } else {
            format_smolstr!("{date}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
        })
    }

    /// The datetime as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Microseconds since the Unix epoch; finer digits are dropped. Read from the text
    /// at each call.
    pub fn unix_micros(&self) -> Option<i64> {
        parse(self.0.as_bytes(), Form::Strict).ok()
    }
}

/// Checks a datetime and gives its microseconds since the Unix epoch.
fn parse(text: &[u8], form: Form) -> Result<i64, Fault> {
    if text.len() > Datetime::MAX_LEN {
        return Err(Fault::TooLong { part: "datetime", limit: Datetime::MAX_LEN });
    }
    let mut cursor = Cursor { text, at: 0, form };
    let days = cursor.date()?;
    cursor.byte(b'T')?;
    let time = cursor.time()?;
    let offset = cursor.offset()?;
    if cursor.at < text.len() {
        return Err(Fault::Trailing);
    }
    let micros = days * DAY + time - offset;
    if micros < YEAR_ZERO { Err(Fault::BeforeYearZero) } else { Ok(micros) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Strict,
    Lenient,
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    form: Form,
}

impl Cursor<'_> {
    /// `YYYY-MM-DD`, as days since the Unix epoch.
    fn date(&mut self) -> Result<i64, Fault> {
        let year = self.digits(4)?;
        self.byte(b'-')?;
        let month = self.field(1..=12, "month")?;
        self.byte(b'-')?;
        let day = self.field(1..=days_in_month(year, month), "day")?;
        Ok(days_of(year, month, day))
    }

    /// `HH:MM:SS[.F…]`, as microseconds since midnight.
    fn time(&mut self) -> Result<i64, Fault> {
        let hour = self.field(0..=23, "hour")?;
        self.byte(b':')?;
        let minute = self.field(0..=59, "minute")?;
        if self.is_lenient() && self.peek() != Some(b':') {
            return Ok(hour * HOUR + minute * MINUTE);
        }
        self.byte(b':')?;
        let second = self.field(0..=59, "second")?;
        Ok(hour * HOUR + minute * MINUTE + second * SECOND + self.fraction()?)
    }

    /// Nothing, or a point and at least one digit, as microseconds.
    fn fraction(&mut self) -> Result<i64, Fault> {
        if self.peek() != Some(b'.') {
            return Ok(0);
        }
        self.at += 1;
        let (mut micros, mut unit) = (self.digits(1)? * SECOND / 10, SECOND / 100);
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
            self.at += 1;
        }
        Ok(micros)
    }

    /// `Z` or `±HH:MM`, as microseconds east of UTC.
    fn offset(&mut self) -> Result<i64, Fault> {
        let start = self.at;
        let sign = match self.peek() {
            Some(b'Z') => 0,
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return Err(Fault::BadCharacter { at: start }),
            None if self.is_lenient() => return Ok(0),
            None => return Err(Fault::Empty { part: "time zone" }),
        };
        self.at += 1;
        if sign == 0 {
            return Ok(0);
        }
        let hour = self.field(0..=23, "offset")?;
        if !self.is_lenient() || self.peek() == Some(b':') {
            self.byte(b':')?;
        }
        let minute = self.field(0..=59, "offset")?;
        let offset = sign * (hour * HOUR + minute * MINUTE);
        // In RFC 3339 "-00:00" means that the zone is unknown, and ISO 8601 forbids it.
        let unknown = sign < 0 && offset == 0;
        if unknown && !self.is_lenient() {
            return Err(Fault::BadCharacter { at: start });
        }
        Ok(offset)
    }

    /// Two digits within a range.
    fn field(
        &mut self,
        range: std::ops::RangeInclusive<i64>,
        field: &'static str,
    ) -> Result<i64, Fault> {
        let value = self.digits(2)?;
        if range.contains(&value) { Ok(value) } else { Err(Fault::BadTime { field }) }
    }

    fn digits(&mut self, count: usize) -> Result<i64, Fault> {
        let mut value = 0;
        for _ in 0..count {
            let digit = self.peek().filter(u8::is_ascii_digit);
            let digit = digit.ok_or(Fault::BadCharacter { at: self.at })?;
            value = value * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        Ok(value)
    }

    fn byte(&mut self, expected: u8) -> Result<(), Fault> {
        if self.peek() != Some(expected) {
            return Err(Fault::BadCharacter { at: self.at });
        }
        self.at += 1;
        Ok(())
    }

    fn is_lenient(&self) -> bool {
        self.form == Form::Lenient
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from the Unix epoch to a date of the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year, and in
/// cycles of 400 years, which all have the same number of days.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    cycle * CYCLE + year * 365 + year / 4 - year / 100 + day_of_year - EPOCH
}

/// The inverse of [`days_of`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let (cycle, day) = ((days + EPOCH).div_euclid(CYCLE), (days + EPOCH).rem_euclid(CYCLE));
    let year = (day - day / 1460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = cycle * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// Days of 400 years.
const CYCLE: i64 = 146_097;
/// Days from 1 March of the year 0 to the Unix epoch.
const EPOCH: i64 = 719_468;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// 0000-01-01T00:00:00Z, in microseconds.
const YEAR_ZERO: i64 = -719_528 * DAY;
/// The last microsecond of 9999-12-31, the last day that four digits of year can name.
const YEAR_LAST: i64 = 2_932_897 * DAY - 1;
