//! Any text, any JSON, any time: kept as it is, or refused.

use chrono::{DateTime, Utc};
use covara_diesel::auth::{
    Account, AccountStore, ApiKeyChanges, ApiKeyStore, AuthError, NewApiKey, NewSession, Purpose,
    Session, SessionIds, SessionStore, VerificationTokenStore,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Number, Value};
use support::thorough;

use super::{HOUR, held, migrated};
use crate::backend::{self, TEXT_HOLDS_NUL};
use crate::suite::count;

fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: thorough::times(50, 150),
        failure_persistence: None,
        ..Config::default()
    })
}

/// Any characters, NUL and those with a meaning in SQL, JSON and keys more often than not.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => any::<char>(),
        2 => proptest::sample::select(vec!['\'', '"', '`', '\\', '.', '_', '$', '%', ';', ' ', 'é']),
        1 => Just('\0'),
    ];
    prop_oneof![
        3 => vec(character, 0..12).prop_map(String::from_iter),
        1 => "[a-z._]{0,10}",
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| Number::from_f64(n).map_or(Value::Null, Value::Number)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// All of chrono's times, with its ends and leap seconds.
fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let seconds = DateTime::<Utc>::MIN_UTC.timestamp()..=DateTime::<Utc>::MAX_UTC.timestamp();
    prop_oneof![
        4 => (seconds, 0_u32..1_000_000_000)
            .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap()),
        2 => (-10_000_000_000_i64..10_000_000_000, 0_u32..1_000_000_000)
            .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap()),
        1 => Just(DateTime::<Utc>::MIN_UTC),
        1 => Just(DateTime::<Utc>::MAX_UTC),
        1 => Just(DateTime::from_timestamp(59, 1_500_000_000).unwrap()),
        1 => Just(DateTime::from_timestamp_nanos(-1)),
    ]
}

/// Returns whether the database refuses one of these texts, which is all that may be wrong with them.
fn refused(texts: &[&str]) -> bool {
    !TEXT_HOLDS_NUL && texts.iter().any(|text| text.contains('\0'))
}

/// Checks that an outcome is a refusal just when it has to be one.
fn kept<T>(outcome: Result<T, AuthError>, texts: &[&str]) -> Option<T> {
    match outcome {
        Ok(value) => {
            assert!(!refused(texts));
            Some(value)
        }
        Err(AuthError::Nul { .. }) => {
            assert!(refused(texts));
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// The same JSON, where 1 and 1.0 are, as in JavaScript.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => {
            l == r || (l.is_f64() || r.is_f64()) && l.as_f64() == r.as_f64()
        }
        (Value::Array(l), Value::Array(r)) => {
            l.len() == r.len() && l.iter().zip(r).all(|(l, r)| same(l, r))
        }
        (Value::Object(l), Value::Object(r)) => {
            l.len() == r.len()
                && l.iter()
                    .zip(r)
                    .all(|((lk, l), (rk, r))| lk == rk && same(l, r))
        }
        _ => left == right,
    }
}

#[test]
fn sessions() {
    for ids in [SessionIds::Hashed, SessionIds::Plain, SessionIds::Migrating] {
        sessions_with(&SessionStore::new().ids(ids));
    }
}

fn sessions_with(store: &SessionStore) {
    let (_db, mut conn) = migrated();
    let conn = std::cell::RefCell::new(&mut conn);
    runner()
        .run(
            &(text(), text(), proptest::option::of(json())),
            |(id, user, data)| {
                let conn = &mut **conn.borrow_mut();
                let mut new = NewSession::new(user.as_str());
                if let Some(data) = data.clone() {
                    new = new.data(data);
                }
                let Some(session) = kept(store.create(conn, new), &[&user]) else {
                    assert!(store.list_for_user(conn, &user).unwrap().is_empty());
                    assert_eq!(store.delete_for_user(conn, &user, None).unwrap(), 0);
                    return Ok(());
                };
                // Under an id of any form as well.
                let session = Session {
                    id: id.as_str().into(),
                    ..session
                };
                let saved = kept(store.save(conn, &session), &[&id]);
                let found = store.find(conn, &id).unwrap();
                assert_eq!(found.is_some(), saved.is_some());
                if let Some(found) = found {
                    assert_eq!((&found.id, &found.user_id), (&session.id, &user));
                    match (&found.data, &data) {
                        (Some(found), Some(data)) => assert!(same(found, data), "{found} {data}"),
                        (found, data) => assert_eq!(found, data),
                    }
                    let listed = Session {
                        id: store.handle(&id),
                        ..found
                    };
                    assert!(
                        store
                            .list_for_user(conn, &user)
                            .unwrap()
                            .contains(&Ok(listed))
                    );
                }
                assert_eq!(store.delete(conn, &id).unwrap(), saved.is_some());
                assert_eq!(
                    store
                        .delete_for_user(conn, &user, Some(&session.id))
                        .unwrap(),
                    1
                );
                Ok(())
            },
        )
        .unwrap();
    assert_eq!(count(*conn.borrow_mut(), "auth_sessions"), 0);
}

