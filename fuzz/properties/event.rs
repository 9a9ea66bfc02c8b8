//! Messages of `subscribeRepos`: what is decoded can be written and read again.

use atproto_core::frame::{self, Frame};
use atproto_repo::event::{Event, EventError};

pub(crate) fn check(data: &[u8]) {
    match Event::decode(data.to_vec()) {
        Ok(event) => {
            let again = Event::decode(event.encode()).expect("what was written can be read");
            assert_eq!(again, event);
            let moved = event.clone().with_seq(7);
            assert_eq!(moved.did(), event.did());
            assert!(moved.seq().is_none_or(|seq| seq == 7));
        }
        Err(EventError::Frame(_)) => assert!(frame::decode(data).is_err()),
        Err(EventError::Upstream { .. }) => {
            assert!(matches!(frame::decode(data), Ok(Frame::Error { .. })));
        }
        Err(_) => assert!(frame::decode(data).is_ok()),
    }
}
