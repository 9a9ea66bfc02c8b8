//! The four servers together: started in order, watched, restarted when one dies.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    layout::{Layout, write_private},
    scrape::{self, Figures},
    server::{Kind, Server},
};

/// How long a server may take to become ready.
const READY: Duration = Duration::from_secs(30);
/// How long a server may take to drain.
const DRAIN: Duration = Duration::from_secs(25);
/// Between a death and the new start; doubled at each death that comes before readiness.
const RESTART: Duration = Duration::from_millis(200);
/// The longest wait before a new start.
const RESTART_MAX: Duration = Duration::from_secs(10);
/// Written into the data directory for scripts: URLs, admin addresses, process ids.
const FILE: &str = "stack.json";

/// The running network.
pub(crate) struct Network {
    pub(crate) layout: Layout,
    pub(crate) slots: Vec<Slot>,
    http: reqwest::Client,
}

/// The place of one server, taken or waiting for its next process.
pub(crate) struct Slot {
    pub(crate) kind: Kind,
    pub(crate) state: State,
    pub(crate) figures: Figures,
    pub(crate) restarts: u32,
    server: Option<Server>,
    admin: SocketAddr,
    started: Instant,
    wait: Duration,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Ready,
    /// It answers, but a condition does not hold.
    Waiting(String),
    /// It has ended and will be started again.
    Ended(String),
}

impl Network {
    /// Starts all servers; each must be ready before the next one starts.
    pub(crate) async fn start(layout: Layout) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy().build()?;
        let mut network = Self { layout, slots: Vec::new(), http };
        for kind in Kind::ALL {
            let slot = Slot::start(kind, &network.layout)?;
            network.slots.push(slot);
            network.ready(kind).await?;
        }
        network.write()?;
        Ok(network)
    }

    /// Looks after every server once: notes its state, starts it again if it died.
    pub(crate) async fn tend(&mut self) -> anyhow::Result<()> {
        let mut changed = false;
        for slot in &mut self.slots {
            changed |= slot.revive(&self.layout)?;
            slot.look(&self.http).await;
        }
        if changed { self.write() } else { Ok(()) }
    }

    /// Drains the servers, those that depend on others first.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        for server in self.slots.into_iter().rev().filter_map(|slot| slot.server) {
            server.stop(DRAIN).await?;
        }
        Ok(())
    }

    async fn ready(&mut self, kind: Kind) -> anyhow::Result<()> {
        let end = Instant::now() + READY;
        let slot = self.slots.last_mut().context("a server was started")?;
        while slot.state != State::Ready {
            let log = self.layout.directory("logs").join(format!("{}.log", kind.name()));
            let hint = format!("{} did not start; its log is {}", kind.name(), log.display());
            if let Some(status) = slot.server.as_mut().and_then(Server::ended) {
                anyhow::bail!("{hint} ({status})");
            }
            anyhow::ensure!(Instant::now() < end, "{hint} ({:?})", slot.state);
            tokio::time::sleep(Duration::from_millis(50)).await;
            slot.look(&self.http).await;
        }
        Ok(())
    }

    /// Tells scripts where everything is.
    fn write(&self) -> anyhow::Result<()> {
        let mut file = serde_json::Map::new();
        let (mut admin, mut pids) = (serde_json::Map::new(), serde_json::Map::new());
        for slot in &self.slots {
            let name = slot.kind.name();
            file.insert(name.to_owned(), slot.kind.url(&self.layout).into());
            admin.insert(name.to_owned(), format!("http://{}", slot.admin).into());
            pids.insert(name.to_owned(), json!(slot.pid()));
        }
        file.insert("appviewDid".to_owned(), self.layout.appview_did().into());
        file.insert("adminPassword".to_owned(), self.layout.secrets.admin_password.clone().into());
        file.insert("admin".to_owned(), admin.into());
        file.insert("pids".to_owned(), pids.into());
        write_private(&self.layout.data.join(FILE), &serde_json::to_vec_pretty(&Value::from(file))?)
    }
}

impl Slot {
    fn start(kind: Kind, layout: &Layout) -> anyhow::Result<Self> {
        // The port stays the same over restarts, so that a scraper finds the server again.
        let admin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        Ok(Self {
            kind,
            state: State::Starting,
            figures: Figures::default(),
            restarts: 0,
            server: Some(Server::start(kind, layout, admin)?),
            admin,
            started: Instant::now(),
            wait: RESTART,
        })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.server.as_ref().and_then(Server::pid)
    }

    /// Starts the server again if it has died and its wait is over; says whether processes changed.
    fn revive(&mut self, layout: &Layout) -> anyhow::Result<bool> {
        if let Some(status) = self.server.as_mut().and_then(Server::ended) {
            let was_up = self.state != State::Starting;
            self.wait = if was_up { RESTART } else { (self.wait * 2).min(RESTART_MAX) };
            self.state = State::Ended(status.to_string());
            self.server = None;
            self.started = Instant::now();
            return Ok(true);
        }
        if self.server.is_some() || self.started.elapsed() < self.wait {
            return Ok(false);
        }
        self.server = Some(Server::start(self.kind, layout, self.admin)?);
        self.started = Instant::now();
        self.restarts += 1;
        self.state = State::Starting;
        Ok(true)
    }

    async fn look(&mut self, http: &reqwest::Client) {
        if self.server.is_none() {
            return;
        }
        self.state = scrape::readiness(http, self.admin).await;
        if let Some(figures) = scrape::figures(http, self.admin).await {
            self.figures = figures;
        }
    }
}
