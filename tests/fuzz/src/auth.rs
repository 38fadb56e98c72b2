//! Rows of other programs in the tables of the stores, and the keys and tokens of clients.

use std::cell::RefCell;

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyStore, NewApiKey, NewSession, SessionStore,
};
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};

use crate::choice;

struct Store {
    conn: SqliteConnection,
    session: String,
    secret: String,
}

fn store() -> Store {
    let mut conn = SqliteConnection::establish(":memory:").expect("memory");
    covara_diesel::auto_migrate(&mut conn).expect("tables");
    let session = SessionStore::new().create(&mut conn, NewSession::new("ada"));
    let session = session.expect("a session").id.expose().to_owned();
    let key = ApiKeyStore::new().create(&mut conn, NewApiKey::new("ada", "CI"));
    let secret = key.expect("a key").0.expose().to_owned();
    let account = Account::new("ada", "oauth", "google", "1");
    AccountStore::new()
        .link(&mut conn, &account)
        .expect("an account");
    Store {
        conn,
        session,
        secret,
    }
}

/// Runs `work` on a session, an account and a key, and undoes what it did.
fn undone(work: impl FnOnce(&mut SqliteConnection, &str, &str)) {
    thread_local! {
        static STORE: RefCell<Store> = RefCell::new(store());
    }
    STORE.with_borrow_mut(
        |Store {
             conn,
             session,
             secret,
         }| {
            let end = conn.transaction::<(), _, _>(|conn| {
                work(conn, session, secret);
                Err(diesel::result::Error::RollbackTransaction)
            });
            assert_eq!(end, Err(diesel::result::Error::RollbackTransaction));
        },
    );
}

/// Stored hashes: none but that of the key lets it in.
pub(crate) fn hashes(data: &[u8]) {
    let Ok(hash) = std::str::from_utf8(data) else {
        return;
    };
    undone(|conn, _, secret| {
        let update = diesel::sql_query("UPDATE auth_api_keys SET \"keyHash\" = ?");
        update.bind::<Text, _>(hash).execute(conn).expect("updated");
        let verified = ApiKeyStore::new().verify(conn, secret);
        assert!(verified.is_err(), "{hash:?} let in");
    });
}

/// Keys that clients send.
pub(crate) fn keys(data: &[u8]) {
    let key = String::from_utf8_lossy(data);
    undone(|conn, session, secret| {
        if key != secret {
            assert!(ApiKeyStore::new().verify(conn, key.as_ref()).is_err());
        }
        let found = SessionStore::new()
            .find(conn, key.as_ref())
            .expect("a query");
        assert_eq!(found.is_some(), key == session);
        let _ = AccountStore::new().find(conn, &key, &key).expect("a query");
    });
}

/// Columns with what SQLite lets anybody write there.
const COLUMNS: [(&str, &str); 14] = [
    ("auth_sessions", "data"),
    ("auth_sessions", "userId"),
    ("auth_sessions", "createdAt"),
    ("auth_sessions", "expiresAt"),
    ("auth_accounts", "userId"),
    ("auth_accounts", "scope"),
    ("auth_accounts", "expires_at"),
    ("auth_accounts", "access_token"),
    ("auth_api_keys", "scopes"),
    ("auth_api_keys", "keyPrefix"),
    ("auth_api_keys", "createdAt"),
    ("auth_api_keys", "expiresAt"),
    ("auth_api_keys", "lastUsedAt"),
    ("auth_api_keys", "revokedAt"),
];

pub(crate) fn rows(data: &[u8]) {
    let (column, data) = choice(data);
    let (table, name) = COLUMNS[usize::from(column) % COLUMNS.len()];
    undone(|conn, session, secret| {
        let sql = format!("UPDATE {table} SET \"{name}\" = ?");
        let update = diesel::sql_query(sql);
        let updated = match std::str::from_utf8(data) {
            Ok(text) if column < 128 => update.bind::<Text, _>(text).execute(conn),
            _ => update.bind::<Binary, _>(data).execute(conn),
        };
        assert_eq!(updated, Ok(1), "{table}.{name}");
        let (sessions, keys) = (SessionStore::new(), ApiKeyStore::new());
        let accounts = AccountStore::new();
        let _ = sessions
            .find(conn, session)
            .map_err(|error| error.to_string());
        let _ = sessions.find_and_touch(conn, session);
        let _ = sessions.list(conn).map(|list| list.len());
        let _ = sessions.list_for_user(conn, "ada");
        let _ = accounts
            .find(conn, "google", "1")
            .map_err(|error| error.to_string());
        let _ = accounts.list_for_user(conn, "ada");
        let _ = keys.verify(conn, secret).map_err(|error| error.to_string());
        let _ = keys.list_for_user(conn, "ada");
    });
}
