//! What the user sees: the news, below it a table of the servers, on a terminal always in the
//! same place.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use crate::{
    demo::News,
    hops::Hop,
    layout::Layout,
    network::{Network, Slot, State},
    server::Kind,
};

/// The user's terminal.
pub(crate) struct Screen {
    in_place: bool,
    drawn: Vec<String>,
    layout: Layout,
    keeps_data: bool,
    hops: usize,
}

impl Screen {
    pub(crate) fn new(layout: &Layout, keeps_data: bool) -> Self {
        let in_place = std::io::stdout().is_terminal();
        let screen =
            Self { in_place, drawn: Vec::new(), layout: layout.clone(), keeps_data, hops: 0 };
        println!(
            "An AT Protocol network on this machine: four servers, each a process of its own."
        );
        println!("Data and logs: {}", layout.data.display());
        screen
    }

    /// Prints a line above the table.
    pub(crate) fn say(&mut self, line: &str) {
        let table = self.erase();
        println!("{line}");
        self.print(table);
    }

    /// Prints what happened.
    pub(crate) fn tell(&mut self, news: News) {
        match news {
            News::Step(text) => self.say(&format!("  * {text}")),
            News::Hop(hop) => {
                if self.hops == 0 {
                    self.say("    its way, with the time since alice's client sent it:");
                }
                self.hops += 1;
                let number = self.hops;
                self.say(&row_of_hop(number, &hop));
            }
        }
    }

    pub(crate) fn success(&mut self) {
        let hops = self.hops;
        self.say(&format!("  ok: the post passed all {hops} hops\n"));
    }

    pub(crate) fn failure(&mut self, error: &anyhow::Error) {
        let logs = self.layout.directory("logs");
        let logs = logs.display();
        let until =
            if self.keeps_data { "" } else { " until the stack ends; --data DIR keeps them" };
        self.say(&format!("  FAILED: {error:#}\n  The servers' logs are in {logs}{until}\n"));
    }

    /// Says what to try next.
    pub(crate) fn invite(&mut self) {
        for line in invitation(&self.layout, self.keeps_data) {
            self.say(&line);
        }
    }

    /// Draws the table; where it cannot be drawn in place, only when a server's state changed.
    pub(crate) fn draw(&mut self, network: &Network) {
        if self.in_place {
            self.erase();
            self.print(render(network));
            return;
        }
        let states: Vec<_> = network.slots.iter().map(|slot| format!("{:?}", slot.state)).collect();
        if states != self.drawn {
            self.drawn = states;
            for line in render(network) {
                println!("{line}");
            }
        }
    }

    /// Takes the table off the screen and returns it.
    fn erase(&mut self) -> Vec<String> {
        if !self.in_place {
            return Vec::new();
        }
        let table = std::mem::take(&mut self.drawn);
        if !table.is_empty() {
            print!("\x1b[{}A\x1b[J", table.len());
        }
        table
    }

    fn print(&mut self, table: Vec<String>) {
        let mut out = std::io::stdout().lock();
        for line in &table {
            // A closed terminal ends the stack by its signal, not here.
            let _ = writeln!(out, "{line}");
        }
        let _ = out.flush();
        if self.in_place {
            self.drawn = table;
        }
    }
}

fn row_of_hop(number: usize, hop: &Hop) -> String {
    format!("    hop {number}  {:<8} {:<42} {:>9}", hop.server, hop.what, milliseconds(hop.after))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

fn invitation(layout: &Layout, keeps_data: bool) -> Vec<String> {
    let (pds, appview, relay) = (layout.pds_url(), layout.appview_url(), layout.relay_url());
    let mut lines = vec![
        "Try next, in another terminal:".to_owned(),
        format!("  curl '{appview}/xrpc/app.bsky.feed.getAuthorFeed?actor=alice.test'"),
        format!(
            "  curl '{pds}/xrpc/com.atproto.repo.listRecords?repo=alice.test&collection=app.bsky.feed.post'"
        ),
        format!("  cargo run --release -p atp -- firehose tail {relay} --cursor 0"),
        "  (the last one builds the command atp first, and reads on until Ctrl-C)".to_owned(),
        format!(
            "or any client: server {pds}, user alice.test or bob.test, password {}",
            layout.secrets.demo_password
        ),
    ];
    if !keeps_data {
        lines.push("The data goes when the stack ends; --data DIR keeps it.".to_owned());
    }
    lines.push("Ctrl-C ends all servers; their drain takes a few seconds.".to_owned());
    lines
}

fn render(network: &Network) -> Vec<String> {
    let mut lines = vec![String::new(), header()];
    lines.extend(network.slots.iter().map(|slot| row(slot, network)));
    lines.push(String::new());
    lines
}

fn header() -> String {
    let (server, address, memory) = ("server", "address", "memory");
    format!("  {server:<8} {address:<24} {:>7}  {:<9} {memory:>7}  what it does", "pid", "state")
}

fn row(slot: &Slot, network: &Network) -> String {
    let pid = slot.pid().map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let memory = format!("{:.0} MiB", slot.figures.memory / f64::from(1 << 20));
    let (state, note) = match &slot.state {
        State::Ready => ("ready", activity(slot)),
        State::Starting => ("starting", slot.kind.role().to_owned()),
        State::Waiting(why) => ("waiting", why.clone()),
        State::Ended(status) => ("ended", format!("{status}; starting again")),
    };
    let restarts = match slot.restarts {
        0 => String::new(),
        1 => " (restarted once)".to_owned(),
        times => format!(" (restarted {times} times)"),
    };
    let (name, url) = (slot.kind.name(), slot.kind.url(&network.layout));
    format!("  {name:<8} {url:<24} {pid:>7}  {state:<9} {memory:>7}  {note}{restarts}")
}

/// What the server has done so far, in one figure.
fn activity(slot: &Slot) -> String {
    let figures = &slot.figures;
    let figure = match slot.kind {
        Kind::Plc => None,
        Kind::Pds => Some((figures.sum("atproto_pds_commits_total", ""), "commits signed")),
        Kind::Relay => Some((
            figures.sum("atproto_relay_events_total", "outcome=\"forwarded\""),
            "events re-served",
        )),
        Kind::AppView => Some((
            figures.sum("atproto_indexer_records_total", "outcome=\"indexed\""),
            "records indexed",
        )),
    };
    match figure {
        Some((count, what)) if count > 0.0 => format!("{}; {count} {what}", slot.kind.role()),
        _ => slot.kind.role().to_owned(),
    }
}
