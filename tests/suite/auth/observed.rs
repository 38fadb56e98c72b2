//! Observers of a connection, `Debug`, errors and logs show nothing of secrets.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyChanges, ApiKeyStore, NewApiKey, NewSession, Purpose, Session,
    SessionIds, SessionStore, VerificationTokenStore, purge,
};
use diesel::connection::{Connection, InstrumentationEvent};
use serde_json::json;
use support::logged::logged;

use super::{HOUR, Hand, migrated};
use crate::backend::Conn;
use crate::suite::chain;

/// In the data of sessions, and wherever a program chooses the text.
const PRIVATE: &str = "s3cret-4f9d1c";

/// All that was said, and the secrets that must not be among it.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

impl Said {
    fn watch(&self, conn: &mut Conn) {
        let said = self.clone();
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            said.show(&event);
            match event {
                InstrumentationEvent::StartQuery { query, .. } => said.add(&query.to_string()),
                InstrumentationEvent::FinishQuery { query, error, .. } => {
                    said.add(&query.to_string());
                    if let Some(error) = error {
                        said.add(&chain(error));
                    }
                }
                _ => {}
            }
        });
    }

    fn add(&self, text: &str) {
        let mut all = self.0.lock().unwrap();
        all.push_str(text);
        all.push('\n');
    }

    fn show(&self, value: &dyn Debug) {
        self.add(&format!("{value:?} {value:#?}"));
    }

    /// Takes an outcome apart, and keeps what it shows.
    fn of<T: Debug, E: std::error::Error + 'static>(&self, outcome: Result<T, E>) -> Option<T> {
        self.show(&outcome);
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(&chain(&error));
                None
            }
        }
    }
}

fn use_sessions(conn: &mut Conn, said: &Said, secrets: &mut Vec<String>, ids: SessionIds) {
    let hand = Hand::new();
    let store = SessionStore::new().ids(ids).clock(hand.clock());
    let new = || {
        let new = NewSession::new("ada").data(json!({"token": PRIVATE}));
        said.show(&new);
        new
    };
    let session = said.of(store.create(conn, new())).unwrap();
    secrets.push(session.id.expose().to_owned());
    secrets.push(store.handle(&session.id).expose().to_owned());
    said.of(store.find(conn, &session.id));
    hand.advance(HOUR);
    said.of(store.find_and_touch(conn, &session.id));
    hand.advance(HOUR);
    said.of(store.touch(conn, &session.id));
    said.of(store.clone().max_age(900 * HOUR).touch(conn, &session.id));
    for store in [store.clone(), store.clone().max_age(900 * HOUR)] {
        said.of(store.save(conn, &session));
        said.of(store.update(conn, &session));
    }
    let chosen = Session {
        id: format!("{PRIVATE} {ids:?}").as_str().into(),
        ..session.clone()
    };
    said.of(store.save(conn, &chosen));
    secrets.push(store.handle(&chosen.id).expose().to_owned());
    let renamed = said.of(store.rename(conn, &session.id)).unwrap().unwrap();
    let rotated = said.of(store.rotate(conn, &renamed.id, new()));
    let rotated = rotated.unwrap().unwrap();
    for session in [&renamed, &rotated] {
        secrets.push(session.id.expose().to_owned());
        secrets.push(store.handle(&session.id).expose().to_owned());
    }
    said.of(store.list(conn));
    said.of(store.list_for_user(conn, "ada"));
    said.of(store.delete(conn, &chosen.id));
    said.of(store.delete_for_user(conn, "ada", Some(&rotated.id)));
    said.of(store.find(conn, format!("sha256${PRIVATE}")));
    // Data of another type is an error that names the row.
    let numbers = store.clone().typed::<i64>();
    assert!(said.of(numbers.find(conn, &rotated.id)).is_none());
    said.of(numbers.list(conn));
    said.of(store.delete_expired(conn, hand.now() + 9_000 * HOUR, 9));
    said.show(&store);
}

fn use_accounts(conn: &mut Conn, said: &Said) {
    let store = AccountStore::new();
    let secret = |name: &str| Some(format!("{PRIVATE} {name}").as_str().into());
    let account = Account {
        refresh_token: secret("refresh"),
        access_token: secret("access"),
        id_token: secret("id"),
        expires_at: Some(Hand::new().now()),
        ..Account::new("ada", "oauth", "google", "1")
    };
    said.of(store.link(conn, &account));
    said.of(store.link(conn, &account));
    let other = Account {
        user_id: "eve".to_owned(),
        ..account
    };
    assert!(said.of(store.link(conn, &other)).is_none());
    said.of(store.find(conn, "google", "1")).unwrap().unwrap();
    said.of(store.list_for_user(conn, "ada"));
    said.of(purge(conn));
    said.of(store.unlink(conn, "google", "1"));
    said.of(store.delete_for_user(conn, "ada"));
    said.show(&store);
}

fn use_keys(conn: &mut Conn, said: &Said, secrets: &mut Vec<String>) {
    let hand = Hand::new();
    let store = ApiKeyStore::new().clock(hand.clock());
    let new = NewApiKey::new("ada", "CI").prefix("app").scopes(["read"]);
    said.show(&new);
    let (secret, key) = said.of(store.create(conn, new)).unwrap();
    said.of(store.verify(conn, &secret));
    hand.advance(HOUR);
    said.of(store.verify(conn, &secret));
    said.of(store.verify(conn, format!("{}.{PRIVATE}", key.key_prefix)));
    said.of(store.find(conn, &key.id));
    said.of(store.list_for_user(conn, "ada"));
    let (rotated, new) = said
        .of(store.rotate(conn, &key.id, ApiKeyChanges::new()))
        .unwrap()
        .unwrap();
    said.of(store.verify(conn, &secret));
    for secret in [&secret, &rotated] {
        secrets.push(secret.expose().to_owned());
        secrets.push(secret.expose().split_once('.').unwrap().1.to_owned());
    }
    secrets.extend(hashes_of_keys(conn));
    said.of(store.revoke(conn, &new.id));
    said.of(store.delete(conn, &new.id));
    said.of(store.delete_for_user(conn, "ada"));
    said.show(&store);
}

