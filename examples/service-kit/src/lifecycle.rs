//! From the first signal to the last exit code.

use tokio_util::sync::CancellationToken;

/// Tells every part of a server that the end has been asked for.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Completes when the end has been asked for. Cancel safe.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether the end has been asked for.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Asks for the end.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// The token itself, for libraries that take one.
    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}

/// Completes at SIGTERM or SIGINT.
pub(crate) async fn signal() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
