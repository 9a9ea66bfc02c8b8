//! The shared vectors through the commands that take them: every file of every folder, and so
//! many of each, so that none is passed over.

mod data;
mod identity;
mod syntax;
