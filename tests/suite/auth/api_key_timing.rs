//! The time of a refused check tells nothing and costs little.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use covara_diesel::auth::{ApiKeyStore, NewApiKey, Rejected};
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use support::cpu;

use super::migrated;
use crate::backend::{self, Conn};

/// A key that Covara made, with a hash of its own.
fn add_covaras_key(conn: &mut Conn) {
    conn.batch_execute(&format!(
        "INSERT INTO auth_api_keys (id, \"userId\", name, \"keyHash\", \"keyPrefix\", \"createdAt\")
         VALUES ('4a8bcc227b8c7106', 'ada', 'old', 'scrypt$N=16384,r=8,p=1$NSLvytZJbWLHVL8XOy3gig==$nsjE5d/Ygmos8ZccrMDHsww2Nqhw2zdGMGI0F+13D3552CcgMZ+zBIW+BlHgEG87lLkEBEtKj0YYFIo0ZkKnYA==',
         '4a8bcc227b8c7106', {})",
        backend::SOME_TIME
    ))
    .unwrap();
}

fn refuse(store: &ApiKeyStore, conn: &mut Conn, key: &str) {
    let refused = store.verify(conn, key);
    assert!(matches!(refused, Err(Rejected::NotFound)), "{refused:?}");
}

/// The bench measures finely; here what would be seen from afar: other statements, and other
/// work of the processor's.
#[test]
fn timing_does_not_reveal_which_ids_exist() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let tail = secret.expose().rsplit_once('.').unwrap().1.to_uppercase();
    let (wrong, unknown) = (
        format!("{}.{tail}", key.id),
        format!("0123456789abcdef.{tail}"),
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let sql = query.to_string();
            let (sql, _) = sql.split_once(" -- binds").unwrap_or((&sql, ""));
            seen.lock().unwrap().push(sql.to_owned());
        }
    });
    let mut statements = |key| {
        refuse(&store, &mut conn, key);
        std::mem::take(&mut *asked.lock().unwrap())
    };
    let of_wrong = statements(&wrong);
    assert_eq!(of_wrong.len(), 1, "{of_wrong:?}");
    assert_eq!(of_wrong, statements(&unknown));

    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let conn = RefCell::new(conn);
    // What else the machine does disturbs one measurement or two; what a secret costs is in all.
    let measure = || {
        let [wrong, unknown] = cpu::medians(
            501,
            [&wrong, &unknown]
                .map(|key| || refuse(&store, &mut conn.borrow_mut(), key))
                .each_mut()
                .map(|work| work as &mut dyn FnMut()),
        );
        wrong.as_secs_f64() / unknown.as_secs_f64()
    };
    let ratios: Vec<f64> = (0..5).map(|_| measure()).collect();
    let alike = ratios.iter().filter(|ratio| (0.6..1.6).contains(*ratio));
    assert!(alike.count() > 0, "wrong against unknown: {ratios:?}");
}

/// A costly hash is computed for nobody who does not know its id, and for a right key once.
#[test]
fn costly_hashes_are_computed_for_their_own_ids_only() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    add_covaras_key(&mut conn);
    let right = "4a8bcc227b8c7106.jfjp7lA20JwppptKlrwQ-wQ2Rv9c1jGD";
    // Meets the hash, and remembers the key.
    assert_eq!(store.verify(&mut conn, right).unwrap().name, "old");
    let cell = RefCell::new(conn);
    let mut wrong = || refuse(&store, &mut cell.borrow_mut(), "4a8bcc227b8c7106.wrong");
    // The row next to it is the one with the costly hash.
    let mut unknown = || refuse(&store, &mut cell.borrow_mut(), "0123456789abcdef.wrong");
    let mut again = || assert!(store.verify(&mut *cell.borrow_mut(), right).is_ok());
    let [costly, cheap] = cpu::medians(5, [&mut wrong, &mut unknown]);
    assert!(cheap < costly / 3, "wrong {costly:?}, unknown {cheap:?}");
    let [costly, cheap] = cpu::medians(5, [&mut wrong, &mut again]);
    assert!(
        cheap < costly / 3,
        "wrong {costly:?}, right again {cheap:?}"
    );

    let cheap_only = ApiKeyStore::new().scrypt(false);
    refuse(&cheap_only, &mut cell.borrow_mut(), right);
}