fn hashes_of_keys(conn: &mut Conn) -> Vec<String> {
    use crate::backend::schema::auth_api_keys::dsl;
    use diesel::prelude::*;

    dsl::auth_api_keys.select(dsl::key_hash).load(conn).unwrap()
}

fn use_tokens(conn: &mut Conn, said: &Said, secrets: &mut Vec<String>) {
    use crate::backend::schema::auth_verification_tokens::dsl;
    use diesel::prelude::*;

    let store = VerificationTokenStore::new();
    let purpose = Purpose::PasswordReset;
    for _ in 0..2 {
        let token = said.of(store.issue(conn, "ada", purpose)).unwrap();
        secrets.push(token.expose().to_owned());
        let hashes: Vec<String> = dsl::auth_verification_tokens
            .select(dsl::token)
            .load(conn)
            .unwrap();
        secrets.extend(hashes);
    }
    let last = secrets[secrets.len() - 2].clone();
    said.of(store.check(conn, "ada", purpose, &last));
    said.of(store.consume(conn, "ada", Purpose::MagicLink, &last));
    said.of(store.consume(conn, "ada", purpose, PRIVATE));
    said.of(store.consume(conn, "eve", purpose, &last));
    assert_eq!(
        said.of(store.consume(conn, "ada", purpose, &last)),
        Some(true)
    );
    said.of(store.delete_for_identifier(conn, "ada"));
    said.of(store.delete_expired(conn, Hand::new().now(), 9));
    said.show(&store);
}

/// Uses every method of every store, and returns the secrets there were.
fn use_everything(conn: &mut Conn, said: &Said) -> Vec<String> {
    let mut secrets = vec![PRIVATE.to_owned()];
    for ids in [SessionIds::Hashed, SessionIds::Plain, SessionIds::Migrating] {
        use_sessions(conn, said, &mut secrets, ids);
    }
    use_accounts(conn, said);
    use_keys(conn, said, &mut secrets);
    use_tokens(conn, said, &mut secrets);
    secrets
}

/// Uses every method of every store.
#[allow(dead_code, reason = "one program needs it")]
pub(crate) fn use_stores(conn: &mut Conn) {
    use_everything(conn, &Said::default());
}

#[test]
fn observers_debug_and_logs_show_no_secret() {
    let (_db, mut conn) = migrated();
    let said = Said::default();
    said.watch(&mut conn);
    let everything = || {
        log::debug!("this is collected");
        use_everything(&mut conn, &said)
    };
    // At `trace` the HTTP client logs whole requests, as the documentation says.
    let (secrets, logs) = logged(log::LevelFilter::Debug, everything);
    assert!(logs.contains("this is collected"));
    said.add(&logs);
    let said = said.0.lock().unwrap();
    assert!(said.contains("auth_sessions") && said.contains("INSERT"));
    assert!(secrets.len() > 30 && secrets.iter().all(|secret| secret.len() > 10));
    for secret in &secrets {
        let at = said.find(secret.as_str());
        assert!(
            at.is_none(),
            "{secret}: {:?}",
            at.map(|at| &said[at.saturating_sub(300)..at])
        );
    }
}

#[test]
fn errors_of_the_database_show_no_secret() {
    let (_db, mut conn) = migrated();
    let said = Said::default();
    said.watch(&mut conn);
    // Without tables every statement fails.
    for table in covara_diesel::INTERNAL_TABLE_NAMES {
        diesel::connection::SimpleConnection::batch_execute(
            &mut conn,
            &format!("DROP TABLE {table}"),
        )
        .unwrap();
    }
    let store = SessionStore::new();
    let session = Session {
        id: PRIVATE.into(),
        user_id: "ada".to_owned(),
        created_at: Hand::new().now(),
        expires_at: Hand::new().now(),
        data: Some(json!(PRIVATE)),
    };
    let handle = store.handle(PRIVATE);
    assert!(said.of(store.save(&mut conn, &session)).is_none());
    assert!(said.of(store.find(&mut conn, PRIVATE)).is_none());
    assert!(said.of(store.delete(&mut conn, PRIVATE)).is_none());
    let account = Account {
        access_token: Some(PRIVATE.into()),
        ..Account::new("ada", "oauth", "google", "1")
    };
    let accounts = AccountStore::new();
    assert!(said.of(accounts.link(&mut conn, &account)).is_none());
    let keys = ApiKeyStore::new();
    let key = format!("0123456789abcdef.{PRIVATE}");
    assert!(said.of(keys.verify(&mut conn, &key)).is_none());
    let tokens = VerificationTokenStore::new();
    let purpose = Purpose::EmailVerification;
    assert!(
        said.of(tokens.consume(&mut conn, "ada", purpose, PRIVATE))
            .is_none()
    );
    let said = said.0.lock().unwrap();
    assert!(said.contains("auth_sessions"));
    assert!(
        !said.contains(PRIVATE) && !said.contains(handle.expose()),
        "{said}"
    );
}
