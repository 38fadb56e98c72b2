//! What must hold on every backend. Each root names its backend in a module `backend`.

mod adoption;
pub(crate) mod auth;
mod boot;
mod bounds;
pub(crate) mod command;
mod doctor;
mod dump;
mod fixtures;
mod harness;
mod helpers;
mod interop;
mod migrate;
mod nested;
mod obstacles;
mod open;
mod open_queries;
mod pool;
mod program;
mod progress;
pub(crate) mod search;
mod seed;
mod seed_conflict_model;
mod seed_dry_run;
mod seed_errors;
mod seed_large;
pub(crate) mod seed_model;
mod seed_order;
pub(crate) mod seed_references;
mod seed_references_nested;
mod seed_replace;
mod seed_update;
mod status;
mod transactions;
mod unwritable;
mod values;

pub(crate) use helpers::{chain, count, number};
