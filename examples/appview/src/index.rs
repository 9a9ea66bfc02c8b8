//! From events to rows.
mod edge;
mod notification;
mod post;
mod record;
pub(crate) struct Indexer;
impl Indexer {
    pub(crate) async fn open(_: std::sync::Arc<crate::app::App>, _: &str, _: &service_kit::Health) -> anyhow::Result<Self> { Ok(Self) }
    pub(crate) async fn run(self, s: service_kit::Shutdown) -> anyhow::Result<()> { s.requested().await; Ok(()) }
}
