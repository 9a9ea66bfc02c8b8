//! One event without a network.

use std::time::Duration;

use atproto_firehose::{consumer::Delivery, event::Event, intake::Settlement};
use atproto_testkit::{Author, Probe, delivery};

fn paused() -> (Delivery, Probe) {
    delivery(Author::new("alice.test", 1).account(Some("deactivated")))
}

#[tokio::test]
async fn a_probe_sees_what_becomes_of_a_delivery() {
    let (delivery, probe) = paused();
    assert!(matches!(delivery.event(), Event::Account(account) if !account.active));
    assert_eq!(probe.settlement(), None);
    assert!(delivery.ack().await && probe.acked());

    let (delivery, probe) = paused();
    drop(delivery);
    assert!(probe.retried() && !probe.acked());

    let (delivery, probe) = paused();
    assert!(delivery.nack(Duration::from_secs(7)));
    assert_eq!(probe.settlement(), Some(Settlement::Retry(Duration::from_secs(7))));

    let (delivery, probe) = paused();
    assert!(delivery.reject("nothing of ours"));
    assert_eq!(probe.rejected().as_deref(), Some("nothing of ours"));

    let (delivery, probe) = paused();
    let (_event, acknowledger) = delivery.into_parts();
    assert!(acknowledger.settle(Settlement::Unavailable) && probe.unavailable());
}
