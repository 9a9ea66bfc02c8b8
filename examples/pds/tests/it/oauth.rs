//! Apps that get access by OAuth, over HTTP.

mod app;
mod documents;
mod pages;
mod proofs;
mod scopes;
