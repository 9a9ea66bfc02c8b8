//! What the benchmarks share: inputs that look like the network's.
