//! What the time of a refused check tells, and what it costs.

use std::time::{Duration, Instant};

use covara_diesel::auth::{ApiKeyStore, NewApiKey, Rejected};
use diesel::connection::SimpleConnection;

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

/// The median time of `work`, by turns with another.
fn medians(rounds: usize, mut work: [&mut dyn FnMut(); 2]) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (work, times) in work.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            work();
            times.push(begun.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[rounds / 2]
    })
}

/// The bench measures finely; here what would be seen from afar.
#[test]
fn time_does_not_tell_which_ids_exist() {
    let (db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI"))
        .unwrap();
    let tail = secret.expose().rsplit_once('.').unwrap().1.to_uppercase();
    let (wrong, unknown) = (
        format!("{}.{tail}", key.id),
        format!("0123456789abcdef.{tail}"),
    );
    let mut other = db.connect();
    let [wrong, unknown] = medians(
        1001,
        [
            &mut || {
                assert!(matches!(
                    store.verify(&mut conn, &wrong),
                    Err(Rejected::NotFound)
                ))
            },
            &mut || {
                assert!(matches!(
                    store.verify(&mut other, &unknown),
                    Err(Rejected::NotFound)
                ))
            },
        ],
    );
    let ratio = wrong.as_secs_f64() / unknown.as_secs_f64();
    assert!(
        (0.6..1.6).contains(&ratio),
        "wrong {wrong:?}, unknown {unknown:?}"
    );
}

/// A costly hash is computed for nobody who does not know its id, and for a right key once.
#[test]
fn costly_hashes_are_computed_for_their_own_ids_only() {
    let (db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    add_covaras_key(&mut conn);
    let refused = |conn: &mut Conn, key: &str| {
        let refused = store.verify(conn, key);
        assert!(matches!(refused, Err(Rejected::NotFound)), "{refused:?}");
    };
    let right = "4a8bcc227b8c7106.jfjp7lA20JwppptKlrwQ-wQ2Rv9c1jGD";
    // Meets the hash, and remembers the key.
    assert_eq!(store.verify(&mut conn, right).unwrap().name, "old");
    let mut other = db.connect();
    let [wrong, unknown] = medians(
        5,
        [
            &mut || refused(&mut conn, "4a8bcc227b8c7106.wrong"),
            // The row next to it is the one with the costly hash.
            &mut || refused(&mut other, "0123456789abcdef.wrong"),
        ],
    );
    assert!(unknown < wrong / 3, "wrong {wrong:?}, unknown {unknown:?}");
    let [wrong, again] = medians(
        5,
        [
            &mut || refused(&mut conn, "4a8bcc227b8c7106.wrong"),
            &mut || assert!(store.verify(&mut other, right).is_ok()),
        ],
    );
    assert!(again < wrong / 3, "wrong {wrong:?}, right again {again:?}");

    let cheap_only = ApiKeyStore::new().scrypt(false);
    assert!(matches!(
        cheap_only.verify(&mut conn, right),
        Err(Rejected::NotFound)
    ));
}
