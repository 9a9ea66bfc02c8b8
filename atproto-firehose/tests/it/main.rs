//! Integration tests of the firehose. Regression tests carry the name of the
//! failure they keep away.

mod support;

mod log_basics;
mod log_damage;
mod log_faults;
mod producer;
