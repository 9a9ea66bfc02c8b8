mod apply;
mod archives;
mod import;
mod proofs;
mod reader;
