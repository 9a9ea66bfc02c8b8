//! Integration tests of the firehose. Regression tests carry the name of the
//! failure they keep away.

mod support;

mod a_batch_that_took_too_long;
mod account_budget;
mod an_hour_without_the_database;
mod consumer;
mod corners;
mod crash_between_apply_and_ack;
mod crashes;
mod dead_letters;
mod filter_changes;
mod filters;
mod gap_policies;
mod intake_simulation;
mod jetstream;
#[cfg(all(feature = "jetstream-server", feature = "zstd"))]
mod jetstream_archive;
mod jetstream_intake;
#[cfg(feature = "jetstream-server")]
mod jetstream_server;
#[cfg(feature = "jetstream-server")]
mod jetstream_upstream;
mod label_upstream;
mod labels;
mod log_basics;
mod log_damage;
mod log_faults;
mod one_hot_did_does_not_stall_others;
mod outdated_cursor_then_backfill;
mod panics;
mod parking;
mod partitions;
mod producer;
mod record_sets;
mod refused_handshakes;
mod relay_restarts;
mod seeds;
mod several_upstreams;
mod slow_consumer_is_bounded;
mod store_contract;
mod tracker;
mod two_consumers_of_one_state;
mod verify;
mod weaknesses;
mod worked_example;
