//! One door to every database.

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyStore, NewApiKey, NewSession, Purpose, SessionStore,
    VerificationTokenStore,
};
use covara_diesel::pool::{PoolDriver, PoolError};
use covara_diesel::{Seed, Seedable, any, auto_migrate, migrate, open, with_typed};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers::{self, Number};

use super::program::{example, text};
use super::{chain, count};
use crate::backend::{self, TestDb};

/// Without a backend's name anywhere.
#[test]
fn every_area_works_on_a_pool_opened_by_url() {
    let db = TestDb::new();
    let pool = open(db.url()).unwrap();
    assert_eq!(Ok(pool.driver()), PoolDriver::from_url(&db.url()));
    let mut conn = pool.get().unwrap();
    assert_eq!(conn.dialect(), backend::DIALECT);
    assert_eq!(migrate::status(&mut conn).unwrap().pending().count(), 4);
    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);

    with_typed!(&mut conn, |conn| conn.batch_execute(numbers::CREATE)).unwrap();
    let more: Vec<Number> = numbers::up_to(10).collect();
    let csv = b"id,label,half\n10001,ten,\n".as_slice();
    let summary = Seed::new()
        .rows(numbers::up_to(10_000))
        .table(&more)
        .csv::<Number>(csv)
        .fixture(
            "numbers",
            covara_diesel::fixture::FixtureSource::reader(
                "more.ndjson",
                br#"{"id": 10002, "label": "eleven"}"#.as_slice(),
            ),
        )
        .progress(|progress| assert_eq!(progress.table, "numbers"))
        .run(&mut conn)
        .unwrap();
    assert_eq!((summary.inserted(), summary.skipped()), (10_002, 10));
    let again = Number::seed(&mut conn, &more).unwrap();
    assert_eq!((again.inserted(), again.skipped()), (0, 10));
    let half: Option<i64> = with_typed!(&mut conn, |conn| numbers::numbers::table
        .find(4)
        .select(numbers::numbers::half)
        .get_result(conn))
    .unwrap();
    assert_eq!(half, Some(2));

    let sessions = SessionStore::new();
    let session = sessions.create(&mut conn, NewSession::new("ada")).unwrap();
    let found = sessions.find(&mut conn, &session.id).unwrap();
    assert_eq!(found.as_ref(), Some(&session));
    assert_eq!(sessions.list_for_user(&mut conn, "ada").unwrap().len(), 1);
    let keys = ApiKeyStore::new();
    let (secret, key) = keys.create(&mut conn, NewApiKey::new("ada", "CI")).unwrap();
    assert_eq!(keys.verify(&mut conn, &secret).unwrap().id, key.id);
    assert!(keys.revoke(&mut conn, &key.id).unwrap());
    let accounts = AccountStore::new();
    let account = Account::new("ada", "oauth", "google", "1");
    accounts.link(&mut conn, &account).unwrap();
    assert_eq!(
        accounts.find(&mut conn, "google", "1").unwrap(),
        Some(account)
    );
    let tokens = VerificationTokenStore::new();
    let token = tokens.issue(&mut conn, "ada", Purpose::MagicLink).unwrap();
    assert!(
        tokens
            .consume(&mut conn, "ada", Purpose::MagicLink, &token)
            .unwrap()
    );
    assert!(
        !tokens
            .consume(&mut conn, "ada", Purpose::MagicLink, &token)
            .unwrap()
    );
    drop(conn);
    assert_eq!(count(&mut db.connect(), "auth_sessions"), 1);
}

#[test]
fn an_any_connection_gives_access_to_the_typed_one() {
    let db = TestDb::new();
    let mut conn = open(db.url()).unwrap().get().unwrap();
    assert_eq!(format!("{conn:?}"), format!("{:?}(..)", backend::DIALECT));
    // A transaction of the typed connection's, with the library's calls in it.
    let undone: QueryResult<()> = with_typed!(&mut conn, |conn| conn.transaction(|conn| {
        auto_migrate(conn).unwrap();
        Err(diesel::result::Error::RollbackTransaction)
    }));
    undone.unwrap_err();
    assert_eq!(migrate::status(&mut conn).unwrap().pending().count(), 4);
}

#[test]
fn an_exhausted_pool_is_an_error_after_the_connection_time_out() {
    let db = TestDb::new();
    let time_out = std::time::Duration::from_secs(2);
    let pool = any::open_with(db.url(), |config| {
        config.max_size = 1;
        config.connection_timeout = Some(time_out);
    })
    .unwrap();
    let held = pool.get().unwrap();
    let begun = std::time::Instant::now();
    let error = pool.get().unwrap_err();
    let waited = begun.elapsed();
    assert!(
        matches!(error, PoolError::Exhausted { max_size: 1, .. }),
        "{error:?}"
    );
    assert!(chain(&error).contains("raise max_size"), "{error}");
    assert!(waited >= time_out, "{waited:?}");
    assert!(error.to_string().contains("in use for 2s"), "{error}");
    drop(held);
    pool.get().unwrap();
    assert_eq!(pool.state().connections, 1);
}

#[test]
fn an_unusable_url_is_an_error_that_shows_no_password() {
    for (url, part) in [
        ("", "empty"),
        (" ", "empty"),
        ("sqlite:", "empty"),
        ("sqlite://", "empty"),
        ("sqlite: ", "empty"),
        ("file:", "empty"),
        ("file://", "empty"),
        ("mysql://ada:hunter2@localhost/app", "libsql://"),
        ("mysql://ada:hunter2@localhost/app", "\"mysql\""),
        ("ada:hunter2@localhost/app", "postgres://"),
        ("postgres:ada:hunter2@localhost", "postgres://"),
        (
            "postgres://ada:hunter2@localhost/app?driver=oracle",
            "hyperdrive",
        ),
        ("postgres://ada:hunter2@localhost/app?driver=d1", "pglite"),
        ("host=localhost driver=hunter2", "neon"),
    ] {
        let error = open(url).unwrap_err();
        assert!(matches!(error, PoolError::Url { .. }), "{url}: {error:?}");
        let text = format!("{} {error:?}", chain(&error));
        assert!(text.contains(part), "{url}: {part} in {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn the_open_example_runs_with_the_url() {
    let db = TestDb::new();
    for (migrations, inserted) in [(4, 246), (0, 0)] {
        let output = example("open", &[&db.url()]);
        let printed = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        for part in [
            format!("{} by the driver", backend::DIALECT),
            format!("{migrations} migrations run"),
            format!("{inserted} inserted"),
            "PE is Peru".to_owned(),
            "session of ada".to_owned(),
            "API key of ada".to_owned(),
            "token good: true".to_owned(),
        ] {
            assert!(printed.contains(&part), "{part:?} in {printed}");
        }
    }
    let output = example("open", &["mysql://ada:hunter2@localhost/app"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: \"mysql\" is not a known scheme"));
}
