//! Our client against the reference implementation's PDS, through the life of accounts and
//! records. `e2e/reverse.sh` starts one and says where it is.

mod consent;
mod limits;
mod oauth;
mod password;

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use atproto_core::{
    identity::{HttpResolver, HttpResolverConfig, tls},
    syntax::{Datetime, Did, Handle},
};
use atproto_lexicons::{app::bsky::feed::Post, com::atproto::server::CreateAccount};
use atproto_xrpc::{
    Client,
    client::transport::{Content, HttpTransport, Transport},
};

const PASSWORD: &str = "a long password";

/// The PDS and its directory.
struct Reference {
    pds: String,
    /// Another one, whose rate limits are on.
    limited: String,
    plc: String,
}

/// An account of a test's own.
struct Member {
    did: Did,
    handle: Handle,
}

impl Reference {
    /// Where it is, if it runs.
    fn find() -> Option<Self> {
        let names = ["TS_PDS_URL", "TS_LIMITED_PDS_URL", "TS_PLC_URL"];
        let [Ok(pds), Ok(limited), Ok(plc)] = names.map(env::var) else {
            eprintln!("skipped: {} are not set", names.join(", "));
            return None;
        };
        Some(Self { pds, limited, plc })
    }

    fn client(&self) -> Client {
        Client::new(&self.pds).unwrap()
    }

    async fn sign_up(&self, name: &str) -> Member {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let handle = Handle::new(format!("{name}-{}.test", time % 1_000_000_000)).unwrap();
        let mut account = CreateAccount::new(handle.clone());
        account.email = Some(format!("{name}-{time}@example.com"));
        account.password = Some(PASSWORD.to_owned());
        let created = self.client().call(account).await.unwrap();
        Member { did: created.did, handle }
    }

    fn resolver(&self) -> Arc<HttpResolver> {
        let config = HttpResolverConfig::default()
            .plc_url(&self.plc)
            .allow_loopback(true)
            .dev_handle_host(".test", &self.pds);
        Arc::new(HttpResolver::new(config).unwrap())
    }

    /// The options by which `atp` finds accounts of this PDS.
    fn network(&self) -> Vec<String> {
        let hosts = format!(".test={}", self.pds);
        ["--plc-url", &self.plc, "--handle-host", &hosts].map(ToOwned::to_owned).to_vec()
    }
}

/// The network, and how often a path was asked.
fn counting(path: &'static str) -> (impl Transport, Arc<AtomicUsize>) {
    let tls = Arc::new(tls::client_config());
    let network = HttpTransport::new(&tls, Duration::from_secs(5)).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let transport = move |request: http::Request<Content>| {
        if request.uri().path() == path {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let network = network.clone();
        async move { network.send(request).await }
    };
    (transport, asked)
}

fn post(text: &str) -> Post {
    Post::new(text, Datetime::now())
}
