//! What a server says of its own state.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

type Probe = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Named conditions; the server is ready when all of them hold.
///
/// Cheap to clone: clones share the conditions.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, Probe>>>);

impl Health {
    /// States a condition; an error says in words why it does not hold.
    pub fn set(&self, name: &'static str, state: Result<(), String>) {
        self.probe(name, move || state.clone());
    }

    /// Registers a condition that is asked for at every request: it must answer at once.
    pub fn probe(
        &self,
        name: &'static str,
        probe: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.lock().insert(name, Arc::new(probe));
    }

    /// Asks every condition.
    pub fn report(&self) -> BTreeMap<&'static str, Result<(), String>> {
        let probes = self.lock().clone();
        probes.into_iter().map(|(name, probe)| (name, probe())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Probe>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.report()).finish()
    }
}
