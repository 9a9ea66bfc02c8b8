use atproto_core::{Class, Classify, classify};

use crate::server::{IpRangeError, StreamError};

classify!(Client: IpRangeError);

impl Classify for StreamError {
    fn class(&self) -> Class {
        match &*self.name {
            "ConsumerTooSlow" => Class::UpstreamUnavailable,
            _ => Class::Client,
        }
    }
}
