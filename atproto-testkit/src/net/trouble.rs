use std::{sync::Arc, time::Duration};

use atproto_firehose::consumer::Failure;

use super::{fault::Fault, shared::Shared};

/// The troubles of a handler: to be called where a handler begins.
#[derive(Clone)]
pub struct Trouble(pub(super) Arc<Shared>);

/// How long a slow handler takes.
const SLOW: Duration = Duration::from_secs(4);
/// How long a handler takes that hangs: longer than the deadline of a delivery is by default.
const HANGING: Duration = Duration::from_secs(330);
/// When a failing handler wants to try again.
const RETRY: Duration = Duration::from_millis(700);

impl Trouble {
    /// Takes as long as the handler is to take, and fails where it is to fail.
    ///
    /// # Errors
    /// A [`Failure`] of a kind that is tried again.
    pub async fn strike(&self) -> Result<(), Failure> {
        let delay = {
            let mut world = self.0.world();
            if world.lasts(Fault::HandlerOutage) {
                return Err(Failure::Unavailable("the database is down".into()));
            }
            if world.armory.take(Fault::FailingHandler) {
                return Err(Failure::Retry(RETRY));
            }
            if world.armory.take(Fault::HangingHandler) {
                HANGING
            } else if world.armory.take(Fault::SlowHandler) {
                SLOW
            } else {
                return Ok(());
            }
        };
        tokio::time::sleep(delay).await;
        Ok(())
    }
}
