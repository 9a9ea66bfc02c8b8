//! The relay between hosts that the tests play and subscribers that the tests are.

mod capture;
mod crawling;
mod falsehoods;
mod hosts;
mod recovery;
mod stream;
mod support;
mod takedowns;
mod truths;