#[test]
fn times() {
    let (_db, mut conn) = migrated();
    let conn = std::cell::RefCell::new(&mut conn);
    let store = SessionStore::new().clock(|| DateTime::<Utc>::MIN_UTC);
    runner()
        .run(&(time(), time()), |(created_at, expires_at)| {
            let conn = &mut **conn.borrow_mut();
            let session = Session {
                id: "times".into(),
                user_id: "ada".to_owned(),
                created_at,
                expires_at,
                data: None,
            };
            store.delete(conn, "times").unwrap();
            match store.save(conn, &session) {
                Ok(()) => {
                    assert!(backend::holds_time(created_at) && backend::holds_time(expires_at));
                    let found = store.find(conn, "times").unwrap();
                    if held(expires_at) == DateTime::<Utc>::MIN_UTC {
                        assert!(found.is_none(), "it ends as time begins");
                        return Ok(());
                    }
                    let found = found.unwrap();
                    assert_eq!(found.created_at, held(created_at));
                    assert_eq!(found.expires_at, held(expires_at));
                    let end = store.clone().clock(move || expires_at);
                    assert!(end.find(conn, "times").unwrap().is_none());
                }
                Err(AuthError::TimeOutOfRange { .. }) => {
                    assert!(!backend::holds_time(created_at) || !backend::holds_time(expires_at));
                    assert!(store.find(conn, "times").unwrap().is_none());
                }
                Err(error) => panic!("{error:?}"),
            }
            // As a clock, any of them makes a session or an error, and no panic.
            let odd = SessionStore::new().clock(move || created_at);
            if let Ok(session) = odd.create(conn, NewSession::new("ada")) {
                assert_eq!(
                    odd.find_and_touch(conn, &session.id).unwrap(),
                    Some(session)
                );
            }
            odd.max_age(HOUR).touch(conn, "times").ok();
            store.delete_expired(conn, created_at, 1).unwrap();
            Ok(())
        })
        .unwrap();
}

