//! What other services answer: methods that this server does not have are passed on to the
//! service that the client names, or to the one that has them by default.

mod methods;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use atproto_core::{
    endpoint::NoParams,
    syntax::{Did, Nsid},
};
use atproto_lexicons::com::atproto::moderation::CreateReport;
use atproto_xrpc::{
    XrpcError,
    auth::service::{self, ServiceClaims},
    proxy::{ProxyOptions, ProxyTarget, forward},
    server::{Context, Router},
};
use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, Method, uri::Uri};

use crate::{
    api::with,
    app::App,
    auth::{AccountPolicy, Caller},
    config::Config,
};

pub use methods::{is_privileged, is_protected};

/// How long a service may take to answer a request with a body, the time in which it is
/// sent included. Ours: uploads pass through here.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// The services that the operator configured.
#[derive(Debug, Clone)]
pub struct Services {
    appview: Option<Service>,
    reports: Option<Service>,
    moderation: Option<Service>,
    options: ProxyOptions,
    own_url: String,
}

#[derive(Debug, Clone)]
struct Service {
    target: ProxyTarget,
    origin: String,
}

impl Services {
    /// What the options name. A service needs both a URL and a DID.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let service = |name: &str, id, url: &Option<String>, did: &Option<String>| match (url, did)
        {
            (None, None) => Ok(None),
            (Some(url), Some(did)) => {
                let did = Did::new(did).with_context(|| format!("the DID of {name}"))?;
                let origin = url.trim_end_matches('/').to_owned();
                Ok(Some(Service { target: ProxyTarget::new(did, id), origin }))
            }
            _ => anyhow::bail!("{name} needs both a URL and a DID"),
        };
        let Config { appview_url, appview_did, report_url, report_did, mod_url, mod_did, .. } =
            config;
        let appview = service("the AppView", "bsky_appview", appview_url, appview_did)?;
        let reports = service("the report service", "atproto_labeler", report_url, report_did)?;
        let moderation = service("the moderation service", "atproto_labeler", mod_url, mod_did)?;
        let mut options = ProxyOptions::default().propagate(service_kit::inject);
        if config.hostname != "localhost" {
            options = options.own_host(&config.hostname);
        }
        for service in [&appview, &reports, &moderation].into_iter().flatten() {
            let origin: Uri = service.origin.parse().context("the URL of a service")?;
            options = options.port(origin.port_u16().unwrap_or(443));
        }
        Ok(Self { appview, reports, moderation, options, own_url: config.public_url() })
    }

    /// The AppView's audience, or the one that most apps name where there is none here.
    pub(crate) fn appview_audience(&self) -> String {
        let target = self.appview.as_ref().map(|service| service.target.audience());
        target.unwrap_or_else(|| "did:web:api.bsky.app#bsky_appview".to_owned())
    }

    /// The service that has a method by default.
    fn default_for(&self, nsid: &Nsid) -> Option<&Service> {
        match nsid.as_str() {
            CREATE_REPORT => self.reports.as_ref(),
            name if name.starts_with("tools.ozone.") => self.moderation.as_ref(),
            _ => self.appview.as_ref(),
        }
    }

    fn configured(&self, target: &ProxyTarget) -> Option<&Service> {
        let all = [&self.appview, &self.reports, &self.moderation];
        all.into_iter().flatten().find(|service| service.target == *target)
    }
}

const CREATE_REPORT: &str = "com.atproto.moderation.createReport";

/// Adds the routes that are answered by others: every method that has no route here.
pub(crate) fn routes(router: Router, app: &Arc<App>) -> Router {
    let report = Arc::clone(app);
    router
        // Whoever has been taken down may complain about it.
        .raw_procedure::<CreateReport, _>(
            AccountPolicy::leaving(app).apps(),
            move |context, params, body| create_report(Arc::clone(&report), context, params, body),
        )
        .fallback(AccountPolicy::active(app).apps(), with(app, pass_on))
}

async fn create_report(
    app: Arc<App>,
    context: Context<Caller>,
    _params: NoParams,
    body: Body,
) -> Result<Response, XrpcError> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    request.headers_mut().clone_from(&context.headers);
    pass_on(app, context, request).await
}

async fn pass_on(
    app: Arc<App>,
    context: Context<Caller>,
    mut request: Request,
) -> Result<Response, XrpcError> {
    let nsid = Nsid::new(context.nsid.as_ref())
        .map_err(|_| XrpcError::invalid_request("invalid xrpc path"))?;
    let caller = context.proof;
    if is_protected(&nsid) || (is_privileged(&nsid) && !caller.is_privileged()) {
        return Err(XrpcError::bad_request("InvalidToken", "Bad token method"));
    }
    let service = app.service_for(&nsid, request.headers()).await?;
    caller.may_call(Some(&nsid), &service.target.audience())?;
    if service.origin == app.services.own_url {
        return Err(XrpcError::invalid_request("the service is this server"));
    }
    let token = app.service_token(&caller.did, service.target.did().as_str(), &nsid).await?;
    let mut options = app.services.options.clone();
    if *request.method() == Method::POST {
        options.head_timeout = UPLOAD_TIMEOUT;
    }
    request.headers_mut().insert("x-request-id", request_id(&context.request_id)?);
    tracing::debug!(did = %caller.did, service = %service.target.audience(), "passed on");
    forward(&app.client, &service.origin, Some(&token), &nsid, request, &options).await
}

fn request_id(id: &atproto_xrpc::server::RequestId) -> Result<http::HeaderValue, XrpcError> {
    http::HeaderValue::from_str(id.as_str()).map_err(XrpcError::internal)
}

impl App {
    /// A token with which an account calls a method of another service.
    ///
    /// Its audience is the bare DID of the service, as the reference PDS has it.
    pub async fn service_token(
        &self,
        did: &Did,
        audience: &str,
        method: &Nsid,
    ) -> Result<String, XrpcError> {
        let claims = ServiceClaims::new(did.clone(), audience, method.as_str());
        self.sign_service_claims(did, &claims).await
    }

    /// Signs claims with an account's key.
    pub async fn sign_service_claims(
        &self,
        did: &Did,
        claims: &ServiceClaims,
    ) -> Result<String, XrpcError> {
        let key = self.signing_key(did).await?;
        service::mint(key.as_ref(), claims).map_err(XrpcError::internal)
    }

    /// The service that a request names, or the one that has its method.
    async fn service_for(&self, nsid: &Nsid, headers: &HeaderMap) -> Result<Service, XrpcError> {
        let Some(target) = ProxyTarget::of(headers)? else {
            let service = self.services.default_for(nsid).cloned();
            return service.ok_or_else(XrpcError::method_not_implemented);
        };
        if let Some(service) = self.services.configured(&target) {
            return Ok(service.clone());
        }
        let origin = target.resolve(self.resolver.as_ref()).await?;
        Ok(Service { target, origin })
    }
}
