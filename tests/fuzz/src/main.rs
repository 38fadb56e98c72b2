//! Every parser, and every surface that takes foreign text, under libFuzzer.
//!
//! One program for all targets, as each would link the same libraries; the variable
//! `COVARA_FUZZ_TARGET` says which one it is. The script `run` builds and runs them.

#![no_main]

mod auth;
mod catalogue;
mod cells;
mod fixtures;
mod follow;
#[path = "../../support/http.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod http;
mod libpq;
mod references;
mod remote;
mod search;
mod secrets;
mod sql;
mod tables;
mod transactions;
mod urls;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

type Target = fn(&[u8]);

/// By their names in `corpus`.
const TARGETS: [(&str, Target); 24] = [
    ("cells", cells::cells),
    ("csv", fixtures::csv),
    ("cursors", search::cursors),
    ("d1", remote::d1),
    ("definitions", catalogue::definitions),
    ("documents", catalogue::documents),
    ("follow", follow::follow),
    ("hashes", auth::hashes),
    ("highlights", search::highlights),
    ("hrana", remote::hrana),
    ("keys", auth::keys),
    ("libpq", libpq::libpq),
    ("ndjson", fixtures::ndjson),
    ("queries", search::queries),
    ("references", references::references),
    ("replies", remote::replies),
    ("rows", auth::rows),
    ("scripts", sql::scripts),
    ("secrets", secrets::secrets),
    ("statements", sql::statement),
    ("tables", tables::tables),
    ("transactions", transactions::transactions),
    ("urls", urls::urls),
    ("words", search::words),
];

static TARGET: OnceLock<Target> = OnceLock::new();

fn chosen() -> Target {
    let name = std::env::var("COVARA_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    match found {
        Some((_, target)) => *target,
        None => {
            let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            eprintln!("COVARA_FUZZ_TARGET must be one of {}", names.join(", "));
            std::process::exit(2);
        }
    }
}

fuzz_target!(|data: &[u8]| TARGET.get_or_init(chosen)(data));

/// Splits off a first byte that chooses among ways.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    match data.split_first() {
        Some((first, rest)) => (*first, rest),
        None => (0, data),
    }
}
