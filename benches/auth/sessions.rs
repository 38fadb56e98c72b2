//! Calls on one session.

use std::hint::black_box;

use covara_diesel::DatabaseConnection;
use covara_diesel::auth::{NewSession, Session, SessionStore};
use serde::{Deserialize, Serialize};

use crate::by_hand::ByHand;
use crate::comparison::{Comparison, timed};
use crate::peers::Peer;
use crate::{ROUNDS, random};

/// What Covara keeps in a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    last_active_at: i64,
    ip_address: String,
    user_agent: String,
}

impl Activity {
    fn some() -> Self {
        Self {
            last_active_at: 1_767_323_045_001,
            ip_address: "203.0.113.7".to_owned(),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101".to_owned(),
        }
    }
}

/// The id that the table has for a cookie.
fn stored(cookie: &str) -> String {
    use sha2::{Digest, Sha256};

    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let mut id = String::with_capacity(71);
    id.push_str("sha256$");
    for byte in Sha256::digest(cookie) {
        id.push(digit(byte >> 4));
        id.push(digit(byte & 15));
    }
    id
}

/// Sessions, `calls` of each kind a round.
pub fn compare<C: DatabaseConnection>(
    engine: &str,
    calls: usize,
    conn: &mut C,
    hand: &mut impl ByHand,
    peers: &mut [Peer],
) {
    let store = SessionStore::new().typed::<Activity>();
    let any = SessionStore::new();
    let data = Activity::some();
    let json = serde_json::to_string(&data).expect("plain data");
    // Ids made beforehand: making them is our work, not theirs.
    let theirs: Vec<String> = (0..calls * ROUNDS).map(random).collect();
    let mut ours: Vec<Session<Activity>> = Vec::new();

    let names: Vec<_> = ["by hand", "SessionStore"]
        .into_iter()
        .chain(peers.iter().map(|peer| peer.name))
        .collect();
    let title = |kind| format!("{engine}, {calls} × {kind} a session");
    let mut create = Comparison::new(title("create"), &names);
    for ids in theirs.chunks(calls) {
        let (time, ()) = timed(|| {
            for id in ids {
                hand.create(&stored(id), "user-1", &json);
            }
        });
        create.add(0, time);
        let (time, ()) = timed(|| {
            for _ in 0..calls {
                let new = NewSession::new("user-1").data(data.clone());
                ours.push(store.create(conn, new).expect("a new session"));
            }
        });
        create.add(1, time);
        for (n, peer) in peers.iter_mut().enumerate() {
            create.add(2 + n, peer.time("create", calls));
        }
    }
    create.print();

    let names_of_find: Vec<_> = [
        "by hand, JSON left as text",
        "SessionStore, data of a type",
        "SessionStore, any JSON",
    ]
    .into_iter()
    .chain(peers.iter().map(|peer| peer.name))
    .collect();
    let mut find = Comparison::new(title("find"), &names_of_find);
    for (theirs, ours) in theirs.chunks(calls).zip(ours.chunks(calls)) {
        let (time, ()) = timed(|| {
            for id in theirs {
                black_box(hand.find(&stored(id)));
            }
        });
        find.add(0, time);
        let (time, ()) = timed(|| {
            for session in ours {
                let found = store.find(conn, &session.id).expect("a database");
                black_box(found.expect("a live session"));
            }
        });
        find.add(1, time);
        let (time, ()) = timed(|| {
            for session in ours {
                let found = any.find(conn, &session.id).expect("a database");
                black_box(found.expect("a live session"));
            }
        });
        find.add(2, time);
        for (n, peer) in peers.iter_mut().enumerate() {
            find.add(3 + n, peer.time("find", calls));
        }
    }
    find.print();

    let mut save = Comparison::new(title("save"), &names);
    for (theirs, ours) in theirs.chunks(calls).zip(ours.chunks(calls)) {
        let (time, ()) = timed(|| {
            for id in theirs {
                hand.save(&stored(id), "user-1", &json);
            }
        });
        save.add(0, time);
        let (time, ()) = timed(|| {
            for session in ours {
                store.save(conn, session).expect("a database");
            }
        });
        save.add(1, time);
        for (n, peer) in peers.iter_mut().enumerate() {
            save.add(2 + n, peer.time("save", calls));
        }
    }
    save.print();

    let mut delete = Comparison::new(title("delete"), &names);
    for (theirs, ours) in theirs.chunks(calls).zip(ours.chunks(calls)) {
        let (time, ()) = timed(|| {
            for id in theirs {
                assert!(hand.delete(&stored(id)));
            }
        });
        delete.add(0, time);
        let (time, ()) = timed(|| {
            for session in ours {
                assert!(store.delete(conn, &session.id).expect("a database"));
            }
        });
        delete.add(1, time);
        for (n, peer) in peers.iter_mut().enumerate() {
            delete.add(2 + n, peer.time("delete", calls));
        }
    }
    delete.print();
}
