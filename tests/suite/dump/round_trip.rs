//! What a dump has written, a seed reads back.

use covara_diesel::Dialect;
use covara_diesel::dump::{DumpError, Format};
use diesel::connection::SimpleConnection;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::thorough;

use super::helpers::{bytes, dumped, seeded, text_sql};
use crate::backend::{self, Conn, TestDb};

/// A value as SQL, and which formats hold it.
#[derive(Clone, Debug)]
struct Value {
    sql: String,
    csv: bool,
    ndjson: bool,
}

fn both(sql: impl Into<String>) -> Value {
    Value {
        sql: sql.into(),
        csv: true,
        ndjson: true,
    }
}

fn ndjson_only(sql: impl Into<String>) -> Value {
    Value {
        csv: false,
        ..both(sql)
    }
}

fn csv_only(sql: impl Into<String>) -> Value {
    Value {
        ndjson: false,
        ..both(sql)
    }
}

fn neither(sql: impl Into<String>) -> Value {
    Value {
        ndjson: false,
        ..ndjson_only(sql)
    }
}

fn list(values: &[&str]) -> Vec<Value> {
    values.iter().map(|sql| both(*sql)).collect()
}

fn quoted(values: &[&str], make: fn(String) -> Value) -> Vec<Value> {
    values
        .iter()
        .map(|text| make(format!("'{text}'")))
        .collect()
}

