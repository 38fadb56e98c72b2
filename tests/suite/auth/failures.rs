//! A database that fails: an error from every method, never an empty answer.

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyChanges, ApiKeyStore, AuthError, NewApiKey, NewSession, Purpose,
    Rejected, Session, SessionStore, VerificationTokenStore, purge,
};
use covara_diesel::{DatabaseConnection, ErrorKind};
use diesel::connection::SimpleConnection;

use super::{HOUR, migrated};
use crate::backend::{self, Conn, TestDb};
use crate::suite::{chain, count};

/// The rows in the database before it fails.
pub(crate) struct Present {
    session: Session,
    secret: String,
    key: String,
    token: String,
}

pub(crate) fn fill(conn: &mut Conn) -> Present {
    let now = chrono::Utc::now();
    // Long enough ago to be touched and stamped anew.
    let before = move || now - HOUR;
    let session = SessionStore::new()
        .clock(before)
        .create(conn, NewSession::new("ada"))
        .unwrap();
    let (secret, key) = ApiKeyStore::new()
        .create(conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    AccountStore::new()
        .link(conn, &Account::new("ada", "oauth", "google", "1"))
        .unwrap();
    let token = VerificationTokenStore::new()
        .issue(conn, "ada", Purpose::PasswordReset)
        .unwrap();
    Present {
        session,
        secret: secret.expose().to_owned(),
        key: key.id,
        token: token.expose().to_owned(),
    }
}

pub(crate) type Outcome = (&'static str, Result<(), AuthError>);

fn rejected<T>(result: Result<T, Rejected>) -> Result<(), AuthError> {
    match result {
        Ok(_) => Ok(()),
        Err(Rejected::Failed(error)) => Err(error),
        Err(other) => panic!("an answer without a database: {other:?}"),
    }
}

pub(crate) fn reads<C: DatabaseConnection>(conn: &mut C, present: &Present) -> Vec<Outcome> {
    let (sessions, accounts, keys) = (SessionStore::new(), AccountStore::new(), ApiKeyStore::new());
    vec![
        (
            "find a session",
            sessions.find(conn, &present.session.id).map(drop),
        ),
        (
            "find and touch",
            sessions.find_and_touch(conn, &present.session.id).map(drop),
        ),
        ("list sessions", sessions.list(conn).map(drop)),
        (
            "list a user's",
            sessions.list_for_user(conn, "ada").map(drop),
        ),
        (
            "find an account",
            accounts.find(conn, "google", "1").map(drop),
        ),
        (
            "list accounts",
            accounts.list_for_user(conn, "ada").map(drop),
        ),
        (
            "check",
            VerificationTokenStore::new()
                .check(conn, "ada", Purpose::PasswordReset, &present.token)
                .map(drop),
        ),
        ("find a key", keys.find(conn, &present.key).map(drop)),
        ("list keys", keys.list_for_user(conn, "ada").map(drop)),
        // The note of its use is a courtesy.
        ("verify", rejected(keys.verify(conn, &present.secret))),
    ]
}

pub(crate) fn writes<C: DatabaseConnection>(conn: &mut C, present: &Present) -> Vec<Outcome> {
    let (sessions, accounts, keys) = (SessionStore::new(), AccountStore::new(), ApiKeyStore::new());
    let tokens = VerificationTokenStore::new();
    let id = &present.session.id;
    let now = chrono::Utc::now();
    let account = Account::new("ada", "oauth", "google", "1");
    vec![
        (
            "create",
            sessions.create(conn, NewSession::new("ada")).map(drop),
        ),
        ("save", sessions.save(conn, &present.session)),
        ("update", sessions.update(conn, &present.session).map(drop)),
        ("touch", sessions.touch(conn, id).map(drop)),
        ("rename", sessions.rename(conn, id).map(drop)),
        (
            "rotate",
            sessions.rotate(conn, id, NewSession::new("ada")).map(drop),
        ),
        ("delete", sessions.delete(conn, id).map(drop)),
        (
            "log out everywhere",
            sessions.delete_for_user(conn, "ada", None).map(drop),
        ),
        (
            "delete expired",
            sessions.delete_expired(conn, now, 10).map(drop),
        ),
        ("link", accounts.link(conn, &account)),
        ("unlink", accounts.unlink(conn, "google", "1").map(drop)),
        (
            "unlink all",
            accounts.delete_for_user(conn, "ada").map(drop),
        ),
        (
            "create a key",
            keys.create(conn, NewApiKey::new("ada", "CI")).map(drop),
        ),
        (
            "rotate a key",
            keys.rotate(conn, &present.key, ApiKeyChanges::new())
                .map(drop),
        ),
        ("revoke", keys.revoke(conn, &present.key).map(drop)),
        ("delete a key", keys.delete(conn, &present.key).map(drop)),
        ("delete keys", keys.delete_for_user(conn, "ada").map(drop)),
        (
            "issue",
            tokens.issue(conn, "ada", Purpose::PasswordReset).map(drop),
        ),
        (
            "consume",
            tokens
                .consume(conn, "ada", Purpose::PasswordReset, &present.token)
                .map(drop),
        ),
        (
            "take back",
            tokens.delete_for_identifier(conn, "ada").map(drop),
        ),
        (
            "delete expired tokens",
            tokens.delete_expired(conn, now, 10).map(drop),
        ),
        ("purge", purge(conn).map(drop)),
    ]
}

pub(crate) fn expect(outcomes: Vec<Outcome>, secrets: &Present, expected: fn(&AuthError) -> bool) {
    for (method, outcome) in outcomes {
        let error = outcome.expect_err(method);
        assert!(expected(&error), "{method}: {error:?}");
        let said = format!("{} {error:?}", chain(&error));
        for secret in [secrets.session.id.expose(), &secrets.secret, &secrets.token] {
            assert!(!said.contains(secret), "{method}: {said}");
        }
    }
}

#[test]
fn without_tables_everything_fails() {
    let (_db, mut conn) = migrated();
    let present = fill(&mut conn);
    let empty = TestDb::new();
    let mut conn = empty.connect();
    let database = |error: &AuthError| matches!(error, AuthError::Database(_));
    expect(reads(&mut conn, &present), &present, database);
    expect(writes(&mut conn, &present), &present, database);
}

backend::with_server! {
    #[test]
    fn a_lost_server_is_an_error_everywhere() {
        let (db, mut conn) = migrated();
        let present = fill(&mut conn);
        backend::break_connections(&db);
        let database = |error: &AuthError| matches!(error, AuthError::Database(_));
        expect(reads(&mut conn, &present), &present, database);
        expect(writes(&mut conn, &present), &present, database);
    }
}

#[test]
fn a_read_only_database_refuses_writes_and_can_be_read() {
    let (db, mut conn) = migrated();
    let present = fill(&mut conn);
    let mut conn = backend::read_only(&db);
    for (method, outcome) in reads(&mut conn, &present) {
        outcome.expect(method);
    }
    expect(writes(&mut conn, &present), &present, |error| {
        error.kind() == Some(ErrorKind::ReadOnly)
    });
    let wrong = ApiKeyStore::new().verify(&mut conn, "0123456789abcdef.x");
    assert!(matches!(wrong, Err(Rejected::NotFound)));
}

#[test]
fn a_locked_database_is_the_error_locked() {
    let (db, mut conn) = migrated();
    let present = fill(&mut conn);
    let mut other = db.connect();
    other.batch_execute(backend::LOCK_ALL).unwrap();
    conn.batch_execute(backend::HARDLY_WAIT).unwrap();
    let locked = |error: &AuthError| error.kind() == Some(ErrorKind::Locked);
    expect(reads(&mut conn, &present), &present, locked);
    expect(writes(&mut conn, &present), &present, locked);
    other.batch_execute("COMMIT").unwrap();
    for (method, outcome) in reads(&mut conn, &present) {
        outcome.expect(method);
    }
    for table in covara_diesel::INTERNAL_TABLE_NAMES {
        assert_eq!(count(&mut conn, table), 1);
    }
}
