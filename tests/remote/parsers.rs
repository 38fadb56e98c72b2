//! Whatever bytes a server answers with: never a panic, and a value only of what holds one.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;
use support::fault_proxy::{Fault, FaultProxy, answer};
use support::{d1, sqld};

use super::Remote;

#[derive(Debug, QueryableByName)]
#[expect(dead_code, reason = "that it can be read is all")]
struct Row {
    #[diesel(sql_type = Nullable<BigInt>)]
    i: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    r: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    t: Option<String>,
    #[diesel(sql_type = Nullable<diesel::sql_types::Binary>)]
    b: Option<Vec<u8>>,
}

const SELECT: &str = "SELECT 42 AS i, -1.5 AS r, 'tést \"q\" \\ '||char(0)||'x' AS t, x'00ff' AS b
    UNION ALL SELECT NULL, NULL, NULL, NULL";
const SCRIPT: &str = "CREATE TABLE IF NOT EXISTS t (a)";

/// A client of a server whose answers are made up.
struct Lied<R: Remote> {
    proxy: FaultProxy,
    conn: R::Conn,
    /// What the real server said to `SELECT` and to `SCRIPT`.
    real: [String; 2],
    _server: R,
}

impl<R: Remote> Lied<R> {
    fn new() -> Self {
        let server = R::start();
        let proxy = FaultProxy::new(&server.origin());
        let url = server.url_at(&proxy.origin(), "request_timeout=60&statement_timeout=60");
        let mut conn = R::Conn::establish(&url).unwrap();
        let mut real = [String::new(), String::new()];
        for (n, sql) in [SELECT, SCRIPT].into_iter().enumerate() {
            let (sender, receiver) = std::sync::mpsc::channel();
            proxy.next(Fault::Change(Box::new(move |body| {
                sender
                    .send(String::from_utf8(body.clone()).unwrap())
                    .unwrap();
                body
            })));
            if n == 0 {
                let rows: Vec<Row> = diesel::sql_query(sql).load(&mut conn).unwrap();
                assert_eq!(rows.len(), 2);
            } else {
                conn.batch_execute(sql).unwrap();
            }
            real[n] = receiver.recv_timeout(Duration::from_secs(5)).unwrap();
        }
        Self {
            proxy,
            conn,
            real,
            _server: server,
        }
    }

    /// How many rows the client took this for, and whether for an answer to a script. Both must
    /// be so in a document that it is by another reader, too.
    fn answers(&mut self, status: u16, body: &[u8]) -> (Option<usize>, bool) {
        let tell = || Fault::Answer(answer(status, "application/json", body));
        self.proxy.heal();
        self.proxy.next(tell());
        let rows = diesel::sql_query(SELECT).load::<Row>(&mut self.conn);
        self.proxy.heal();
        self.proxy.next(tell());
        let script = self.conn.batch_execute(SCRIPT);
        let taken = (rows.ok().map(|rows| rows.len()), script.is_ok());
        if taken != (None, false) {
            let shown = String::from_utf8_lossy(body);
            assert_eq!(status, 200, "{shown}");
            let text = str::from_utf8(body).expect(&shown);
            let Ok(document) = serde_json::from_str::<Value>(text) else {
                // It must be JSON; in a field that nobody reads there may be a value that this
                // reader has no room for, as 1e999 and a half of a surrogate pair.
                serde_json::from_str::<IgnoredAny>(text).expect(&shown);
                return taken;
            };
            let original = ROWS
                .iter()
                .find_map(|place| at(&document, place)?.as_array());
            if let Some(count) = taken.0 {
                assert_eq!(original.map(Vec::len), Some(count), "{shown}");
            }
        }
        taken
    }
}

/// A field of an object by name, or by place where serde's derive takes an array for the object.
type Field = (&'static str, usize);

/// Where an answer's rows are, on libSQL and on D1.
const ROWS: [&[Field]; 2] = [
    &[
        ("results", 2),
        ("", 0),
        ("response", 0),
        ("result", 0),
        ("step_results", 0),
        ("", 0),
        ("rows", 1),
    ],
    &[("result", 2), ("", 0), ("results", 0), ("rows", 1)],
];

fn at<'d>(document: &'d Value, place: &[Field]) -> Option<&'d Value> {
    place
        .iter()
        .try_fold(document, |value, (name, index)| match value {
            Value::Object(fields) => fields.get(*name),
            value => value.get(index),
        })
}

/// An edit of text, by numbers that mean something for any text.
type Edit = (u8, usize, usize, Vec<u8>);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(ODD.map(|text| text.as_bytes().to_vec()).to_vec()),
    ];
    prop::collection::vec((0..4u8, any::<usize>(), 0..40usize, bytes), 1..5)
}