/// Texts that a format could mistake for something else.
fn texts() -> Vec<Value> {
    let mut texts: Vec<String> = [
        "a",
        "NULL",
        "null",
        "\\N",
        "\\.",
        "\\",
        "\\\\",
        "a,b",
        "a\"b",
        "\"",
        "\"\"",
        "'",
        "\n",
        "\r",
        "\r\n",
        "a\n\\.\nb",
        "\t",
        " lead",
        "trail ",
        "\u{7f}",
        "𝄞é",
        "\u{feff}",
        "\u{2028}",
        "\\x00",
        "base64:aGk=",
        "{}",
        "[1, 2]",
        "true",
        "1e5",
        "\\t",
        "\\u0041",
        "#",
        ";",
        "\u{fffd}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend((1..0x20_u8).map(|byte| format!("a{}b", char::from(byte))));
    texts.push("long ,\"\n".repeat(1_000));
    if backend::TEXT_HOLDS_NUL {
        texts.push("nul\0nul".to_owned());
    }
    texts.iter().map(|text| both(text_sql(text))).collect()
}

/// JSON of each kind, with forms that one of the formats does not keep.
fn json(keeps_form: bool) -> Vec<Value> {
    let escaped = if keeps_form { csv_only } else { both };
    let mut values = quoted(
        &[
            "{\"a\": [1, 2.50, null]}",
            "[]",
            "true",
            "{\"b\":\"x\\\"y\\n\\\\\"}",
            "-0.5",
        ],
        both,
    );
    // SQLite makes doubles of them, infinite or with fewer digits.
    let long = match backend::DIALECT {
        Dialect::Sqlite => neither,
        Dialect::Postgres => both,
    };
    values.extend(quoted(&["1e400", "12345678901234567890123"], long));
    values.extend(quoted(&["\"text\"", "\"\"", "\"q\\\"\\n\\u0001\""], both));
    values.push(csv_only("'null'"));
    if backend::DIALECT == Dialect::Sqlite {
        // A seed would take them for JSON in a JSON string.
        values.extend([csv_only("'\"1\"'"), csv_only("'\"[1]\"'")]);
    }
    values.extend(quoted(&["\"\\u0041\"", " [1]", "[1,\n2]"], escaped));
    values
}

fn columns() -> Vec<(&'static str, Vec<Value>)> {
    let mut common = vec![
        ("TEXT", [texts(), vec![ndjson_only("''")]].concat()),
        ("TEXT NOT NULL", [texts(), vec![both("''")]].concat()),
        ("VARCHAR(20)", quoted(&["a", "b,c"], both)),
        (
            "BIGINT",
            list(&["0", "-9223372036854775808", "9223372036854775807"]),
        ),
        (
            backend::BLOB,
            [&b""[..], b"\0", b"\xff\0\x01", b"abcdef", b"00112233"]
                .map(|value| both(bytes(value)))
                .to_vec(),
        ),
    ];
    common.extend(match backend::DIALECT {
        Dialect::Sqlite => of_sqlite(),
        Dialect::Postgres => of_postgres(),
    });
    common
}

fn of_sqlite() -> Vec<(&'static str, Vec<Value>)> {
    let numbers = || {
        list(&[
            "0",
            "-1",
            "9223372036854775807",
            "0.1",
            "-2.5e-300",
            "1e300",
            "123456789.123456789",
        ])
    };
    let is_exact = backend::LARGEST_REAL.is_infinite();
    vec![
        ("INTEGER", {
            let mut values = list(&["1", "-5"]);
            values.push(neither("'a text'"));
            values.push(neither("1.5"));
            values
        }),
        ("REAL", {
            let mut values = list(&[
                "0.1",
                "1.0",
                "1e300",
                "5e-324",
                "-2.2250738585072014e-308",
                "1e17",
                "9007199254740993.0",
            ]);
            if is_exact {
                values.extend(list(&["9e999", "-9e999"]));
            }
            values
        }),
        (
            "NUMERIC(10, 2)",
            [numbers(), vec![neither("'abc'")]].concat(),
        ),
        ("BOOLEAN", [list(&["0", "1"]), vec![neither("2")]].concat()),
        (
            "DATE",
            [
                quoted(
                    &["2026-01-31", "2024-02-29", "-0753-04-21", "+10000-01-01"],
                    both,
                ),
                quoted(
                    &["2026-02-30", "2026-1-1", "31.1.2026", "infinity"],
                    neither,
                ),
            ]
            .concat(),
        ),
        (
            "TIME",
            [
                quoted(&["00:00:00", "23:59:59.123", "12:00:00.123456789"], both),
                quoted(&["24:00:00", "12:00", "12:00:00.5"], neither),
            ]
            .concat(),
        ),
        (
            "TIMESTAMP",
            [
                quoted(
                    &[
                        "2026-01-31 23:59:59",
                        "2026-01-31 00:00:00.500",
                        "-0043-03-15 00:00:00",
                    ],
                    both,
                ),
                quoted(
                    &[
                        "2026-01-31T23:59:59",
                        "2026-01-31 23:59:60.5",
                        "2026-01-31 23:59:59.5",
                    ],
                    neither,
                ),
                vec![neither("1700000000")],
            ]
            .concat(),
        ),
        (
            "TIMESTAMPTZ",
            [
                quoted(
                    &[
                        "2026-01-31 23:59:59+00:00",
                        "2026-01-31 23:59:59.000001+00:00",
                    ],
                    both,
                ),
                quoted(
                    &["2026-01-31 23:59:59+02:00", "2026-01-31 23:59:59Z"],
                    neither,
                ),
            ]
            .concat(),
        ),
        (
            "JSON",
            [json(true), vec![neither("'{'"), neither("''")]].concat(),
        ),
        (
            "",
            [
                texts(),
                list(&["NULL"]),
                vec![ndjson_only("5"), ndjson_only("0.1"), ndjson_only("'5'")],
                vec![neither("x'00'")],
            ]
            .concat(),
        ),
        (
            "STRING",
            [
                quoted(&["abc", "1x"], both),
                list(&["5", "'5'", "0.5"]),
                vec![ndjson_only("-1e20"), neither("0.12345678901234567")],
            ]
            .concat(),
        ),
    ]
}

fn of_postgres() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("SMALLINT", list(&["-32768", "32767"])),
        ("INTEGER", list(&["-2147483648", "2147483647"])),
        (
            "REAL",
            quoted(
                &[
                    "NaN",
                    "Infinity",
                    "-Infinity",
                    "1e-45",
                    "3.4028235e38",
                    "-0",
                    "0.1",
                ],
                both,
            ),
        ),
        (
            "DOUBLE PRECISION",
            quoted(
                &[
                    "NaN",
                    "Infinity",
                    "-Infinity",
                    "5e-324",
                    "1.7976931348623157e308",
                    "-0",
                    "0.1",
                ],
                both,
            ),
        ),
        ("BOOLEAN", list(&["true", "false"])),
        ("CHAR(5)", [quoted(&["ab", "     ", "a,b"], both)].concat()),
        (
            "DATE",
            [
                quoted(
                    &[
                        "2026-01-31",
                        "0044-03-15 BC",
                        "0001-12-31 BC",
                        "4713-11-24 BC",
                        "9999-12-31",
                        "10000-01-01",
                        "262142-12-31",
                    ],
                    both,
                ),
                quoted(&["infinity", "-infinity", "300000-01-01"], both),
            ]
            .concat(),
        ),
        (
            "TIME",
            [
                quoted(&["00:00", "23:59:59.999999", "12:00:00.5"], both),
                quoted(&["24:00"], both),
            ]
            .concat(),
        ),
        (
            "TIMESTAMP",
            [
                quoted(
                    &[
                        "2026-01-31 23:59:59.123456",
                        "0044-03-15 00:00 BC",
                        "4713-11-24 00:00 BC",
                        "12026-01-01 00:00",
                        "1999-12-31 23:59:59.9",
                    ],
                    both,
                ),
                quoted(&["infinity", "-infinity", "294276-12-31 23:59:59"], both),
            ]
            .concat(),
        ),
        (
            "TIMESTAMPTZ",
            [
                quoted(
                    &[
                        "2026-01-31 23:59:59.123456+05:30",
                        "0044-03-15 00:00+00 BC",
                        "12026-01-01 00:00+00",
                        "0099-01-01 00:00:00+00",
                    ],
                    both,
                ),
                quoted(&["infinity", "-infinity"], both),
            ]
            .concat(),
        ),
        ("JSON", json(true)),
        ("JSONB", json(false)),
        (
            "NUMERIC(40, 20)",
            quoted(
                &[
                    "12345678901234567890.12345678901234567890",
                    "-0.00000000000000000001",
                    "NaN",
                ],
                both,
            ),
        ),
        ("NUMERIC", quoted(&["1e-300", "1.50", "9e300"], both)),
        (
            "UUID",
            quoted(
                &[
                    "00000000-0000-0000-0000-000000000000",
                    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                ],
                both,
            ),
        ),
        (
            "INTERVAL",
            quoted(
                &[
                    "0",
                    "-1 mon +2 days -03:04:05.678",
                    "178000000 years",
                    "1 year -1 day 00:00:00.000001",
                    "-1 day +00:00:01",
                ],
                both,
            ),
        ),
        ("INET", quoted(&["192.168.0.1/24", "::1"], both)),
        ("MACADDR", quoted(&["08:00:2b:01:02:03"], both)),
        ("BIT(3)", quoted(&["101", "000"], both)),
        (
            "BIT VARYING",
            [quoted(&["10101"], both), vec![ndjson_only("''")]].concat(),
        ),
        ("INT4RANGE", quoted(&["[1,10)", "empty", "(,)"], both)),
        (
            "TSTZRANGE",
            quoted(&["[2026-01-01 00:00+02,infinity)"], both),
        ),
        (
            "TEXT[]",
            list(&[
                "'{}'",
                "ARRAY['a\"b', 'c\\d', '', 'NULL', NULL, 'é,{}', E'line\\nbreak', E'\\t']",
                "'[0:1]={a,b}'",
                "'{{a,b},{c,NULL}}'",
            ]),
        ),
        ("INTEGER[]", list(&["'{{{1,2},{3,NULL}}}'", "'{}'"])),
        ("TIMESTAMP[]", list(&["'{infinity,0044-03-15 00:00 BC}'"])),
        ("BYTEA[]", list(&["ARRAY['\\x00ff'::bytea, '\\x'::bytea]"])),
        ("TIMETZ", quoted(&["23:59:59.5+05:30", "24:00:00-12"], both)),
        ("POINT", quoted(&["(0.1,-1e300)"], both)),
        ("TSVECTOR", list(&["'''a b'':1A,2 c:3'"])),
        (
            "\"char\"",
            [quoted(&["a"], both), vec![both("'\"'")]].concat(),
        ),
        ("NAME", quoted(&["a\"b"], both)),
        (
            "JSONB[]",
            list(&["ARRAY['{\"a\": 1}'::jsonb, 'null'::jsonb, NULL]"]),
        ),
        ("mood", quoted(&["a b", "\"c\""], both)),
        (
            "pair",
            list(&["ROW(NULL, NULL)", "ROW('a,\"b', '\\x00'::bytea)"]),
        ),
        ("positive", list(&["5"])),
        ("OID", list(&["4294967295"])),
        ("XID", quoted(&["7"], both)),
        ("PG_LSN", quoted(&["16/B374D848"], both)),
    ]
}

