//! Linked accounts.

use std::io;

use covara_diesel::auth::{Account, AccountStore, AuthError, TokenCipher};
use diesel::connection::SimpleConnection;

use super::{Hand, held, migrated};
use crate::backend;

fn account(user: &str, name: &str) -> Account {
    Account {
        refresh_token: Some("refresh".into()),
        access_token: Some("access".into()),
        expires_at: Some(held(Hand::new().now())),
        token_type: Some("bearer".to_owned()),
        scope: Some("email".to_owned()),
        id_token: Some("a.b.c".into()),
        session_state: Some("state".to_owned()),
        ..Account::new(user, "oauth", "google", name)
    }
}

#[test]
fn a_linked_account_is_found_listed_and_unlinked() {
    let (_db, mut conn) = migrated();
    let store = AccountStore::new();
    let (one, two) = (
        account("ada", "1"),
        Account::new("ada", "email", "apple", "2"),
    );
    store.link(&mut conn, &one).unwrap();
    store.link(&mut conn, &two).unwrap();
    store.link(&mut conn, &account("grace", "3")).unwrap();
    assert_eq!(
        store.find(&mut conn, "google", "1").unwrap(),
        Some(one.clone())
    );
    assert_eq!(store.find(&mut conn, "Google", "1").unwrap(), None);
    let listed = store.list_for_user(&mut conn, "ada").unwrap();
    assert_eq!(listed, [Ok(two), Ok(one)]);
    assert!(store.unlink(&mut conn, "google", "1").unwrap());
    assert!(!store.unlink(&mut conn, "google", "1").unwrap());
    assert_eq!(store.delete_for_user(&mut conn, "ada").unwrap(), 1);
    assert_eq!(store.list_for_user(&mut conn, "ada").unwrap(), []);
}

#[test]
fn linking_again_writes_new_tokens_and_keeps_the_refresh_token() {
    let (_db, mut conn) = migrated();
    let store = AccountStore::new();
    store.link(&mut conn, &account("ada", "1")).unwrap();
    let again = Account {
        access_token: Some("newer".into()),
        ..Account::new("ada", "oidc", "google", "1")
    };
    store.link(&mut conn, &again).unwrap();
    let found = store.find(&mut conn, "google", "1").unwrap().unwrap();
    assert_eq!(
        found,
        Account {
            refresh_token: Some("refresh".into()),
            ..again
        }
    );
    let newer = account("ada", "1");
    store
        .link(
            &mut conn,
            &Account {
                refresh_token: Some("newer".into()),
                ..newer
            },
        )
        .unwrap();
    let found = store.find(&mut conn, "google", "1").unwrap().unwrap();
    assert_eq!(found.refresh_token, Some("newer".into()));
}

#[test]
fn an_identity_belongs_to_one_user() {
    let (_db, mut conn) = migrated();
    let store = AccountStore::new();
    let first = account("ada", "1");
    store.link(&mut conn, &first).unwrap();
    let stolen = Account {
        access_token: Some("stolen".into()),
        ..account("eve", "1")
    };
    let error = store.link(&mut conn, &stolen).unwrap_err();
    assert!(matches!(&error, AuthError::LinkedToAnotherUser { provider } if provider == "google"));
    assert!(error.to_string().contains("another user"), "{error}");
    assert_eq!(store.find(&mut conn, "google", "1").unwrap(), Some(first));
}

#[test]
fn debug_shows_no_tokens() {
    let said = format!("{:?}", account("ada", "1"));
    for secret in ["refresh\"", "access\"", "a.b.c"] {
        assert!(!said.contains(secret), "{said}");
    }
}

/// Reverses the token and puts it behind its context.
struct Reversed;

impl TokenCipher for Reversed {
    type Error = io::Error;

    fn encrypt(&self, token: &str, context: &[u8]) -> Result<String, io::Error> {
        if token == "unlucky" {
            return Err(io::Error::other("no luck"));
        }
        let reversed: String = token.chars().rev().collect();
        let context = String::from_utf8_lossy(context).replace('\0', "|");
        Ok(format!("{context}{reversed}"))
    }

    fn decrypt(&self, stored: &str, context: &[u8]) -> Result<String, io::Error> {
        let context = String::from_utf8_lossy(context).replace('\0', "|");
        let reversed = stored
            .strip_prefix(&context)
            .ok_or_else(|| io::Error::other("not mine"))?;
        Ok(reversed.chars().rev().collect())
    }
}

#[test]
fn tokens_can_be_encrypted() {
    let (_db, mut conn) = migrated();
    let store = AccountStore::new().cipher(Reversed);
    let original = account("ada", "1");
    store.link(&mut conn, &original).unwrap();
    assert_eq!(
        store.find(&mut conn, "google", "1").unwrap(),
        Some(original)
    );
    let stored = AccountStore::new()
        .find(&mut conn, "google", "1")
        .unwrap()
        .unwrap();
    assert_eq!(
        stored.access_token,
        Some("access_token|google|1|ssecca".into())
    );
    assert_eq!(
        stored.refresh_token,
        Some("refresh_token|google|1|hserfer".into())
    );
    assert_eq!(stored.id_token, Some("id_token|google|1|c.b.a".into()));
    assert_eq!(stored.scope.as_deref(), Some("email"), "no token");

    // A token of another row or another cipher spoils its row only.
    store.link(&mut conn, &account("ada", "2")).unwrap();
    conn.batch_execute(
        "UPDATE auth_accounts SET access_token = 'access_token|google|1|ssecca'
         WHERE \"providerAccountId\" = '2'",
    )
    .unwrap();
    let listed = store.list_for_user(&mut conn, "ada").unwrap();
    assert!(listed[0].is_ok());
    let error = listed[1].as_ref().unwrap_err();
    assert_eq!(error.key(), ["google", "2"]);
    assert!(
        error.reason().ends_with("_token does not decrypt"),
        "{error:?}"
    );

    let unlucky = Account {
        id_token: Some("unlucky".into()),
        ..account("ada", "3")
    };
    assert!(matches!(
        store.link(&mut conn, &unlucky),
        Err(AuthError::Cipher { .. })
    ));
    assert_eq!(store.find(&mut conn, "google", "3").unwrap(), None);
    assert!(!format!("{store:?}").contains("Reversed"));
}

#[test]
fn a_bad_time_affects_its_row_only() {
    let (_db, mut conn) = migrated();
    let store = AccountStore::new();
    store.link(&mut conn, &account("ada", "1")).unwrap();
    store.link(&mut conn, &account("ada", "2")).unwrap();
    conn.batch_execute(&format!(
        "UPDATE auth_accounts SET expires_at = {} WHERE \"providerAccountId\" = '1'",
        backend::FAR_TIME
    ))
    .unwrap();
    let listed = store.list_for_user(&mut conn, "ada").unwrap();
    assert_eq!(
        listed[0].as_ref().unwrap_err().reason(),
        "expires_at is not a time in range"
    );
    assert!(listed[1].is_ok());
}
