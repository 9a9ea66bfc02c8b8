//! The AppView as a process, between a scripted relay and a scripted world of identities.

mod support;

mod accounts;
mod auth;
mod bad_input;
mod blocks;
mod gaps;
mod images;
mod kill;
mod operations;
mod pages;
mod records;
mod threads;
