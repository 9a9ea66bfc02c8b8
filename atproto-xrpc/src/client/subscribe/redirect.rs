use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE};
use url::Url;

use super::{FrameStream, SubscribeError, SubscribeOptions, checked, handshake};

/// Opens a subscription, and follows the redirects of its handshake.
pub(super) async fn follow(
    url: Url,
    options: &SubscribeOptions,
    tls: Arc<rustls::ClientConfig>,
) -> Result<FrameStream, SubscribeError> {
    let first = checked(url, options)?;
    let (mut url, mut headers) = (first.clone(), options.headers.clone());
    for left in (0..=options.max_redirects).rev() {
        let dial = if is_same_host(&first, &url) { &options.dial } else { &options.redirect_dial };
        let opened = handshake(&url, options, &**dial, headers.clone(), Arc::clone(&tls)).await;
        let failed = match opened {
            Ok(stream) => return Ok(stream),
            Err(failed) => failed,
        };
        let Some(location) = failed.location else { return Err(failed.error) };
        if options.max_redirects == 0 {
            return Err(failed.error);
        }
        let location = location.to_str().map_err(|_| SubscribeError::Redirect)?;
        let next = url.join(location).map_err(|_| SubscribeError::Redirect)?;
        // Not what is wrong with the URL: the operator's is right, and the next answer may be.
        let mut next = checked(next, options).map_err(|_| SubscribeError::Redirect)?;
        if next.query().is_none() {
            // Without its cursor a subscription would begin elsewhere in the stream.
            next.set_query(url.query());
        }
        if left == 0 || (url.scheme() == "wss" && next.scheme() != "wss") {
            return Err(SubscribeError::Redirect);
        }
        if !is_same_host(&first, &next) {
            headers.remove(AUTHORIZATION);
            headers.remove(COOKIE);
        }
        url = next;
    }
    Err(SubscribeError::Redirect)
}

fn is_same_host(one: &Url, other: &Url) -> bool {
    let host = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    host(one) == host(other)
}
