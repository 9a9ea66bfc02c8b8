//! Repositories that are followed.

mod backfill;
mod hosts;
mod repairs;
mod scopes;
mod simulation;
mod world;
