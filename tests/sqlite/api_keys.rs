//! The cost of many checks of API keys at once, whatever the database.

use covara_diesel::auto_migrate;
use diesel::connection::SimpleConnection;
use support::sqlite::TestDb;
use support::workers;

/// Of 64 MiB, sixteen of which would be a gigabyte at once.
const COSTLY: &str = "scrypt$N=65536,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$AAAA";

#[test]
fn many_costly_checks_at_once_take_bounded_memory() {
    let db = TestDb::new();
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(&format!(
        "INSERT INTO auth_api_keys (id, \"userId\", name, \"keyHash\", \"keyPrefix\", \"createdAt\")
         VALUES ('00000000000000c1', 'ada', 'theirs', '{COSTLY}', '', 1700000000)"
    ))
    .unwrap();
    let worker = env!("CARGO_BIN_EXE_worker");
    let answers = workers::run(worker, &db.url(), 1, |_| "flood:00000000000000c1.wrong");
    let numbers: Vec<usize> = answers[0]
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect();
    let [grown, refused, busy] = numbers[..] else {
        panic!("{answers:?}");
    };
    // On a slow machine some wait for their turn in vain, never all.
    assert_eq!(refused + busy, 16);
    assert!(refused > 0);
    // Two at once, and as much again for what is measured beside them.
    assert!(grown < 256 << 20, "{grown} bytes");
}
