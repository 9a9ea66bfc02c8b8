//! Repositories that are followed.

mod backfill;
mod hosts;
mod http;
mod known;
mod repairs;
mod scopes;
mod simulation;
mod world;
