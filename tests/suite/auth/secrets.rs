//! Secrets are wiped from memory.

use std::fs::File;
use std::os::unix::fs::FileExt;

use covara_diesel::auth::{
    ApiKeySecret, ApiKeyStore, NewApiKey, NewSession, ProviderToken, Purpose, SessionId,
    SessionStore, VerificationToken, VerificationTokenStore,
};

use super::migrated;

/// Drops `secret` and says whether its text is still where it was.
fn is_left<T: AsRef<str>>(secret: T) -> bool {
    let text = secret.as_ref();
    let (address, length) = (text.as_ptr().addr(), text.len());
    // What the allocator writes into free memory stands at its beginning.
    let before = text.as_bytes()[length / 2..].to_vec();
    let mut after = vec![0; before.len()];
    let place = u64::try_from(address + length / 2).unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    drop(secret);
    memory.read_exact_at(&mut after, place).unwrap();
    after == before
}

#[test]
fn secrets_are_wiped_when_dropped() {
    let text = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(3);
    assert!(is_left(text.clone()), "this sees what is not wiped");
    assert!(!is_left(SessionId::from(text.clone())));
    assert!(!is_left(ApiKeySecret::from(text.clone())));
    assert!(!is_left(VerificationToken::from(text.clone())));
    assert!(!is_left(ProviderToken::from(text.as_str())));

    let (_db, mut conn) = migrated();
    let session = SessionStore::new()
        .create(&mut conn, NewSession::new("ada"))
        .unwrap();
    let found = SessionStore::new().find(&mut conn, &session.id).unwrap();
    assert!(!is_left(found.unwrap().id));
    assert!(!is_left(session.id));
    let new = NewApiKey::new("ada", "CI");
    assert!(!is_left(
        ApiKeyStore::new().create(&mut conn, new).unwrap().0
    ));
    let token = VerificationTokenStore::new().issue(&mut conn, "ada", Purpose::MagicLink);
    assert!(!is_left(token.unwrap()));
}
