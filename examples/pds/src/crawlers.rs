//! Asking relays to come and read.

use std::{sync::Arc, time::Duration};

use atproto_core::identity::safe_client::FetchLimits;
use serde_json::json;
use tokio::time::sleep;

use crate::app::App;

/// How often one relay is asked at most, as by the reference PDS.
const PAUSE: Duration = Duration::from_secs(20 * 60);
/// How often is looked for new events, and how soon a relay that did not answer is asked
/// again at first.
const POLL: Duration = Duration::from_secs(5);

const LIMITS: FetchLimits = FetchLimits::new(16 << 10, Duration::from_secs(10));

/// Asks the configured relays at the start, and after new events if the last time is long
/// enough ago: a relay that has forgotten this server finds it again.
pub(crate) async fn run(app: Arc<App>) {
    if app.config.crawlers.is_empty() {
        return;
    }
    let mut retry = POLL;
    loop {
        let told = app.producer.log().last_seq();
        if notify(&app).await {
            retry = POLL;
            sleep(PAUSE).await;
            while app.producer.log().last_seq() == told {
                sleep(POLL).await;
            }
        } else {
            sleep(retry).await;
            retry = (2 * retry).min(PAUSE);
        }
    }
}

/// Whether all relays are going to come.
async fn notify(app: &App) -> bool {
    let mut reached = true;
    let body = json!({ "hostname": app.config.crawl_hostname() }).to_string();
    for crawler in app.config.crawlers.iter().filter(|url| !url.is_empty()) {
        let origin = crawler.trim_end_matches('/');
        let url = format!("{origin}/xrpc/com.atproto.sync.requestCrawl");
        match app.client.post_json(&url, body.clone().into_bytes(), &LIMITS).await {
            Ok(answer) if answer.status.is_success() => {
                tracing::info!(crawler, "asked to crawl");
            }
            Ok(answer) => {
                reached = false;
                tracing::warn!(crawler, status = answer.status.as_u16(), "refused to crawl");
            }
            Err(error) => {
                reached = false;
                tracing::warn!(crawler, %error, "could not be asked to crawl");
            }
        }
    }
    reached
}