const TYPES: &str = "CREATE TYPE mood AS ENUM ('a b', '\"c\"');
    CREATE TYPE pair AS (name TEXT, content BYTEA);
    CREATE DOMAIN positive AS INTEGER CHECK (VALUE > 0)";

/// Dumps, seeds what was dumped into the emptied table, and dumps again. What is not held may be
/// refused, or is read back all the same.
fn check(conn: &mut Conn, format: Format, is_held: bool) -> Result<(), TestCaseError> {
    let first = match dumped(conn, "things", format) {
        Err(DumpError::Value { column, row, .. }) if !is_held => {
            prop_assert_eq!(column.as_str(), "v");
            prop_assert!(row > 0);
            return Ok(());
        }
        first => first.map_err(|error| TestCaseError::fail(error.to_string()))?,
    };
    let mut before = backend::rows_as_text(conn, "things");
    conn.batch_execute("DELETE FROM things").unwrap();
    let inserted = seeded(conn, "things", format, &first);
    prop_assert_eq!(inserted, before.len());
    let mut after = backend::rows_as_text(conn, "things");
    before.sort();
    after.sort();
    prop_assert_eq!(before, after);
    let second = dumped(conn, "things", format).unwrap();
    prop_assert_eq!(
        String::from_utf8_lossy(&first),
        String::from_utf8_lossy(&second)
    );
    Ok(())
}

