//! The documented order of lists, and what is in them.

use covara_diesel::auth::{Account, AccountStore, ApiKeyStore, NewApiKey};
use diesel::prelude::*;

use super::{HOUR, Hand, MINUTE, migrated};
use crate::backend::schema::auth_api_keys::dsl;

#[test]
fn keys_are_listed_from_the_newest_with_those_that_are_not_valid() {
    let (_db, mut conn) = migrated();
    let hand = Hand::new();
    let store = ApiKeyStore::new().clock(hand.clock());
    let mut made = Vec::new();
    // Three moments, of which the second has three keys; ids in no order.
    for (name, id) in [
        ("old", "5"),
        ("b", "9"),
        ("a", "2"),
        ("c", "4"),
        ("new", "7"),
    ] {
        if name != "a" && name != "c" {
            hand.advance(MINUTE);
        }
        let new = NewApiKey::new("ada", name).lifetime(HOUR);
        let (_, key) = store.create(&mut conn, new).unwrap();
        diesel::update(dsl::auth_api_keys.find(&key.id))
            .set(dsl::id.eq(id))
            .execute(&mut conn)
            .unwrap();
        made.push(id);
    }
    store
        .create(&mut conn, NewApiKey::new("grace", "other"))
        .unwrap();
    store.revoke(&mut conn, "4").unwrap();
    store.revoke(&mut conn, "7").unwrap();
    hand.advance(HOUR);
    let listed = store.list_for_user(&mut conn, "ada").unwrap();
    let listed: Vec<_> = listed
        .into_iter()
        .map(|key| key.unwrap())
        .map(|key| (key.id, key.revoked_at.is_some()))
        .collect();
    let expected = [
        ("7", true),
        ("2", false),
        ("4", true),
        ("9", false),
        ("5", false),
    ];
    assert_eq!(
        listed,
        expected.map(|(id, revoked)| (id.to_owned(), revoked))
    );
    assert_eq!(store.delete_for_user(&mut conn, "ada").unwrap(), 5);
    assert_eq!(store.list_for_user(&mut conn, "ada").unwrap(), []);
    assert_eq!(store.list_for_user(&mut conn, "grace").unwrap().len(), 1);
}

#[test]
fn accounts_are_listed_by_provider_and_then_by_name() {
    let (_db, mut conn) = migrated();
    let store = AccountStore::new();
    let names = [
        ("google", "2"),
        ("apple", "9"),
        ("google", "1"),
        ("github", "5"),
        ("apple", "3"),
        ("google", "3"),
    ];
    for (provider, name) in names {
        store
            .link(&mut conn, &Account::new("ada", "oauth", provider, name))
            .unwrap();
    }
    store
        .link(&mut conn, &Account::new("grace", "oauth", "google", "0"))
        .unwrap();
    let listed: Vec<_> = store
        .list_for_user(&mut conn, "ada")
        .unwrap()
        .into_iter()
        .map(|account| account.unwrap())
        .map(|account| (account.provider, account.provider_account_id))
        .collect();
    let mut expected = names.map(|(provider, name)| (provider.to_owned(), name.to_owned()));
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(store.delete_for_user(&mut conn, "ada").unwrap(), 6);
    assert_eq!(store.list_for_user(&mut conn, "ada").unwrap(), []);
    assert_eq!(store.list_for_user(&mut conn, "grace").unwrap().len(), 1);
}
