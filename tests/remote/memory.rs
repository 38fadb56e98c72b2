//! How much memory a large answer takes: itself, and on libSQL a list of its cells.

use covara_diesel::DatabaseConnection;
use covara_diesel::remote::D1Connection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use support::fault_proxy::{Fault, FaultProxy, answer};
use support::{d1, sqld, workers};

use super::Remote;

const ROWS: usize = 2_000_000;

/// The peak grows by no more than twice the answer, as its buffer doubles, and `cell` bytes for
/// each of its cells.
fn small_cells<R: Remote>(cell: usize) {
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
    assert!(
        grown < 2 * length + cell * ROWS,
        "{grown} for {length} bytes"
    );
}

#[test]
fn a_large_answer_takes_bounded_memory_on_libsql() {
    small_cells::<sqld::TestDb>(32);
}

/// Whose JSON is so dense that a list of 24 bytes for each cell would be most of it.
#[test]
fn a_large_answer_takes_bounded_memory_on_d1() {
    small_cells::<d1::TestDb>(1);
}

/// A server names a column without a name by its text, which is another one each time.
fn names_of_columns<R: Remote>() {
    const TIMES: usize = 2_000;
    let server = R::start();
    let url = server.url_at(&server.origin(), "statement_timeout=20");
    let worker = env!("CARGO_BIN_EXE_worker");
    let grown = workers::run(worker, &url, 1, |_| "read-names").remove(0);
    let (times, grown) = grown.split_once(' ').unwrap();
    assert_eq!(times.parse(), Ok(TIMES));
    let grown: usize = grown.parse().unwrap();
    eprintln!("{TIMES} names of 2,000 bytes took {grown} bytes");
    // Each was kept twice at least.
    assert!(grown < TIMES * 2_000, "{grown}");
}

#[test]
fn names_of_columns_are_not_kept_on_libsql() {
    names_of_columns::<sqld::TestDb>();
}

#[test]
fn names_of_columns_are_not_kept_on_d1() {
    names_of_columns::<d1::TestDb>();
}

type Row = (
    i64,
    Option<f64>,
    Option<String>,
    Option<Vec<u8>>,
    Option<f64>,
);

/// Rows of every type, more than are kept as a list.
fn large<C>(conn: &mut C) -> QueryResult<Vec<Row>>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    use diesel::sql_types::{BigInt, Binary, Double, Nullable, Text};

    conn.batch_execute("CREATE TABLE n (n BIGINT)")?;
    conn.batch_execute(
        "WITH RECURSIVE up (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < 30000)
         INSERT INTO n SELECT n FROM up",
    )?;
    let text = "iif(n % 3, 'brackets ],[ and \"quotes\" ' || char(10, 233, 128105) || n, NULL)";
    diesel::select(diesel::dsl::sql::<(
        BigInt,
        Nullable<Double>,
        Nullable<Text>,
        Nullable<Binary>,
        Nullable<Double>,
    )>(&format!(
        "n, n / 4.0, {text}, iif(n % 5, unhex(printf('%04X', n % 65536)), x''),
         iif(n % 7, 1e18 * n, NULL) FROM n ORDER BY n -- "
    )))
    .load(conn)
}

#[test]
fn a_large_answer_of_d1_equals_that_of_a_file() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    let found = large(&mut conn).unwrap();
    let expected = super::transcript::on_a_file(large).unwrap();
    assert!(found == expected);
    assert_eq!(found.len(), 30_000);
    // What D1 rounds is an error in an answer of any size.
    let rounded = diesel::dsl::sql::<(diesel::sql_types::BigInt, diesel::sql_types::Text)>(
        "iif(n = 29999, 9223372036854775807, n), hex(zeroblob(40)) FROM n -- ",
    );
    let error = diesel::select(rounded)
        .load::<(i64, String)>(&mut conn)
        .unwrap_err();
    assert!(error.to_string().contains("2⁵³"), "{error}");
}

/// Answers that are not of the protocol, large as they are, are errors and nothing else.
#[test]
fn a_large_answer_that_is_malformed_is_an_error() {
    let db = d1::TestDb::new();
    let proxy = FaultProxy::new(db.base_url());
    let url = db.url_through(&proxy.origin(), d1::TOKEN);
    let mut conn = D1Connection::establish(&url).unwrap();
    let many = vec!["a text of some length"; 100_000];
    let good = <d1::TestDb as Remote>::reply(&many);
    for (from, to) in [
        (
            r#"["a text of some length"]]"#,
            r#"["a text of some length",1]]"#,
        ),
        (r#"["a text of some length"]]"#, "[]]"),
        (r#"["a text of some length"]]"#, "1]"),
        (r#"["a text of some length"]]"#, r#"[{"a":1}]]"#),
        (r#"["a text of some length"]]"#, "[9223372036854775807]]"),
        (r#"["a text of some length"]]"#, "[[256]]]"),
    ] {
        assert!(good.contains(from));
        let body = good.replace(from, to);
        proxy.next(Fault::Answer(answer(200, "application/json", body)));
        let query = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("x"));
        let error = query.load::<String>(&mut conn).unwrap_err();
        assert!(
            matches!(error, diesel::result::Error::DeserializationError(_)),
            "{to}: {error:?}"
        );
    }
}
