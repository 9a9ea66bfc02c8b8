mod apply;
mod archives;
mod proofs;
