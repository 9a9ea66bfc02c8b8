//! A checkpoint that could not be stored was tried again only when another
//! event was settled: on a quiet stream the cursor stayed behind.

use std::time::Duration;

use crate::support::rig::{Rig, unverified};

#[test]
fn a_failed_save_is_tried_again_though_nothing_else_happens() {
    let mut rig = Rig::new(unverified());
    rig.read(1, 'a');
    rig.work_off();
    rig.saves_fail = true;
    rig.wait(Duration::from_millis(100));
    assert_eq!(rig.intake.stats().persist_failures, 1);
    rig.saves_fail = false;
    assert!(rig.intake.poll_timeout().is_some());
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.saved.last().and_then(|saved| saved.cursor), Some(1));
    assert!(rig.intake.is_saved());
}