/// What readers of JSON stumble over.
const ODD: [&str; 24] = [
    "null",
    "true",
    "-0",
    "-1",
    "1e999",
    "-1e999",
    "1e-999",
    "18446744073709551616",
    "9223372036854775808",
    "9007199254740993",
    "0.1e1",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\x\"",
    "[]",
    "{}",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":",
    ",",
    "]",
    "}",
    "\u{FEFF}",
    "\"=\"",
];

fn edited(text: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut text = text.to_vec();
    for (kind, at, length, new) in edits {
        let at = at % (text.len() + 1);
        let end = (at + length).min(text.len());
        match kind {
            0 => text.truncate(at),
            1 => drop(text.splice(at..end, new.iter().copied())),
            2 => drop(text.splice(at..at, new.iter().copied())),
            _ => {
                let again = text[at..end].to_vec();
                text.splice(at..at, again);
            }
        }
    }
    text
}

/// Replaces the value that is `number`-th in the document, counted through all of it.
fn replaced(document: &mut Value, number: &mut usize, new: &Value) -> bool {
    if *number == 0 {
        *document = new.clone();
        return true;
    }
    *number -= 1;
    match document {
        Value::Array(items) => items.iter_mut().any(|item| replaced(item, number, new)),
        Value::Object(map) => map.values_mut().any(|item| replaced(item, number, new)),
        _ => false,
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "integer", "float", "text", "blob", "null", "9", "AA==", "A"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let keys = prop::sample::select(vec![
            "type",
            "value",
            "base64",
            "cols",
            "rows",
            "name",
            "columns",
            "results",
            "message",
            "code",
            "baton",
            "base_url",
            "is_autocommit",
            "changes",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..3).prop_map(|pairs| {
                let pairs = pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value));
                Value::Object(pairs.collect())
            }),
        ]
    })
}

fn check<S: Strategy>(cases: u32, strategy: S, mut test: impl FnMut(S::Value)) {
    use proptest::test_runner::{Config, TestRunner};
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let test = std::cell::RefCell::new(&mut test);
    TestRunner::new(config)
        .run(&strategy, |value| {
            (test.borrow_mut())(value);
            Ok(())
        })
        .unwrap();
}

fn status() -> impl Strategy<Value = u16> {
    // Statuses that are not tried again, as that would take long.
    prop::sample::select(vec![200, 200, 200, 400, 404])
}

fn any_answer<R: Remote>() {
    let mut lied = Lied::<R>::new();
    let real = lied.real.clone();
    assert_eq!(lied.answers(200, real[0].as_bytes()).0, Some(2));
    assert!(lied.answers(200, real[1].as_bytes()).1);

    // Both must come of what follows, or it would show nothing.
    let (mut taken, mut refused) = (0, 0);
    let mut tell = |lied: &mut Lied<R>, status, body: &[u8]| {
        let answers = lied.answers(status, body);
        // What is changed in no byte is what the server said.
        if status == 200 && body == real[0].as_bytes() {
            assert_eq!(answers.0, Some(2));
        }
        match answers {
            (None, false) => refused += 1,
            _ => taken += 1,
        }
    };
    check(
        300,
        (status(), prop::collection::vec(any::<u8>(), 0..200)),
        |(status, body)| tell(&mut lied, status, &body),
    );
    check(
        800,
        (status(), 0..2usize, edits()),
        |(status, which, edits)| {
            tell(&mut lied, status, &edited(real[which].as_bytes(), &edits));
        },
    );
    check(
        800,
        (status(), 0..2usize, any::<usize>(), any_json()),
        |(status, which, at, new)| {
            let mut document: Value = serde_json::from_str(&real[which]).unwrap();
            replaced(&mut document, &mut (at % 60), &new);
            tell(&mut lied, status, document.to_string().as_bytes());
        },
    );
    assert!(
        taken > 50 && refused > 500,
        "{taken} taken, {refused} refused"
    );

    // A part of an answer is none.
    for whole in &real {
        for length in 0..whole.len() {
            let part = &whole.as_bytes()[..length];
            assert_eq!(lied.answers(200, part), (None, false), "{length} bytes");
        }
    }
    // A row without values: how many there are of them cannot be told.
    for rows in ["[[]]", "[[],[]]"] {
        let odd = real[1].replacen("\"rows\":[]", &format!("\"rows\":{rows}"), 1);
        assert_ne!(odd, real[1]);
        assert_eq!(lied.answers(200, odd.as_bytes()).0, None, "{rows}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(lied.answers(200, deep.as_bytes()), (None, false));

    // Nothing of all that has spoilt the connection.
    lied.proxy.heal();
    lied.conn.batch_execute("CREATE TABLE last (a)").unwrap();
}

#[test]
fn no_answer_panics_on_libsql() {
    any_answer::<sqld::TestDb>();
}

#[test]
fn no_answer_panics_on_d1() {
    any_answer::<d1::TestDb>();
}
