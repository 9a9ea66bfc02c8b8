mod build;
mod diff;
mod edit;
mod proofs;
mod rules;
mod vectors;
