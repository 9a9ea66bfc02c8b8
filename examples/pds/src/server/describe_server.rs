//! `com.atproto.server.describeServer`

use std::sync::Arc;

use atproto_core::syntax::Uri;
use atproto_lexicons::com::atproto::server::{
    DescribeServer, DescribeServerOutput,
    describe_server::{Contact, Links},
};
use atproto_xrpc::{XrpcError, server::Context};

use crate::app::App;

pub(super) async fn handle(
    app: Arc<App>,
    _context: Context<()>,
    _params: DescribeServer,
) -> Result<DescribeServerOutput, XrpcError> {
    let config = &app.config;
    let mut output = DescribeServerOutput::new(app.service_did.clone(), config.handle_domains());
    output.invite_code_required = Some(config.invite_required);
    output.phone_verification_required = Some(false);
    output.blob_upload_limit = i64::try_from(config.blob_upload_limit).ok();
    let link = |url: &Option<String>| url.as_deref().and_then(|url| Uri::new(url).ok());
    output.links = Some(Links {
        privacy_policy: link(&config.privacy_policy_url),
        terms_of_service: link(&config.terms_of_service_url),
        ..Links::default()
    });
    output.contact = Some(Contact { email: config.contact_email.clone(), ..Contact::default() });
    Ok(output)
}
