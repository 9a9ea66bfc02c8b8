use std::sync::Arc;

use super::shared::Shared;

/// The wall clock of a simulated network. It follows the time of the runtime, and can be wrong.
#[derive(Clone)]
pub struct Clock(pub(super) Arc<Shared>);

impl Clock {
    /// The same as it is true.
    pub(crate) fn true_micros(&self) -> u64 {
        self.0.true_micros()
    }

    /// Microseconds since the Unix epoch, as the service's machine believes.
    pub fn now_micros(&self) -> u64 {
        let skew = self.0.world().skew();
        self.0.true_micros().saturating_add_signed(skew)
    }
}
