//! The one door, to servers that speak HTTP.

use std::path::PathBuf;
use std::process::Command;

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyStore, NewApiKey, NewSession, Purpose, SessionStore,
    VerificationTokenStore,
};
use covara_diesel::pool::PoolDriver;
use covara_diesel::{AnyConnection, Dialect, Seed, auto_migrate, open, with_typed};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use support::numbers::{self, Number};
use support::{d1, sqld};

#[test]
fn everything_works_on_libsql_and_d1() {
    let (libsql, d1) = (sqld::TestDb::new(), d1::TestDb::new());
    let address = libsql.url().replace("http://", "");
    for (url, driver, kind) in [
        (
            format!("http://{address}?driver=libsql"),
            PoolDriver::Libsql,
            "Libsql(..)",
        ),
        (d1.url(), PoolDriver::D1, "D1(..)"),
    ] {
        let pool = open(&url).unwrap();
        assert_eq!((pool.driver(), pool.dialect()), (driver, Dialect::Sqlite));
        assert_eq!(pool.max_size(), 1);
        let mut conn = pool.get().unwrap();
        assert_eq!(format!("{conn:?}"), kind);
        assert!(matches!(
            conn,
            AnyConnection::Libsql(_) | AnyConnection::D1(_)
        ));
        assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
        with_typed!(&mut conn, |conn| conn.batch_execute(numbers::CREATE)).unwrap();
        for inserted in [1_001, 0] {
            let summary = Seed::new()
                .rows(numbers::up_to(1_000))
                .csv::<Number>(b"id,label,half\n1001,more,\n".as_slice())
                .run(&mut conn)
                .unwrap();
            assert_eq!(summary.inserted(), inserted, "{driver}");
        }
        let half: Option<i64> = with_typed!(&mut conn, |conn| numbers::numbers::table
            .find(4)
            .select(numbers::numbers::half)
            .get_result(conn))
        .unwrap();
        assert_eq!(half, Some(2));

        let (sessions, keys) = (SessionStore::new(), ApiKeyStore::new());
        let session = sessions.create(&mut conn, NewSession::new("ada")).unwrap();
        let found = sessions.find(&mut conn, &session.id).unwrap();
        assert_eq!(found, Some(session));
        let (secret, key) = keys.create(&mut conn, NewApiKey::new("ada", "CI")).unwrap();
        assert_eq!(keys.verify(&mut conn, &secret).unwrap().id, key.id);
        let account = Account::new("ada", "oauth", "google", "1");
        AccountStore::new().link(&mut conn, &account).unwrap();
        let tokens = VerificationTokenStore::new();
        let token = tokens.issue(&mut conn, "ada", Purpose::MagicLink).unwrap();
        assert!(tokens.consume(&mut conn, "ada", &token).unwrap());
        assert!(!tokens.consume(&mut conn, "ada", &token).unwrap());
    }
}

#[test]
fn the_example_takes_all_urls_at_once() {
    let (libsql, d1) = (sqld::TestDb::new(), d1::TestDb::new());
    let address = libsql.url().replace("http://", "");
    // `cargo test` builds the examples into the folder beside its own.
    let program: PathBuf = std::env::current_exe().unwrap();
    let program = program.ancestors().nth(2).unwrap().join("examples/open");
    let output = Command::new(program)
        .args([":memory:", &format!("libsql://{address}?tls=0"), &d1.url()])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for driver in ["sqlite", "libsql", "d1"] {
        let line = format!("SQLite by the driver {driver}");
        assert!(printed.contains(&line), "{line} in {printed}");
    }
    assert_eq!(printed.matches("246 inserted").count(), 3, "{printed}");
    assert_eq!(printed.matches("token good: true").count(), 3, "{printed}");
}
