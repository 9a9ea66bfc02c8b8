//! Traces that meet without carrying anything over the wire.

use std::fmt::Write;

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use sha2::{Digest, Sha256};
use tracing_opentelemetry::OpenTelemetrySpanExt;

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
    use super::trace_id;

    #[test]
    fn trace_id_is_the_hash_of_the_joined_names() {
        let id = trace_id(&["atproto-commit", "did:plc:abc", "3k2yihcrp6f2c"]);
        assert_eq!(id, "32fa39111d155b9f047a2a1ca83fd8ad");
    }
}
