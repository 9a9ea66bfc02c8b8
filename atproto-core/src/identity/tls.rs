//! The TLS configuration of every outgoing connection.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// TLS 1.2 and 1.3 with the ring provider and Mozilla's root certificates.
///
/// The provider is named explicitly: a library must not install, or depend on, a provider for
/// the whole process. No application protocol is set; HTTP clients add theirs.
pub fn client_config() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the ring provider supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
