//! Makes and verifies service tokens, so that another implementation can be held against this
//! one.
//!
//! A line of standard input is a request, and is answered with a line:
//!
//! - `{"mint": {"curve", "secret", "iss", "aud", "lxm"}}` → `{"token"}`; the secret is
//!   hexadecimal, the curve `k256` or `p256`;
//! - `{"verify": {"token", "document", "aud", "lxm"}}` → `{"iss"}` or `{"error"}`; the document
//!   is the issuer's. A token that has been accepted is refused when it comes again.

use std::{
    error::Error,
    io::{self, BufRead, Write},
    sync::{Arc, Mutex, PoisonError},
};

use atproto_core::{
    crypto::{Curve, SecretKey},
    identity::{DidDocument, ResolveError, Resolver},
    syntax::{Did, Handle},
};
use atproto_xrpc::auth::service::{self, ServiceClaims, ServiceVerifier};
use data_encoding::HEXLOWER;
use futures::future::{BoxFuture, FutureExt, ready};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut services = Services::default();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let answer = match (line.get("mint"), line.get("verify")) {
            (Some(mint), None) => json!({ "token": self::mint(mint)? }),
            (None, Some(verify)) => services.verify(verify).await?,
            _ => return Err("a line asks to mint or to verify".into()),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn mint(request: &Value) -> Result<String, Box<dyn Error>> {
    let curve = match text(request, "curve")? {
        "k256" => Curve::K256,
        "p256" => Curve::P256,
        other => return Err(format!("{other} is no curve").into()),
    };
    let key = SecretKey::from_bytes(curve, &HEXLOWER.decode(text(request, "secret")?.as_bytes())?)?;
    let iss = Did::new(text(request, "iss")?)?;
    let claims = ServiceClaims::new(iss, text(request, "aud")?, text(request, "lxm")?);
    Ok(service::mint(&key, &claims)?)
}

/// A verifier for each audience that was asked for, all of which know the same issuers.
#[derive(Default)]
struct Services {
    issuers: Arc<Issuers>,
    verifiers: Vec<(String, ServiceVerifier)>,
}

impl Services {
    async fn verify(&mut self, request: &Value) -> Result<Value, Box<dyn Error>> {
        let document = DidDocument::from_json(request["document"].to_string().as_bytes())?;
        self.issuers.publish(document);
        let aud = text(request, "aud")?;
        if !self.verifiers.iter().any(|(known, _)| known == aud) {
            let verifier = ServiceVerifier::new(self.issuers.clone(), [aud]);
            self.verifiers.push((aud.to_owned(), verifier));
        }
        let (_, verifier) = self.verifiers.iter().find(|(known, _)| known == aud).ok_or("known")?;
        Ok(match verifier.verify(text(request, "token")?, text(request, "lxm")?).await {
            Ok(proof) => json!({ "iss": proof.iss }),
            Err(error) => json!({ "error": error.to_string() }),
        })
    }
}

/// The documents that came with the requests, the newest of each issuer.
#[derive(Default)]
struct Issuers(Mutex<Vec<Arc<DidDocument>>>);

impl Issuers {
    fn publish(&self, document: DidDocument) {
        let mut documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        documents.retain(|known| known.id != document.id);
        documents.push(Arc::new(document));
    }
}

impl Resolver for Issuers {
    fn did<'a>(&'a self, did: &'a Did) -> BoxFuture<'a, Result<Arc<DidDocument>, ResolveError>> {
        let documents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = documents.iter().find(|document| document.id == *did).cloned();
        ready(found.ok_or_else(|| ResolveError::NotFound(did.to_string()))).boxed()
    }

    fn handle<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Did, ResolveError>> {
        ready(Err(ResolveError::NotFound(handle.to_string()))).boxed()
    }

    fn purge(&self, _did: &Did) {}
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, String> {
    value[name].as_str().ok_or_else(|| format!("`{name}` is missing"))
}
