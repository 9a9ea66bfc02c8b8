//! A PDS and a directory in this process.

use std::{ffi::OsString, sync::Arc};

use atproto_core::syntax::Handle;
use atproto_lexicons::com::atproto::server::CreateAccount;
use atproto_xrpc::{
    Client,
    server::{ServeConfig, serve},
};
use clap::Parser;
use pds::{api, app::App, config::Config};
use plc::{
    directory::{Directory, RateLimits},
    store::Store,
};
use service_kit::Shutdown;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) const PASSWORD: &str = "password of alice";

pub(crate) struct Host {
    pub(crate) url: String,
    pub(crate) plc: String,
    _folder: TempDir,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let _others = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let plc = directory(&folder).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let data = folder.path().join("pds").into_os_string();
        let port = address.port().to_string();
        let options = ["pds", "--dev-mode", "--admin-password", "x", "--plc-url", &plc];
        let mut args: Vec<OsString> = options.map(Into::into).to_vec();
        args.extend(
            ["--service-handle-domains", ".test", "--port", &port, "--data"].map(Into::into),
        );
        args.push(data);
        let app = App::open(Config::parse_from(args)).await.unwrap();
        let router = api::router(&app, &Shutdown::default());
        tokio::spawn(serve(listener, router, ServeConfig::default(), std::future::pending()));
        Self { url: format!("http://localhost:{port}"), plc, _folder: folder }
    }

    pub(crate) async fn sign_up(&self, handle: &str) {
        let mut account = CreateAccount::new(Handle::new(handle).unwrap());
        account.email = Some("alice@example.com".to_owned());
        account.password = Some(PASSWORD.to_owned());
        Client::new(&self.url).unwrap().call(account).await.unwrap();
    }
}

async fn directory(folder: &TempDir) -> String {
    let store = Store::open(&folder.path().join("plc")).unwrap();
    let directory = Arc::new(Directory::new(store, RateLimits::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(plc::serve(directory, listener, std::future::pending()));
    url
}
