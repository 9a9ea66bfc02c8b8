//! Log lines as JSON, one object a line.
//!
//! The fields of the spans around an event are part of its line, the inner span's first:
//! a request's id and DID need to be said only once.

use std::{
    fmt::Debug,
    io::Write,
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

use opentelemetry::trace::TraceContextExt;
use serde_json::{Map, Value};
use tracing::{
    Dispatch, Event, Subscriber,
    dispatcher::WeakDispatch,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::Service;

pub(crate) struct JsonLog {
    service: Service,
    /// Where this layer ended up, to ask the trace layer beside it for ids.
    dispatch: OnceLock<WeakDispatch>,
}

impl JsonLog {
    pub(crate) fn new(service: &Service) -> Self {
        Self { service: service.clone(), dispatch: OnceLock::new() }
    }

    fn line<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Map<String, Value>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let metadata = event.metadata();
        let mut line = Fields::default();
        event.record(&mut line);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.add_missing(fields);
            }
            self.add_trace(&mut line, &span.id());
        }
        // Last, so that no field of an event can pass for one of these.
        line.put("timestamp", timestamp(SystemTime::now()));
        line.put("level", metadata.level().as_str());
        line.put("target", metadata.target());
        line.put("service", self.service.name);
        line.put("version", self.service.version);
        line.0
    }

    /// The ids that lead from a log line to its trace; there are none while no collector is set.
    fn add_trace(&self, line: &mut Fields, span: &Id) {
        let dispatch = self.dispatch.get().and_then(WeakDispatch::upgrade);
        let Some(context) = dispatch.and_then(|dispatch| get_otel_context(span, &dispatch)) else {
            return;
        };
        let ids = context.span().span_context().clone();
        if ids.is_valid() {
            line.put_missing("trace_id", ids.trace_id().to_string());
            line.put_missing("span_id", ids.span_id().to_string());
        }
    }
}

impl<S> Layer<S> for JsonLog
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // A layer is registered once.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // A map of strings and numbers always serialises.
        let Ok(mut line) = serde_json::to_vec(&self.line(event, &context)) else { return };
        line.push(b'\n');
        // Nobody is left to tell when standard error is gone.
        let _ = std::io::stderr().lock().write_all(&line);
    }
}

/// Field values by name.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn put_missing(&mut self, name: &str, value: impl Into<Value>) {
        if !self.0.contains_key(name) {
            self.put(name, value);
        }
    }

    fn add_missing(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.put_missing(name, value.clone());
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }
}

/// RFC 3339 in UTC with microseconds.
fn timestamp(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The proleptic Gregorian date of a day counted from 1970-01-01. Years begin in March, so
/// that the leap day is the last of its year and months have a regular length.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timestamps_are_rfc_3339_in_utc() {
        let at = |seconds, micros| {
            timestamp(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros))
        };
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_782_399, 999_999), "2000-02-28T23:59:59.999999Z");
        assert_eq!(at(951_868_800, 0), "2000-03-01T00:00:00.000000Z");
        assert_eq!(at(1_709_208_000, 1), "2024-02-29T12:00:00.000001Z");
    }
}
