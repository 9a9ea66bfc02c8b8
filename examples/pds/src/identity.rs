//! Finding out who is who.

use std::sync::Arc;

use anyhow::Context as _;
use atproto_core::identity::{
    CacheConfig, CachingResolver, HttpResolver, HttpResolverConfig, Resolver,
};

use crate::config::Config;

/// The resolver that the options ask for, with a cache in front.
pub fn resolver(config: &Config) -> anyhow::Result<Arc<dyn Resolver>> {
    let mut options =
        HttpResolverConfig::default().plc_url(&config.plc_url).allow_loopback(config.dev_mode);
    if config.dev_mode {
        for domain in config.handle_domains() {
            options = options.dev_handle_host(domain, config.public_url());
        }
    }
    let http = HttpResolver::new(options).context("the resolver")?;
    Ok(Arc::new(CachingResolver::new(Arc::new(http), CacheConfig::default())))
}
