//! Transactions: what a panic leaves, those begun by SQL, and those that read and then write.

mod panics;
mod left_open;
mod pooled;
mod unknown;
mod write;
