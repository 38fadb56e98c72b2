//! How much memory a large answer takes.

use serde_json::json;
use support::fault_proxy::{Fault, FaultProxy, answer};
use support::neon::TestDb;
use support::workers;

/// Of 64 bytes each in JSON: as much as Neon answers at most.
const ROWS: usize = 1_000_000;

/// The peak grows by no more than twice the answer, as its buffer doubles.
#[test]
fn an_answer_of_64_mb_takes_bounded_memory() {
    let text = "x".repeat(59);
    let rows = vec![format!(r#"["{text}"]"#); ROWS].join(",");
    let field = json!({ "name": "text", "dataTypeID": 25 });
    // The first request of a connection asks for settings, too.
    let settings = r#"{"fields":[],"rows":[["true"]],"rowCount":1}"#;
    let body = format!(
        r#"{{"results":[{settings},{{"rowAsArray":true,"fields":[{field}],"rows":[{rows}],"command":"SELECT","rowCount":{ROWS}}}]}}"#
    );
    let length = body.len();
    assert!(length > 64_000_000 && length < 64 << 20, "{length}");
    let db = TestDb::new();
    let proxy = FaultProxy::new(db.proxy().origin());
    proxy.next(Fault::Answer(answer(200, "application/json", body)));
    let worker = env!("CARGO_BIN_EXE_worker");
    let url = db.url_through(&proxy.origin());
    let grown = workers::run(worker, &url, 1, |_| "read-texts").remove(0);
    let (bytes, grown) = grown.split_once(' ').unwrap();
    assert_eq!(bytes.parse(), Ok(ROWS * text.len()));
    let grown: usize = grown.parse().unwrap();
    eprintln!("{length} bytes took {grown} bytes");
    assert!(grown > length, "the answer itself is held");
    assert!(grown < 2 * length + ROWS, "{grown} for {length} bytes");
}