#[test]
fn times_of_keys_and_tokens() {
    let (_db, mut conn) = migrated();
    let conn = std::cell::RefCell::new(&mut conn);
    let lifetimes = prop_oneof![
        2 => any::<std::time::Duration>(),
        2 => (0_u64..400_000_000_000).prop_map(std::time::Duration::from_secs),
        1 => Just(std::time::Duration::ZERO),
    ];
    runner()
        .run(&(time(), time(), lifetimes), |(now, end, lifetime)| {
            let conn = &mut **conn.borrow_mut();
            // No clock shows a leap second.
            let nanos = now.timestamp_subsec_nanos() % 1_000_000_000;
            let now = DateTime::from_timestamp(now.timestamp(), nanos).unwrap();
            let keys = ApiKeyStore::new().clock(move || now);
            let new = NewApiKey::new("ada", "CI").expires_at(end);
            match keys.create(conn, new) {
                Ok((secret, key)) => {
                    assert!(backend::holds_time(now) && backend::holds_time(end));
                    assert_eq!(key.expires_at, Some(held(end)));
                    assert_eq!(keys.find(conn, &key.id).unwrap(), Some(key));
                    let valid = keys.verify(conn, &secret).is_ok();
                    assert_eq!(valid, held(end) > held(now));
                }
                Err(AuthError::TimeOutOfRange { .. }) => {
                    assert!(!backend::holds_time(now) || !backend::holds_time(end));
                }
                Err(error) => panic!("{error:?}"),
            }
            // However long it is meant to live, and whenever: a good token or an error.
            let tokens = VerificationTokenStore::new().clock(move || now);
            let end = chrono::TimeDelta::from_std(lifetime)
                .ok()
                .and_then(|lifetime| now.checked_add_signed(lifetime));
            match tokens
                .clone()
                .lifetime(lifetime)
                .issue(conn, "ada", Purpose::MagicLink)
            {
                Ok(token) => {
                    let end = end.unwrap();
                    assert!(backend::holds_time(end));
                    let late = tokens.clone().clock(move || end);
                    assert!(
                        !late
                            .consume(conn, "ada", Purpose::MagicLink, &token)
                            .unwrap()
                    );
                    let good = tokens
                        .consume(conn, "ada", Purpose::MagicLink, &token)
                        .unwrap();
                    assert_eq!(good, held(end) > held(now));
                }
                Err(AuthError::TimeOutOfRange { .. }) => {
                    assert!(end.is_none_or(|end| !backend::holds_time(end)));
                }
                Err(error) => panic!("{error:?}"),
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn api_keys() {
    let (_db, mut conn) = migrated();
    let conn = std::cell::RefCell::new(&mut conn);
    let store = ApiKeyStore::new();
    runner()
        .run(
            &(text(), text(), text(), vec(text(), 0..4)),
            |(user, name, prefix, scopes)| {
                let conn = &mut **conn.borrow_mut();
                let new = NewApiKey::new(user.as_str(), name.as_str())
                    .prefix(prefix.as_str())
                    .scopes(scopes.clone());
                let mut texts = vec![user.as_str(), &name, &prefix];
                texts.extend(scopes.iter().map(String::as_str));
                let Some((secret, key)) = kept(store.create(conn, new), &texts) else {
                    return Ok(());
                };
                let found = store.verify(conn, &secret).unwrap();
                assert_eq!(
                    (&found.id, &found.user_id, &found.name),
                    (&key.id, &user, &name)
                );
                assert_eq!(found.scopes, Some(scopes.clone()));
                assert!(scopes.iter().all(|scope| found.has_scope(scope)));
                let (rotated, key) = store
                    .rotate(conn, &key.id, ApiKeyChanges::new())
                    .unwrap()
                    .unwrap();
                let separator = if prefix.is_empty() { "" } else { "_" };
                assert_eq!(key.key_prefix, format!("{prefix}{separator}{}", key.id));
                assert!(store.verify(conn, &secret).is_err());
                assert_eq!(store.verify(conn, &rotated).unwrap().scopes, Some(scopes));
                Ok(())
            },
        )
        .unwrap();
    // What is no key of ours is refused, whatever it looks like.
    runner()
        .run(&text(), |text| {
            let refused = store.verify(*conn.borrow_mut(), &text);
            assert!(
                matches!(refused, Err(covara_diesel::auth::Rejected::NotFound)),
                "{refused:?}"
            );
            Ok(())
        })
        .unwrap();
}

#[test]
fn verification_tokens() {
    let (_db, mut conn) = migrated();
    let conn = std::cell::RefCell::new(&mut conn);
    let store = VerificationTokenStore::new();
    runner()
        .run(&(text(), text()), |(identifier, wrong)| {
            let conn = &mut **conn.borrow_mut();
            let issued = kept(
                store.issue(conn, &identifier, Purpose::MagicLink),
                &[&identifier],
            );
            assert!(
                !store
                    .consume(conn, &identifier, Purpose::MagicLink, &wrong)
                    .unwrap()
            );
            if let Some(token) = issued {
                assert!(
                    !store
                        .consume(conn, format!("{identifier} "), Purpose::MagicLink, &token)
                        .unwrap()
                );
                assert!(
                    store
                        .consume(conn, &identifier, Purpose::MagicLink, &token)
                        .unwrap()
                );
            }
            assert_eq!(store.delete_for_identifier(conn, &identifier).unwrap(), 0);
            Ok(())
        })
        .unwrap();
}

#[test]
fn accounts() {
    let (_db, mut conn) = migrated();
    let conn = std::cell::RefCell::new(&mut conn);
    let store = AccountStore::new();
    let optional = || proptest::option::of(text());
    let texts = (
        text(),
        text(),
        text(),
        text(),
        optional(),
        optional(),
        optional(),
    );
    runner()
        .run(
            &(texts, proptest::option::of(time())),
            |((user, kind, provider, name, token, scope, state), end)| {
                let conn = &mut **conn.borrow_mut();
                let account = Account {
                    refresh_token: token.as_deref().map(Into::into),
                    access_token: state.as_deref().map(Into::into),
                    id_token: token.as_deref().map(Into::into),
                    token_type: state.clone(),
                    scope: scope.clone(),
                    session_state: state.clone(),
                    expires_at: end.map(held),
                    ..Account::new(
                        user.as_str(),
                        kind.as_str(),
                        provider.as_str(),
                        name.as_str(),
                    )
                };
                store.unlink(conn, &provider, &name).unwrap();
                let linked = match store.link(conn, &account) {
                    Err(AuthError::TimeOutOfRange { .. }) => {
                        assert!(!end.is_none_or(backend::holds_time));
                        false
                    }
                    other => {
                        let mut texts = vec![user.as_str(), &kind, &provider, &name];
                        texts.extend(
                            [&token, &scope, &state]
                                .into_iter()
                                .flatten()
                                .map(String::as_str),
                        );
                        kept(other, &texts).is_some()
                    }
                };
                let found = store.find(conn, &provider, &name).unwrap();
                assert_eq!(found, linked.then_some(account));
                Ok(())
            },
        )
        .unwrap();
}

#[test]
fn json_too_deep_to_be_read_is_not_written() {
    let (_db, mut conn) = migrated();
    let store = SessionStore::new();
    let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    let deepest = store
        .create(&mut conn, NewSession::new("ada").data(nested(512)))
        .unwrap();
    assert_eq!(store.find(&mut conn, &deepest.id).unwrap(), Some(deepest));
    let error = store
        .create(&mut conn, NewSession::new("ada").data(nested(513)))
        .unwrap_err();
    assert!(error.to_string().contains("512"), "{error}");
    assert_eq!(count(&mut conn, "auth_sessions"), 1);
}
