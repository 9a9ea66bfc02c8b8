//! Events of Jetstream: what is read can be written, and is read as the same.

use atproto_firehose::jetstream::JetstreamEvent;

pub(crate) fn check(data: &[u8]) {
    if let Ok(event) = JetstreamEvent::parse(data) {
        let written = event.to_json();
        let again =
            JetstreamEvent::parse(written.as_bytes()).expect("what was written can be read");
        assert_eq!(again, event);
        assert_eq!(again.to_json(), written);
    }
}
