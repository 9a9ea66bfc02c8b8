//! What consumers of the firehose have got wrong, one test each, under the name
//! of what must be so instead.

mod acks;
mod connections;
mod memory;
mod order;
mod saves;
