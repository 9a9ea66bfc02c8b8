//! What the views are read with: one function a question, rows in the caller's order.

pub(crate) mod actor;
pub(crate) mod edge;
pub(crate) mod feed;
pub(crate) mod notification;
mod page;
pub(crate) mod post;
pub(crate) mod repo;
pub(crate) mod task;

pub(crate) use page::{Cursor, Page};
