//! Traces that several servers share: carried along in a header, or met by what both know.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use sha2::{Digest, Sha256};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header that names a trace and the span in it that a request comes from.
///
/// See [Trace Context](https://www.w3.org/TR/trace-context/).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Writes a span into the headers of a request, as a `traceparent` of version 00. Does
/// nothing while no collector is set.
pub fn inject(span: &tracing::Span, headers: &mut HeaderMap) {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    if !span.is_valid() {
        return;
    }
    let (trace, parent) = (span.trace_id(), span.span_id());
    let flags = (span.trace_flags() & TraceFlags::SAMPLED).to_u8();
    // Hex digits and dashes are the text of a header.
    if let Ok(value) = HeaderValue::try_from(format!("00-{trace}-{parent}-{flags:02x}")) {
        headers.insert(TRACEPARENT, value);
    }
}

/// Continues in a span the trace that a request's `traceparent` names. One that is malformed,
/// or that there are several of, is ignored.
pub fn extract(span: &tracing::Span, headers: &HeaderMap) {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return };
    let Some(remote) = line.to_str().ok().and_then(parse) else { return };
    // Fails only where no OpenTelemetry layer is installed, and then there is nothing to join.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote));
}

/// Reads version 00; of a later one, as it demands, the fields that it has in common.
fn parse(line: &str) -> Option<SpanContext> {
    let mut fields = line.split('-');
    let version = hex(fields.next()?, 2)?;
    let trace = TraceId::from_hex(hex(fields.next()?, 32)?).ok()?;
    let parent = SpanId::from_hex(hex(fields.next()?, 16)?).ok()?;
    let flags = u8::from_str_radix(hex(fields.next()?, 2)?, 16).ok()?;
    if version == "ff" || (version == "00" && fields.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let remote = SpanContext::new(trace, parent, flags, true, TraceState::default());
    remote.is_valid().then_some(remote)
}

/// The field, if it is so many hex digits in lower case.
fn hex(field: &str, digits: usize) -> Option<&str> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (field.len() == digits && field.bytes().all(is_hex)).then_some(field)
}

/// The trace id that everybody derives who knows the same names: the first 16 bytes of the
/// SHA-256 of the names, each but the last followed by a zero byte; in lower-case hex.
///
/// With the names `atproto-commit`, a DID and a rev, each process that handles a commit
/// puts its spans into one trace.
pub fn trace_id(names: &[&str]) -> String {
    let mut hex = String::with_capacity(32);
    for byte in &digest(names)[..16] {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Puts a span into the trace of [`trace_id`]. Does nothing while no collector is set.
pub fn join_trace(span: &tracing::Span, names: &[&str]) {
    let hash = digest(names);
    let (mut trace, mut parent) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&hash[..16]);
    parent.copy_from_slice(&hash[16..24]);
    let remote = SpanContext::new(
        TraceId::from_bytes(trace),
        SpanId::from_bytes(parent),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    // Fails only where no OpenTelemetry layer is installed, and then there is nothing to join.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote));
}

fn digest(names: &[&str]) -> [u8; 32] {
    Sha256::digest(names.join("\0").as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use opentelemetry::trace::{TraceContextExt, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::{extract, inject, parse, trace_id};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    /// What a span that has been given these headers writes into the next request's.
    fn passed_on(lines: &[&str]) -> String {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let (span, mut headers) = (tracing::info_span!("request"), HeaderMap::new());
            for line in lines {
                headers.append("traceparent", HeaderValue::from_str(line).unwrap());
            }
            extract(&span, &headers);
            inject(&span, &mut headers);
            assert_eq!(headers.get_all("traceparent").iter().count(), 1);
            let own = span.context().span().span_context().span_id().to_string();
            let line = headers["traceparent"].to_str().unwrap().to_owned();
            assert!(line.starts_with("00-") && line.contains(&format!("-{own}-")), "{line}");
            line
        })
    }

    #[test]
    fn a_trace_is_continued_by_a_span_of_its_own() {
        let line = format!("00-{TRACE}-b7ad6b7169203331-01");
        let next = passed_on(&[&line]);
        assert!(next.starts_with(&format!("00-{TRACE}-")) && next.ends_with("-01"), "{next}");
        assert_ne!(next, line);
        for ignored in [&[][..], &["nonsense"], &[&line, &line]] {
            let next = passed_on(ignored);
            assert!(parse(&next).is_some() && !next.contains(TRACE), "{next}");
        }
    }

    #[test]
    fn nothing_is_written_without_a_collector() {
        let mut headers = HeaderMap::new();
        inject(&tracing::Span::none(), &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_traceparent_is_read_strictly() {
        let good = format!("00-{TRACE}-b7ad6b7169203331-01");
        let read = parse(&good).unwrap();
        assert!(read.is_remote() && read.is_sampled());
        assert!(!parse(&format!("00-{TRACE}-b7ad6b7169203331-02")).unwrap().is_sampled());
        // A later version may say more.
        assert!(parse(&format!("01-{TRACE}-b7ad6b7169203331-01-more")).is_some());
        for bad in [
            "",
            "00",
            &good[..54],
            &format!("{good}-"),
            &format!("{good}0"),
            &format!("0{good}"),
            &format!(" {good}"),
            &good.replace("00-", "ff-"),
            &good.to_uppercase(),
            &good.replace('-', "_"),
            &good.replace(TRACE, &"0".repeat(32)),
            &good.replace("b7ad6b7169203331", &"0".repeat(16)),
            &good.replace("0af7", "+af7"),
            &good.replace("0af7", "xaf7"),
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn trace_id_is_the_hash_of_the_joined_names() {
        let id = trace_id(&["atproto-commit", "did:plc:abc", "3k2yihcrp6f2c"]);
        assert_eq!(id, "32fa39111d155b9f047a2a1ca83fd8ad");
    }
}
