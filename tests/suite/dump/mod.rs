//! Tables as files, which a seed reads back.

mod files;
mod helpers;
mod memory;
mod order;
mod refused;
mod round_trip;
mod snapshot;
