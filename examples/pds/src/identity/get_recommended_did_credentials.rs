//! `com.atproto.identity.getRecommendedDidCredentials`

use std::sync::Arc;

use atproto_core::{crypto::PublicKey, data::json};
use atproto_lexicons::com::atproto::identity::{
    GetRecommendedDidCredentials, GetRecommendedDidCredentialsOutput,
};
use atproto_xrpc::{XrpcError, server::Context};
use serde_json::json;

use crate::{app::App, auth::Caller};

pub(super) async fn handle(
    app: Arc<App>,
    context: Context<Caller>,
    _params: GetRecommendedDidCredentials,
) -> Result<GetRecommendedDidCredentialsOutput, XrpcError> {
    let did = &context.proof.did;
    let key = app.signing_key(did).await?.public_key();
    let account = app.accounts.by_did(did).await?;
    let handle = account.and_then(|account| account.handle);
    let own = app.secrets.rotation_key.public_key();
    let rotation_keys = app.recovery_key.iter().chain([&own]).map(PublicKey::to_did_key);
    let methods = json!({ "atproto": key.to_did_key() });
    let services = json!({
        "atproto_pds": {
            "type": "AtprotoPersonalDataServer",
            "endpoint": app.config.public_url(),
        },
    });
    Ok(GetRecommendedDidCredentialsOutput {
        rotation_keys: Some(rotation_keys.collect()),
        also_known_as: handle.map(|handle| vec![format!("at://{handle}")]),
        verification_methods: Some(json::from_json(methods).map_err(XrpcError::internal)?),
        services: Some(json::from_json(services).map_err(XrpcError::internal)?),
        ..Default::default()
    })
}
