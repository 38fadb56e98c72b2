//! The log of changes.

mod command;
mod concurrency;
mod context;
mod feeds;
mod helpers;
mod install;
mod model;
mod rows;

use helpers::{item_log, items, logged, read, run};
