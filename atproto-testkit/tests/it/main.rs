//! Tests of the workspace as a whole.

mod arrows;
mod classes;
mod coverage;
mod network;
mod probe;
mod simulation;
