mod apply;
mod archives;
mod proofs;
mod reader;
