//! The directory, asked over HTTP as its clients ask.

mod durability;
mod export;
mod hostile;
mod identity;
mod replay;
mod support;
