//! `app.bsky.actor.getPreferences` and `putPreferences`: kept here and not in the AppView,
//! because they are the account's own business.

use std::sync::Arc;

use atproto_core::{endpoint::NoBody, syntax::Nsid};
use atproto_lexicons::app::bsky::actor::{
    GetPreferences, GetPreferencesOutput, PutPreferences, defs,
};
use atproto_xrpc::{
    XrpcError,
    server::{Context, Router},
};

use crate::{
    accounts::Preference,
    api::with,
    app::App,
    auth::{AccountPolicy, Caller},
    database::DatabaseError,
};

/// Settings that app passwords neither see nor change: the owner's birth date.
const PRIVATE: &[&str] = &["app.bsky.actor.defs#personalDetailsPref"];
/// What settings may be of.
const NAMESPACE: &str = "app.bsky.";

/// Adds both methods.
pub(crate) fn routes(router: Router, app: &Arc<App>) -> Router {
    router
        .query::<GetPreferences, _>(AccountPolicy::present(app).apps(), with(app, get))
        .procedure::<PutPreferences, _>(AccountPolicy::present(app).apps(), with(app, put))
}

async fn get(
    app: Arc<App>,
    context: Context<Caller>,
    _params: GetPreferences,
) -> Result<GetPreferencesOutput, XrpcError> {
    let (did, hidden) = (&context.proof.did, out_of_reach(&app, &context)?);
    let stored = app.accounts.preferences(did).await?;
    let shown = stored.iter().filter(|preference| !hidden.contains(&preference.kind.as_str()));
    let parsed: Result<defs::Preferences, DatabaseError> = shown.map(parse).collect();
    Ok(GetPreferencesOutput::new(parsed?))
}

async fn put(
    app: Arc<App>,
    context: Context<Caller>,
    input: PutPreferences,
) -> Result<NoBody, XrpcError> {
    let keep = out_of_reach(&app, &context)?;
    let mut preferences = Vec::with_capacity(input.preferences.len());
    for preference in &input.preferences {
        preferences.push(check(preference, keep)?);
    }
    app.accounts.replace_preferences(&context.proof.did, preferences, keep).await?;
    Ok(NoBody)
}

/// What the caller neither sees nor changes. Apps need the permission to call the method at the
/// AppView, which is whose they are by name.
fn out_of_reach(
    app: &App,
    context: &Context<Caller>,
) -> Result<&'static [&'static str], XrpcError> {
    let caller = &context.proof;
    let method = Nsid::new(context.nsid.as_ref()).map_err(XrpcError::internal)?;
    caller.may_call(Some(&method), &app.services.appview_audience())?;
    Ok(if caller.is_owner() { &[] } else { PRIVATE })
}

fn check(preference: &defs::Preference, forbidden: &[&str]) -> Result<Preference, XrpcError> {
    let json = serde_json::to_value(preference).map_err(XrpcError::internal)?;
    let kind = json.get("$type").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned();
    if !kind.starts_with(NAMESPACE) {
        let message = format!("Some preferences are not in the {NAMESPACE}* namespace");
        return Err(XrpcError::invalid_request(message));
    }
    if forbidden.contains(&kind.as_str()) {
        let message = format!("Do not have authorization to set preferences: {kind}");
        return Err(XrpcError::invalid_request(message));
    }
    Ok(Preference { kind, json: json.to_string() })
}

fn parse(stored: &Preference) -> Result<defs::Preference, DatabaseError> {
    serde_json::from_str(&stored.json)
        .map_err(|error| DatabaseError::Corrupt(format!("preference: {error}")))
}
