//! The binary, run as people and scripts run it.

mod audit;
mod backfill;
mod bad_input;
mod capture;
mod commands;
mod directory;
mod handles;
mod host;
mod lexicons;
mod network;
mod reference;
mod relay_collections;
mod repositories;
mod support;
mod vectors;
