//! Rows that Covara (TypeScript) wrote are read here as it says, and those written here are
//! byte for byte what it would have written.

use chrono::{DateTime, Utc};
use covara_diesel::auth::{
    Account, AccountStore, ApiKeyStore, NewApiKey, Purpose, Rejected, Session, SessionIds,
    SessionStore, VerificationTokenStore,
};
use covara_diesel::{Dialect, auto_migrate};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::Value;

use super::{HOUR, held, migrated};
use crate::backend::{self, Conn, TestDb};

/// One row of the table in the file of expectations: as it was written, and as this
/// database gives it back.
fn expected(table: &str) -> Vec<(Value, Value)> {
    let file: Value = serde_json::from_str(include_str!("../../interop/expected.json")).unwrap();
    let side = match backend::DIALECT {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "pg",
    };
    let rows = file["tables"][table].as_array().unwrap();
    rows.iter()
        .map(|row| (row["written"].clone(), row[side].clone()))
        .collect()
}

fn loaded() -> (TestDb, Conn) {
    let db = TestDb::new();
    backend::load_interop(&db);
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    (db, conn)
}

/// Whose sessions Covara (TypeScript) serves at the same time.
fn store() -> SessionStore {
    SessionStore::new().ids(SessionIds::Plain)
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn optional(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn millis(value: &Value) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(value.as_i64().unwrap()).unwrap()
}

/// A time that may be missing; accounts have it in seconds on SQLite.
fn time(row: &Value, name: &str) -> Option<DateTime<Utc>> {
    match (&row[format!("{name}Ms")], &row[name]) {
        (Value::Number(_), _) => Some(millis(&row[format!("{name}Ms")])),
        (_, Value::Number(seconds)) => DateTime::from_timestamp(seconds.as_i64().unwrap(), 0),
        _ => None,
    }
}

/// Before anything in these rows has ended.
fn long_ago() -> DateTime<Utc> {
    DateTime::from_timestamp(-3_000_000_000, 0).unwrap()
}

#[test]
fn sessions_are_read_as_covara_says() {
    let (_db, mut conn) = loaded();
    let store = store().clock(long_ago);
    let rows = expected("auth_sessions");
    for (written, row) in &rows {
        let id = string(&row["id"]);
        // Covara takes an empty text for none.
        let text = row["data"].as_str().filter(|text| !text.is_empty());
        let session = store.find(&mut conn, &id).unwrap().expect(&id);
        assert_eq!(session.id.expose(), id);
        assert_eq!(session.user_id, string(&row["userId"]));
        // The file's reader takes the year 99 for 1999, and says so.
        let created = if id == "s-driz-10-year99" {
            written
        } else {
            row
        };
        assert_eq!(session.created_at, millis(&created["createdAtMs"]), "{id}");
        assert_eq!(session.expires_at, millis(&row["expiresAtMs"]), "{id}");
        let data = text.map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(session.data, data, "{id}");
    }
    let listed = store.list(&mut conn).unwrap();
    assert_eq!(listed.len(), rows.len());
    assert!(listed.iter().all(Result::is_ok));
    for user in ["user-5", "user-6"] {
        assert_eq!(store.list_for_user(&mut conn, user).unwrap().len(), 1);
    }
    // By today's clock one of them has ended.
    let today = SessionStore::new().ids(SessionIds::Plain);
    assert!(
        today
            .find(&mut conn, "'; DROP TABLE auth_sessions; --")
            .unwrap()
            .is_none()
    );
}

#[test]
fn accounts_are_read_as_covara_says() {
    let (_db, mut conn) = loaded();
    let store = AccountStore::new();
    for (_, row) in expected("auth_accounts") {
        let account = account(&row, time(&row, "expires_at"));
        let found = store.find(&mut conn, &account.provider, &account.provider_account_id);
        assert_eq!(found.unwrap().as_ref(), Some(&account));
        let listed = store.list_for_user(&mut conn, &account.user_id).unwrap();
        assert!(listed.contains(&Ok(account)));
    }
}

fn account(row: &Value, expires_at: Option<DateTime<Utc>>) -> Account {
    let token = |name: &str| optional(&row[name]).map(Into::into);
    Account {
        user_id: string(&row["userId"]),
        kind: string(&row["type"]),
        provider: string(&row["provider"]),
        provider_account_id: string(&row["providerAccountId"]),
        refresh_token: token("refresh_token"),
        access_token: token("access_token"),
        expires_at,
        token_type: optional(&row["token_type"]),
        scope: optional(&row["scope"]),
        id_token: token("id_token"),
        session_state: optional(&row["session_state"]),
    }
}

fn scopes(row: &Value) -> Option<Vec<String>> {
    let scopes = row["scopes"].as_array()?;
    Some(scopes.iter().map(string).collect())
}

#[test]
fn api_keys_are_read_as_covara_says() {
    let (_db, mut conn) = loaded();
    let store = ApiKeyStore::new();
    for (_, row) in expected("auth_api_keys") {
        let id = string(&row["id"]);
        let key = store.find(&mut conn, &id).unwrap().expect(&id);
        assert_eq!(key.user_id, string(&row["userId"]));
        assert_eq!(key.name, string(&row["name"]));
        assert_eq!(key.key_prefix, string(&row["keyPrefix"]));
        assert_eq!(key.scopes, scopes(&row), "{id}");
        assert_eq!(key.created_at, millis(&row["createdAtMs"]), "{id}");
        assert_eq!(key.expires_at, time(&row, "expiresAt"), "{id}");
        assert_eq!(key.last_used_at, time(&row, "lastUsedAt"), "{id}");
        assert_eq!(key.revoked_at, time(&row, "revokedAt"), "{id}");
        assert!(
            store
                .list_for_user(&mut conn, &key.user_id)
                .unwrap()
                .contains(&Ok(key))
        );
    }
    // What is no hash at all is no match, and no panic.
    let refused = store.verify(&mut conn, "key-00.hash0");
    assert!(matches!(refused, Err(Rejected::NotFound)), "{refused:?}");
}

#[test]
fn keys_that_covara_made_are_valid_and_keep_their_hash() {
    use crate::backend::schema::auth_api_keys::dsl;

    let (_db, mut conn) = loaded();
    let store = ApiKeyStore::new();
    let rows = expected("auth_api_keys");
    let keys: Vec<_> = rows
        .iter()
        .filter_map(|(written, _)| written["rawKey"].as_str())
        .collect();
    assert_eq!(keys.len(), 2);
    for raw in keys {
        let (head, tail) = raw.split_once('.').unwrap();
        let id = head.rsplit('_').next().unwrap();
        let hash = |conn: &mut Conn| -> String {
            dsl::auth_api_keys
                .find(id)
                .select(dsl::key_hash)
                .first(conn)
                .unwrap()
        };
        for wrong in [
            format!("{head}.{}", tail.to_lowercase()),
            format!("x_{raw}"),
            format!("_{raw}"),
        ] {
            assert!(
                matches!(store.verify(&mut conn, &wrong), Err(Rejected::NotFound)),
                "{wrong}"
            );
        }
        let before = hash(&mut conn);
        assert!(before.starts_with("scrypt$N=16384,"));
        assert_eq!(store.verify(&mut conn, raw).unwrap().id, id);
        assert_eq!(hash(&mut conn), before);
        assert!(store.verify(&mut conn, raw).is_ok());
        assert!(matches!(
            store.verify(&mut conn, format!("x_{raw}")),
            Err(Rejected::NotFound)
        ));
    }
}

#[test]
fn verification_tokens_are_good_if_covara_hashed_them() {
    let (_db, mut conn) = loaded();
    let store = VerificationTokenStore::new().clock(long_ago);
    for (written, row) in expected("auth_verification_tokens") {
        let identifier = string(&row["identifier"]);
        let end = millis(&row["expiresMs"]);
        let raw = string(&written["rawToken"]);
        let late = store.clone().clock(move || end);
        assert!(
            !late
                .consume(&mut conn, &identifier, Purpose::EmailVerification, &raw)
                .unwrap()
        );
        assert_eq!(
            store
                .consume(&mut conn, &identifier, Purpose::EmailVerification, &raw)
                .unwrap(),
            written["hashed"].as_bool().unwrap(),
            "plain text at rest is no token"
        );
    }
}

/// The rows of a table, in the order of their text.
fn rows(conn: &mut Conn, table: &str) -> Vec<String> {
    let mut rows = backend::rows_as_text(conn, table);
    rows.sort();
    rows
}

#[test]
fn sessions_are_written_as_covara_writes_them() {
    let (_covaras, mut covaras) = loaded();
    let (_ours, mut ours) = migrated();
    let store = store();
    let mut written_by_store = Vec::new();
    for (written, _) in expected("auth_sessions") {
        if written["via"] != "store" {
            continue;
        }
        let session = Session {
            id: written["id"].as_str().unwrap().into(),
            user_id: string(&written["userId"]),
            created_at: millis(&written["createdAtMs"]),
            expires_at: millis(&written["expiresAtMs"]),
            data: Some(written["data"].clone()),
        };
        written_by_store.push(session.id.expose().to_owned());
        store.save(&mut ours, &session).unwrap();
    }
    covaras
        .batch_execute("DELETE FROM auth_sessions WHERE id NOT LIKE 's-store-%'")
        .unwrap();
    assert_eq!(written_by_store.len(), 6);
    assert_eq!(
        rows(&mut ours, "auth_sessions"),
        rows(&mut covaras, "auth_sessions")
    );
}

#[test]
fn accounts_are_written_as_covara_writes_them() {
    let (_covaras, mut covaras) = loaded();
    let (_ours, mut ours) = migrated();
    for (written, _) in expected("auth_accounts") {
        let account = account(&written, time(&written, "expires_at"));
        AccountStore::new().link(&mut ours, &account).unwrap();
    }
    assert_eq!(
        rows(&mut ours, "auth_accounts"),
        rows(&mut covaras, "auth_accounts")
    );
}

#[test]
fn api_keys_are_written_as_covara_writes_them() {
    let (_covaras, mut covaras) = loaded();
    let (_ours, mut ours) = migrated();
    let mut compared = Vec::new();
    for (written, _) in expected("auth_api_keys") {
        let created = millis(&written["createdAtMs"]);
        let mut new = NewApiKey::new(string(&written["userId"]), string(&written["name"]));
        if let Some(end) = time(&written, "expiresAt") {
            new = new.expires_at(end);
        }
        if let Some(scopes) = scopes(&written) {
            new = new.scopes(scopes);
        }
        let store = |now| ApiKeyStore::new().clock(move || now);
        let (secret, key) = store(created).create(&mut ours, new).unwrap();
        if let Some(used) = time(&written, "lastUsedAt") {
            // Some ended before they were used, as only tests have it.
            if store(used).verify(&mut ours, &secret).is_err() {
                ApiKeyStore::new().delete(&mut ours, &key.id).unwrap();
                continue;
            }
        }
        if let Some(revoked) = time(&written, "revokedAt") {
            assert!(store(revoked).revoke(&mut ours, &key.id).unwrap());
        }
        // Random here, and there: all but these is compared.
        let (id, hash) = (string(&written["id"]), string(&written["keyHash"]));
        let prefix = string(&written["keyPrefix"]);
        ours.batch_execute(&format!(
            "UPDATE auth_api_keys SET id = '{id}', \"keyHash\" = '{hash}', \"keyPrefix\" = '{prefix}'
             WHERE id = '{}'",
            key.id
        ))
        .unwrap();
        compared.push(format!("'{id}'"));
    }
    assert!(compared.len() >= 5, "{compared:?}");
    let others = format!(
        "DELETE FROM auth_api_keys WHERE id NOT IN ({})",
        compared.join(",")
    );
    covaras.batch_execute(&others).unwrap();
    assert_eq!(
        rows(&mut ours, "auth_api_keys"),
        rows(&mut covaras, "auth_api_keys")
    );
}

#[test]
fn verification_tokens_are_written_as_covara_writes_them() {
    use crate::backend::schema::auth_verification_tokens::dsl;

    let (_covaras, mut covaras) = loaded();
    let (_ours, mut ours) = migrated();
    for (written, row) in expected("auth_verification_tokens") {
        let identifier = string(&written["identifier"]);
        let end = millis(&written["expiresMs"]);
        let store = VerificationTokenStore::new().clock(move || end - HOUR);
        store
            .issue(&mut ours, &identifier, Purpose::PasswordReset)
            .unwrap();
        diesel::update(dsl::auth_verification_tokens.filter(dsl::identifier.eq(&identifier)))
            .set(dsl::token.eq(string(&row["token"])))
            .execute(&mut ours)
            .unwrap();
        assert_eq!(millis(&row["expiresMs"]), held(end));
    }
    let table = "auth_verification_tokens";
    assert_eq!(rows(&mut ours, table), rows(&mut covaras, table));
}

#[test]
fn json_is_written_as_javascript_writes_it() {
    let (_db, mut conn) = migrated();
    // What JSON.stringify gives for JSON.parse of the left.
    let texts = [
        ("1.0", "1"),
        ("-0.0", "0"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("1e-7", "1e-7"),
        ("0.000001", "0.000001"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("0.1", "0.1"),
        ("-123.456", "-123.456"),
        ("9007199254740991", "9007199254740991"),
        (
            r#"{"b":1,"a":[true,false,null,{}]}"#,
            r#"{"b":1,"a":[true,false,null,{}]}"#,
        ),
        (
            r#""\u0000\u001f\b\f\n\r\t\"\\\/\u007f\u2028é😀""#,
            "\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\u{7f}\u{2028}é😀\"",
        ),
    ];
    for (n, (parsed, written)) in texts.into_iter().enumerate() {
        let data: Value = serde_json::from_str(parsed).unwrap();
        let id = format!("json {n}");
        let session = Session {
            id: id.as_str().into(),
            user_id: "ada".to_owned(),
            created_at: long_ago(),
            expires_at: long_ago() + HOUR,
            data: Some(data),
        };
        store().save(&mut conn, &session).unwrap();
        use crate::backend::schema::auth_sessions::dsl;
        let text: Option<String> = dsl::auth_sessions
            .find(&id)
            .select(dsl::data)
            .first(&mut conn)
            .unwrap();
        assert_eq!(text.as_deref(), Some(written));
    }
}
