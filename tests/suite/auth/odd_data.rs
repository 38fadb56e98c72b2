//! Data that JavaScript writes and Rust does not expect.

use covara_diesel::auth::{
    Account, AccountStore, AuthError, NewSession, RowError, Session, SessionStore,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::migrated;
use crate::backend::Conn;
use crate::backend::schema::auth_sessions::dsl;

/// A session whose data are these very characters.
fn written(conn: &mut Conn, data: &str) -> Session {
    let store = SessionStore::new();
    let session = store.create(conn, NewSession::new("ada")).unwrap();
    let handle = store.handle(&session.id);
    diesel::update(dsl::auth_sessions.find(handle.expose()))
        .set(dsl::data.eq(data))
        .execute(conn)
        .unwrap();
    session
}

fn read(conn: &mut Conn, data: &str) -> Result<Option<Value>, RowError> {
    let session = written(conn, data);
    let store = SessionStore::new();
    let found = store.find(conn, &session.id);
    let handle = store.handle(&session.id);
    let listed = store.list_for_user(conn, "ada").unwrap();
    let mut listed = listed.into_iter().filter(|row| match row {
        Ok(session) => session.id == handle,
        Err(error) => error.key() == [handle.expose()],
    });
    let listed = listed.next().unwrap();
    store.delete(conn, &session.id).unwrap();
    match found {
        Ok(found) => {
            let found = found.unwrap();
            assert_eq!(listed.unwrap().data, found.data);
            Ok(found.data)
        }
        Err(AuthError::Row(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn halves_of_surrogate_pairs_are_replaced() {
    let (_db, mut conn) = migrated();
    for (text, value) in [
        (
            r#"{"agent":"cut \ud83d"}"#,
            json!({"agent": "cut \u{fffd}"}),
        ),
        (r#""\uDE00\ud83d\ude00\ud83d""#, json!("\u{fffd}😀\u{fffd}")),
        (
            r#"["\\ud83d", "\\\ud83d", "\ud83dx"]"#,
            json!(["\\ud83d", "\\\u{fffd}", "\u{fffd}x"]),
        ),
        (
            r#"{"\ud800":"é\ud83d\ud83d\ude00"}"#,
            json!({"\u{fffd}": "é\u{fffd}😀"}),
        ),
        (r#""\u00e9\n\ud83d\n""#, json!("é\n\u{fffd}\n")),
    ] {
        assert_eq!(read(&mut conn, text), Ok(Some(value)), "{text}");
    }
    for wrong in [
        r#""\ud83d"#,
        r#"{"a":"\ud83d""#,
        r#""\ud83"#,
        r#""\"#,
        "\"\\\u{e9}\"",
        r"\ud83d",
    ] {
        assert!(read(&mut conn, wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_empty_text_is_read_as_no_data() {
    let (_db, mut conn) = migrated();
    assert_eq!(read(&mut conn, ""), Ok(None));
    assert_eq!(read(&mut conn, "null"), Ok(Some(Value::Null)));
    assert!(read(&mut conn, " ").is_err());
}

#[test]
fn data_may_be_nested_deeply_but_not_endlessly() {
    let (_db, mut conn) = migrated();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        for depth in [127, 128, 512] {
            let value = read(&mut conn, &nested(depth)).unwrap();
            // What was read can be written again.
            let new = NewSession::new("ada").data(value.unwrap());
            let session = SessionStore::new().create(&mut conn, new).unwrap();
            let again = SessionStore::new().find(&mut conn, &session.id).unwrap();
            assert_eq!(again, Some(session));
        }
        SessionStore::new()
            .delete_for_user(&mut conn, "ada", None)
            .unwrap();
        for depth in [513, 100_000] {
            let error = read(&mut conn, &nested(depth)).unwrap_err();
            assert!(error.reason().contains("512"), "{error}");
        }
    }
    // Brackets in strings are not nested.
    let text = format!(
        r#"["{}", "\"{}", "\ud800"]"#,
        "[".repeat(600),
        "{".repeat(600)
    );
    assert!(read(&mut conn, &text).unwrap().is_some());
    // What is not even JSON is an error as well, however long.
    assert!(read(&mut conn, &"[".repeat(512)).is_err());
    assert!(read(&mut conn, &"[".repeat(100_000)).is_err());
}

#[test]
fn one_bad_row_affects_no_other() {
    let (_db, mut conn) = migrated();
    let store = SessionStore::new();
    for data in ["{oops", "", r#""\ud800""#, "1"] {
        written(&mut conn, data);
    }
    let listed = store.list(&mut conn).unwrap();
    assert_eq!(listed.len(), 4);
    assert_eq!(listed.iter().filter(|row| row.is_err()).count(), 1);
}

#[test]
fn times_with_a_fraction_are_read_rounded_down() {
    let (_db, mut conn) = migrated();
    let store = AccountStore::new();
    let account = Account::new("ada", "oauth", "google", "1");
    store.link(&mut conn, &account).unwrap();
    for (written, seconds) in [
        ("1767323045.75", Some(1_767_323_045)),
        ("-0.5", Some(-1)),
        ("1767323045.0", Some(1_767_323_045)),
        ("1e300", None),
    ] {
        conn.batch_execute(&format!("UPDATE auth_accounts SET expires_at = {written}"))
            .unwrap();
        let found = store.find(&mut conn, "google", "1");
        match seconds {
            Some(seconds) => {
                let end = found.unwrap().unwrap().expires_at.unwrap();
                assert_eq!(end.timestamp(), seconds, "{written}");
                assert_eq!(end.timestamp_subsec_nanos(), 0);
            }
            None => assert!(found.is_err(), "{written}"),
        }
    }
    let sessions = SessionStore::new();
    let session = sessions.create(&mut conn, NewSession::new("ada")).unwrap();
    conn.batch_execute("UPDATE auth_sessions SET \"expiresAt\" = \"expiresAt\" + 0.5")
        .unwrap();
    let found = sessions.find(&mut conn, &session.id).unwrap();
    assert_eq!(found, Some(session));
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
enum Measure {
    Unknown,
    Bare(f64),
    Named { value: f64, note: Option<String> },
    Pair(f32, ()),
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Basket {
    total: f64,
    discount: Option<f32>,
    measures: Vec<Measure>,
    pair: (u8, f64),
    by_name: std::collections::BTreeMap<String, f64>,
}

fn basket() -> Basket {
    Basket {
        total: 12.5,
        discount: None,
        measures: vec![
            Measure::Unknown,
            Measure::Bare(0.1),
            Measure::Named {
                value: -0.5,
                note: None,
            },
            Measure::Pair(f32::MAX, ()),
        ],
        pair: (1, f64::MIN_POSITIVE),
        by_name: [("a".to_owned(), f64::MAX)].into(),
    }
}

#[test]
fn numbers_that_json_does_not_have_are_refused_wherever_they_are() {
    let (_db, mut conn) = migrated();
    let store = SessionStore::new().typed::<Basket>();
    let session = store
        .create(&mut conn, NewSession::new("ada").data(basket()))
        .unwrap();
    let found = store.find(&mut conn, &session.id).unwrap().unwrap();
    assert_eq!(found.data, Some(basket()));

    let wrong: [fn(&mut Basket); 8] = [
        |basket| basket.total = f64::NAN,
        |basket| basket.total = f64::INFINITY,
        |basket| basket.discount = Some(f32::NEG_INFINITY),
        |basket| basket.measures[1] = Measure::Bare(f64::NAN),
        |basket| {
            basket.measures[2] = Measure::Named {
                value: f64::NAN,
                note: None,
            };
        },
        |basket| basket.measures[3] = Measure::Pair(f32::NAN, ()),
        |basket| basket.pair.1 = f64::NAN,
        |basket| {
            basket.by_name.insert("b".to_owned(), f64::NAN);
        },
    ];
    for (place, change) in wrong.into_iter().enumerate() {
        let mut data = basket();
        change(&mut data);
        let refused = |error: AuthError| {
            assert!(
                matches!(error, AuthError::Data { .. }),
                "{place}: {error:?}"
            );
            assert!(error.to_string().contains("NaN"), "{place}: {error}");
        };
        let new = || NewSession::new("ada").data(data.clone());
        refused(store.create(&mut conn, new()).unwrap_err());
        refused(store.rotate(&mut conn, &session.id, new()).unwrap_err());
        let mut changed = session.clone();
        changed.data = Some(data.clone());
        refused(store.update(&mut conn, &changed).unwrap_err());
        refused(store.save(&mut conn, &changed).unwrap_err());
    }
    let found = store.find(&mut conn, &session.id).unwrap().unwrap();
    assert_eq!(found.data, Some(basket()));
}
