//! What the time of a refused check tells: nothing of which keys exist.

use std::time::{Duration, Instant};

use covara_diesel::auth::{ApiKeyStore, NewApiKey, Rejected};
use diesel::connection::SimpleConnection;
use support::workers;

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
    let store = ApiKeyStore::new().scrypt(false);
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

#[test]
fn time_does_not_tell_which_ids_exist_with_covaras_hashes_either() {
    let (db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    add_covaras_key(&mut conn);
    let wrong = "4a8bcc227b8c7106.wrong";
    assert!(matches!(
        store.verify(&mut conn, wrong),
        Err(Rejected::NotFound)
    ));
    let mut other = db.connect();
    let [wrong, unknown] = medians(
        5,
        [
            &mut || {
                assert!(matches!(
                    store.verify(&mut conn, wrong),
                    Err(Rejected::NotFound)
                ))
            },
            &mut || {
                assert!(matches!(
                    store.verify(&mut other, "0123456789abcdef.wrong"),
                    Err(Rejected::NotFound)
                ))
            },
        ],
    );
    let ratio = wrong.as_secs_f64() / unknown.as_secs_f64();
    assert!(
        (0.5..2.0).contains(&ratio),
        "wrong {wrong:?}, unknown {unknown:?}"
    );
    // The right one is found, from then on by its SHA-256, and not at all when told so.
    let right = "4a8bcc227b8c7106.jfjp7lA20JwppptKlrwQ-wQ2Rv9c1jGD";
    let only_ours = ApiKeyStore::new().scrypt(false);
    assert!(matches!(
        only_ours.verify(&mut conn, right),
        Err(Rejected::NotFound)
    ));
    assert_eq!(store.verify(&mut conn, right).unwrap().name, "old");
    assert_eq!(only_ours.verify(&mut conn, right).unwrap().name, "old");
}

/// What a process has met decides over time, so each of these is a new one.
#[test]
fn the_first_refusal_in_a_process_tells_as_little() {
    let (db, mut conn) = migrated();
    add_covaras_key(&mut conn);
    let worker = env!("CARGO_BIN_EXE_worker");
    let answers = workers::run(
        worker,
        &db.url(),
        1,
        |_| "refuse:0123456789abcdef.wrong 4a8bcc227b8c7106.wrong",
    );
    let (unknown, wrong) = answers[0].split_once(' ').unwrap();
    let [unknown, wrong] = [unknown, wrong].map(|nanos| nanos.parse::<f64>().unwrap());
    assert!(
        unknown > wrong / 2.0,
        "wrong {wrong} ns, the unknown before it {unknown} ns"
    );
}
