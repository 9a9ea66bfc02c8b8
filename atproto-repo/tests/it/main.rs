//! Tests of the public interface, one module per module of the crate.

mod class;
mod support;

mod blocks;
mod car;
mod commit;
mod event;
mod event_fields;
mod mst;
mod repo;
mod seeds;
mod sync;