fn both_formats(conn: &mut Conn, values: &[Value]) -> Result<(), TestCaseError> {
    conn.batch_execute("DELETE FROM things").unwrap();
    let rows = values.iter().enumerate();
    let rows: Vec<String> = rows
        .map(|(id, value)| format!("({id}, {})", value.sql))
        .collect();
    for rows in rows.chunks(20) {
        let insert = format!("INSERT INTO things (id, v) VALUES {}", rows.join(", "));
        conn.batch_execute(&insert)
            .unwrap_or_else(|error| panic!("{error}: {insert}"));
    }
    check(conn, Format::Csv, values.iter().all(|value| value.csv))?;
    check(
        conn,
        Format::Ndjson,
        values.iter().all(|value| value.ndjson),
    )
}

/// Each value of each type alone, so that one that is refused hides no other.
#[test]
fn each_value_is_read_back_or_refused() {
    let db = TestDb::new();
    let mut conn = db.connect();
    if backend::DIALECT == Dialect::Postgres {
        conn.batch_execute(TYPES).unwrap();
    }
    for (sql_type, values) in columns() {
        conn.batch_execute(&format!(
            "CREATE TABLE things (id BIGINT PRIMARY KEY NOT NULL, v {sql_type})"
        ))
        .unwrap();
        for value in &values {
            both_formats(&mut conn, std::slice::from_ref(value))
                .unwrap_or_else(|error| panic!("{sql_type} {value:?}: {error}"));
        }
        conn.batch_execute("DROP TABLE things").unwrap();
    }
}

/// Several values at once, NULLs among them, with a key or without.
#[test]
fn random_rows_are_read_back() {
    let db = TestDb::new();
    let mut conn = db.connect();
    if backend::DIALECT == Dialect::Postgres {
        conn.batch_execute(TYPES).unwrap();
    }
    let config = Config {
        cases: thorough::times(2, 8),
        failure_persistence: None,
        ..Config::default()
    };
    for (sql_type, values) in columns() {
        let held: Vec<Value> = values
            .into_iter()
            .filter(|value| value.csv && value.ndjson)
            .collect();
        let held = match sql_type.contains("NOT NULL") {
            true => held,
            false => [held, vec![both("NULL")]].concat(),
        };
        for key in ["BIGINT PRIMARY KEY NOT NULL", "BIGINT"] {
            conn.batch_execute(&format!("CREATE TABLE things (id {key}, v {sql_type})"))
                .unwrap();
            let rows = prop::collection::vec(prop::sample::select(held.clone()), 0..12);
            TestRunner::new(config.clone())
                .run(&rows, |rows| both_formats(&mut db.connect(), &rows))
                .unwrap_or_else(|error| panic!("{sql_type} {key}: {error}"));
            conn.batch_execute("DROP TABLE things").unwrap();
        }
    }
}
