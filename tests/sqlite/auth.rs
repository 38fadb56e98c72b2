//! Stores on a full disk.

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyChanges, ApiKeyStore, NewApiKey, NewSession, Purpose, Session,
    SessionStore, VerificationTokenStore,
};
use covara_diesel::{ErrorKind, auto_migrate};
use diesel::connection::SimpleConnection;
use support::sqlite::TestDb;

#[test]
fn a_full_disk_is_an_error_of_every_method_that_adds() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    let (sessions, keys) = (SessionStore::new(), ApiKeyStore::new());
    let session = sessions.create(&mut conn, NewSession::new("ada")).unwrap();
    let (secret, key) = keys.create(&mut conn, NewApiKey::new("ada", "CI")).unwrap();
    // No page more than there are now.
    conn.batch_execute("PRAGMA max_page_count = 1").unwrap();

    let long = "x".repeat(20_000);
    let account = Account::new(long.as_str(), "oauth", "google", "1");
    let grown = Session {
        user_id: long.clone(),
        ..session.clone()
    };
    let changes = ApiKeyChanges::new().name(long.as_str());
    let outcomes = [
        (
            "create",
            sessions
                .create(&mut conn, NewSession::new(long.as_str()))
                .map(drop),
        ),
        ("save", sessions.save(&mut conn, &grown)),
        ("update", sessions.update(&mut conn, &grown).map(drop)),
        (
            "rotate",
            sessions
                .rotate(&mut conn, &session.id, NewSession::new(long.as_str()))
                .map(drop),
        ),
        ("link", AccountStore::new().link(&mut conn, &account)),
        (
            "create a key",
            keys.create(&mut conn, NewApiKey::new(long.as_str(), "CI"))
                .map(drop),
        ),
        (
            "rotate a key",
            keys.rotate(&mut conn, &key.id, changes).map(drop),
        ),
        (
            "issue",
            VerificationTokenStore::new()
                .issue(&mut conn, &long, Purpose::MagicLink)
                .map(drop),
        ),
    ];
    for (method, outcome) in outcomes {
        let error = outcome.expect_err(method);
        assert!(
            error.kind() == Some(ErrorKind::DiskFull),
            "{method}: {error:?}"
        );
    }
    assert_eq!(
        sessions.find(&mut conn, &session.id).unwrap(),
        Some(session)
    );
    keys.verify(&mut conn, &secret).unwrap();
}
