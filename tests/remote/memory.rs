//! How much memory a large answer takes: what its cells hold, and no list for each row.

use support::fault_proxy::{Fault, FaultProxy, answer};
use support::{d1, sqld, workers};

use super::Remote;

const ROWS: usize = 2_000_000;

/// The peak grows by no more than twice the answer, as its buffer doubles, and what a list of
/// cells takes, of which each has 24 bytes.
fn small_cells<R: Remote>() {
    let body = R::reply(&vec!["x"; ROWS]);
    let length = body.len();
    let server = R::start();
    let proxy = FaultProxy::new(&server.origin());
    proxy.next(Fault::Answer(answer(200, "application/json", body)));
    let url = server.url_at(&proxy.origin(), "max_response_bytes=200000000");
    let worker = env!("CARGO_BIN_EXE_worker");
    let grown = workers::run(worker, &url, 1, |_| "read-texts").remove(0);
    let (rows, grown) = grown.split_once(' ').unwrap();
    assert_eq!(rows.parse(), Ok(ROWS));
    let grown: usize = grown.parse().unwrap();
    eprintln!("{length} bytes of {ROWS} rows took {grown} bytes");
    assert!(grown > length, "the answer itself is held");
    assert!(grown < 2 * length + 32 * ROWS, "{grown} for {length} bytes");
}

#[test]
fn of_libsql() {
    small_cells::<sqld::TestDb>();
}

#[test]
fn of_d1() {
    small_cells::<d1::TestDb>();
}
