mod build;
mod cursor;
mod diff;
mod edit;
mod proofs;
mod rules;
mod vectors;
