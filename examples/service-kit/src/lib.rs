//! What every reference server does besides its own job: options, logs, traces, metrics,
//! health, and an orderly end.
//!
//! A server's whole frame is one call:
//!
//! ```no_run
//! use service_kit::{Ops, Service};
//!
//! fn main() -> std::process::ExitCode {
//!     let service = Service { name: "example", version: env!("CARGO_PKG_VERSION") };
//!     service_kit::run(&service, &Ops::default(), |context| async move {
//!         context.health.set("store", Ok(()));
//!         context.shutdown.requested().await; // SIGTERM, SIGINT: drain and return
//!         Ok(())
//!     })
//! }
//! ```
//!
//! This crate knows nothing of AT Protocol: names and rules of the protocol belong to the
//! libraries, and what two servers share of them belongs there too.

mod admin;
mod args;
mod health;
pub mod http;
mod json_log;
mod lifecycle;
mod metrics;
mod numbers;
mod process;
mod service;
mod telemetry;
mod trace;

pub use args::{LogFormat, Ops};
pub use health::Health;
pub use lifecycle::Shutdown;
pub use numbers::Numbers;
pub use service::{Context, Service, run};
pub use trace::{extract, inject, join_trace, trace_id};
