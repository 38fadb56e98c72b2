//! What several threads or processes do at once to the auth stores.

use std::error::Error;

use covara_diesel::DatabaseConnection;
use covara_diesel::auth::{
    Account, AccountStore, ApiKeyStore, AuthError, NewSession, Purpose, Rejected, Session,
    SessionStore, VerificationTokenStore,
};

/// The identifier of every token here.
pub const IDENTIFIER: &str = "Ada@example.com";
/// How often a job does what it does.
pub const TIMES: usize = 25;

/// Does a job `name:argument` and says what came of it.
pub fn work<C: DatabaseConnection>(conn: &mut C, job: &str) -> Result<String, Box<dyn Error>> {
    let (name, argument) = job.split_once(':').ok_or("a job and its argument")?;
    match name {
        "consume" => consume(conn, argument),
        "issue" => issue(conn, argument.parse()?),
        "save" => save(conn, argument),
        "check" => check(conn, argument),
        "revoke" => revoke(conn, argument),
        "rotate" => rotate(conn, argument),
        "link" => link(conn, argument),
        "expire" => expire(conn),
        _ => Err(format!("no job {name}").into()),
    }
}

/// How often one token was good.
fn consume<C: DatabaseConnection>(conn: &mut C, token: &str) -> Result<String, Box<dyn Error>> {
    let store = VerificationTokenStore::new();
    let mut good = 0;
    for _ in 0..TIMES {
        good += usize::from(store.consume(conn, IDENTIFIER, Purpose::MagicLink, token)?);
    }
    Ok(good.to_string())
}

fn issue<C: DatabaseConnection>(conn: &mut C, times: usize) -> Result<String, Box<dyn Error>> {
    for _ in 0..times {
        VerificationTokenStore::new().issue(conn, IDENTIFIER, Purpose::MagicLink)?;
    }
    Ok(String::new())
}

fn save<C: DatabaseConnection>(conn: &mut C, id: &str) -> Result<String, Box<dyn Error>> {
    let store = SessionStore::new();
    let template = store.create(conn, NewSession::new("ada"))?;
    for n in 0..TIMES {
        let session = Session {
            id: format!("{id}-{n}").into(),
            user_id: "shared".to_owned(),
            ..template.clone()
        };
        store.save(conn, &session)?;
    }
    Ok(String::new())
}

/// How often a key was good after it had been refused.
fn check<C: DatabaseConnection>(conn: &mut C, secret: &str) -> Result<String, Box<dyn Error>> {
    // Every check writes, so that it meets the revocation.
    let store = ApiKeyStore::new().use_window(std::time::Duration::ZERO);
    let mut refused = false;
    let mut risen = 0;
    for _ in 0..4 * TIMES {
        match store.verify(conn, secret) {
            Ok(_) => risen += usize::from(refused),
            Err(Rejected::Revoked) => refused = true,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(risen.to_string())
}

fn revoke<C: DatabaseConnection>(conn: &mut C, secret: &str) -> Result<String, Box<dyn Error>> {
    let id = secret.split('.').next().unwrap_or_default();
    std::thread::sleep(std::time::Duration::from_millis(20));
    ApiKeyStore::new().revoke(conn, id)?;
    match ApiKeyStore::new().verify(conn, secret) {
        Err(Rejected::Revoked) => Ok("0".to_owned()),
        other => Err(format!("{other:?}").into()),
    }
}

/// How many new keys came of one.
fn rotate<C: DatabaseConnection>(conn: &mut C, id: &str) -> Result<String, Box<dyn Error>> {
    let new = ApiKeyStore::new().rotate(conn, id, Default::default())?;
    Ok(usize::from(new.is_some()).to_string())
}

/// Whether the user got the account.
fn link<C: DatabaseConnection>(conn: &mut C, user: &str) -> Result<String, Box<dyn Error>> {
    let account = Account::new(user, "oauth", "google", "one and only");
    match AccountStore::new().link(conn, &account) {
        Ok(()) => Ok("1".to_owned()),
        Err(AuthError::LinkedToAnotherUser { .. }) => Ok("0".to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// How many sessions it deleted, in small batches.
fn expire<C: DatabaseConnection>(conn: &mut C) -> Result<String, Box<dyn Error>> {
    let mut deleted = 0;
    let mut idle = 0;
    // One batch may be empty because others have locked all that is left.
    while idle < 20 {
        let batch =
            SessionStore::new().delete_expired(conn, std::time::SystemTime::now().into(), 7)?;
        deleted += batch;
        idle = if batch == 0 { idle + 1 } else { 0 };
    }
    Ok(deleted.to_string())
}
