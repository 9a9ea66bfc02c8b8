//! Repositories that are followed.

mod backfill;
mod hosts;
mod http;
mod repairs;
mod scopes;
mod simulation;
mod world;
