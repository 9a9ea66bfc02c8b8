//! What allocates and what does not. A binary of its own, because its allocator counts.

mod data;
mod lexicon;
mod syntax;
