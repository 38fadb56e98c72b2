//! Transactions: what a panic leaves, those begun by SQL, and those that read and then write.

mod left_open;
mod observers;
mod panics;
mod pooled;
mod unknown;
mod write;
