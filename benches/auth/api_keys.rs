//! Checks of API keys, and whether the time of a refusal tells anything.

use std::hint::black_box;

use covara_diesel::DatabaseConnection;
use covara_diesel::auth::{ApiKey, ApiKeyStore, NewApiKey, Rejected};

use crate::by_hand::{self, ByHand};
use crate::comparison::{Comparison, timed};
use crate::measure::{median, quantile, short};
use crate::{ROUNDS, random};

/// SQL that puts a key of ours where the other side looks.
pub fn copy(key: &ApiKey, hash: &str, time: &str) -> String {
    format!(
        "INSERT INTO auth_api_keys (id, \"userId\", name, \"keyHash\", \"keyPrefix\", scopes,
         \"createdAt\", \"lastUsedAt\")
         VALUES ('{}', 'user-1', 'CI', '{hash}', '{}', '[\"read\",\"write:2\"]', {time}, {time})",
        key.id, key.key_prefix
    )
}

pub fn compare<C: DatabaseConnection>(
    engine: &str,
    calls: usize,
    conn: &mut C,
    hand: &mut impl ByHand,
    mut copy: impl FnMut(&ApiKey, &str),
) {
    let store = ApiKeyStore::new();
    let keys: Vec<_> = (0..calls)
        .map(|_| {
            let new = NewApiKey::new("user-1", "CI")
                .prefix("my_app")
                .scopes(["read", "write:2"]);
            let (secret, key) = store.create(conn, new).expect("a new key");
            copy(&key, &by_hand::hash(secret.expose()));
            (secret, key)
        })
        .collect();
    let mut check = Comparison::new(
        format!("{engine}, {calls} × check an API key"),
        &["SELECT and scrypt by hand", "ApiKeyStore::verify"],
    );
    for _ in 0..ROUNDS {
        let (time, ()) = timed(|| {
            for (secret, key) in &keys {
                assert!(hand.check(&key.id, secret.expose()));
            }
        });
        check.add(0, time);
        let (time, ()) = timed(|| {
            for (secret, _) in &keys {
                black_box(store.verify(conn, secret).expect("a valid key"));
            }
        });
        check.add(1, time);
    }
    check.print();

    // Time by time, in an order that favours neither.
    let tail = "x".repeat(32);
    let mut times = [Vec::new(), Vec::new()];
    for (n, (_, key)) in keys.iter().cycle().take(20 * calls).enumerate() {
        let wrong = format!("{}.{tail}", key.key_prefix);
        let unknown = format!("my_app_{}.{tail}", &random(n)[..16]);
        for turn in [n % 2, 1 - n % 2] {
            let text = [&wrong, &unknown][turn];
            let (time, refused) = timed(|| store.verify(conn, text));
            assert!(matches!(refused, Err(Rejected::NotFound)));
            times[turn].push(time);
        }
    }
    println!(
        "\n{engine}, does time tell which ids exist? ({} calls of each)",
        times[0].len()
    );
    for (name, times) in ["id exists, secret is wrong", "id does not exist"]
        .iter()
        .zip(&times)
    {
        println!(
            "  {name:<36} median {:>9}, quartiles {:>9} and {:>9}",
            short(median(times)),
            short(quantile(times, 0.25)),
            short(quantile(times, 0.75)),
        );
    }
    let shorter = times[0]
        .iter()
        .zip(&times[1])
        .filter(|(wrong, unknown)| wrong < unknown);
    let share = shorter.count() as f64 / times[0].len() as f64;
    println!(
        "  the id that exists was answered sooner in {:.1} % of pairs",
        share * 100.0
    );
}
