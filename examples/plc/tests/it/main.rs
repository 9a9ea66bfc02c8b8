//! The directory, asked over HTTP as its clients ask.

mod durability;
mod export;
mod hostile;
mod identity;
mod process;
mod replay;
mod stream;
mod support;
