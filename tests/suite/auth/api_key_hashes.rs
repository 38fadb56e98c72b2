//! Hashes of API keys: the same on both sides, in both directions, and never replaced.

use covara_diesel::auth::{ApiKeyStore, NewApiKey, Rejected};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::json;
use support::node;

use super::migrated;
use crate::backend::{self, Conn, schema::auth_api_keys::dsl};

/// A key whose id it is, as another program wrote it.
pub(super) fn add(conn: &mut Conn, id: &str, hash: &str, prefix: &str) {
    conn.batch_execute(&format!(
        "INSERT INTO auth_api_keys (id, \"userId\", name, \"keyHash\", \"keyPrefix\", \"createdAt\")
         VALUES ('{id}', 'ada', 'theirs', '{hash}', '{prefix}', {})",
        backend::SOME_TIME
    ))
    .unwrap();
}

pub(super) fn stored(conn: &mut Conn, id: &str) -> String {
    dsl::auth_api_keys
        .find(id)
        .select(dsl::key_hash)
        .first(conn)
        .unwrap()
}

fn is_refused(conn: &mut Conn, key: &str) -> bool {
    matches!(
        ApiKeyStore::new().verify(conn, key),
        Err(Rejected::NotFound)
    )
}

#[test]
fn node_accepts_the_hashes_made_here() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let prefixes = node::run(
        "const some = [undefined, '', 'my_app', '_', 'v1.live', 'schlüssel', '日本 🗝', \"o'clock $1\"];
         for (let n = 0; n < 12; n++) {
             some.push(crypto.randomBytes(n).toString('latin1').replaceAll('\\0', ''));
         }
         return some.map((prefix) => prefix ?? null);",
        &json!(null),
    );
    let mut pairs = Vec::new();
    for prefix in prefixes.as_array().unwrap() {
        let mut new = NewApiKey::new("ada", "CI");
        if let Some(prefix) = prefix.as_str() {
            new = new.prefix(prefix);
        }
        let (secret, key) = store.create(&mut conn, new).unwrap();
        let hash = stored(&mut conn, &key.id);
        let parts: Vec<&str> = hash.split('$').collect();
        assert_eq!(parts[..2], ["scrypt", "N=4,r=1,p=1"], "{hash}");
        // 16 and 64 bytes in base64.
        assert_eq!([parts[2].len(), parts[3].len(), parts.len()], [24, 88, 4]);
        pairs.push((secret.expose().to_owned(), hash.clone()));
        pairs.push((format!("{}x", secret.expose()), hash.clone()));
        // A use changes nothing.
        assert_eq!(store.verify(&mut conn, &secret).unwrap().id, key.id);
        assert_eq!(stored(&mut conn, &key.id), hash);
    }
    for (n, accepted) in node::check(&pairs).into_iter().enumerate() {
        assert_eq!(accepted, n % 2 == 0, "{:?}", pairs[n]);
    }
    let mut salts: Vec<&str> = pairs
        .iter()
        .map(|(_, hash)| hash.split('$').nth(2).unwrap())
        .collect();
    salts.sort_unstable();
    salts.dedup();
    assert_eq!(2 * salts.len(), pairs.len(), "a salt each");
}

#[test]
fn hashes_made_by_node_verify_and_stay() {
    let (_db, mut conn) = migrated();
    // What hosts of Covara's put into `keyPrefix`: all, the bare id, the prefix alone, nothing.
    let keys = [
        ("my_app_0000000000000001.ab-_", "my_app_0000000000000001"),
        ("my_app_0000000000000002.ab-_", "0000000000000002"),
        ("my_app_0000000000000003.ab-_", "my_app"),
        ("0000000000000004.ab-_", "0000000000000004"),
        ("schlüssel 🗝_0000000000000005.ab-_", ""),
        ("0000000000000006.ab-_", "pk_"),
    ];
    let costs = [
        [4, 1, 1],
        [16, 8, 1],
        [1024, 8, 1],
        [16_384, 8, 1],
        [4096, 8, 2],
        [2, 1, 1],
    ];
    let input: Vec<_> = keys.iter().map(|(key, _)| *key).zip(costs).collect();
    let hashes = node::hash(&input);
    let id = |key: &str| {
        format!(
            "000000000000000{}",
            key.split(['.']).next().unwrap().chars().last().unwrap()
        )
    };
    for ((key, prefix), hash) in keys.iter().zip(&hashes) {
        add(&mut conn, &id(key), hash, prefix);
    }
    for ((key, prefix), hash) in keys.iter().zip(&hashes) {
        let id = id(key);
        for wrong in [
            format!("{key}x"),
            format!("x{key}"),
            format!("x_{key}"),
            format!("{id}.x"),
        ] {
            assert!(is_refused(&mut conn, &wrong), "{wrong}");
        }
        // The second time it may be remembered.
        for _ in 0..2 {
            let found = ApiKeyStore::new().verify(&mut conn, key).expect(key);
            assert_eq!((&found.id, found.key_prefix.as_str()), (&id, *prefix));
            assert!(is_refused(&mut conn, &format!("{key}x")));
        }
        assert_eq!(&stored(&mut conn, &id), hash);
    }
    // What is remembered is the key with its hash: another hash, and it is of no use.
    let (key, _) = keys[3];
    let other = node::hash(&[("another", [16_384, 8, 1])]).remove(0);
    conn.batch_execute(&format!(
        "UPDATE auth_api_keys SET \"keyHash\" = '{other}' WHERE id = '{}'",
        id(key)
    ))
    .unwrap();
    assert!(is_refused(&mut conn, key));
}

#[test]
fn keys_of_earlier_versions_verify_and_stay() {
    let (_db, mut conn) = migrated();
    let key = "my_app_00000000000000a1.Vd0rGf7tZ_w-K9nQxSyB3mJcLpE5uHaT";
    let hash = node::run(
        "return 'sha256$' + crypto.createHash('sha256').update(input).digest('hex');",
        &json!(key),
    );
    let hash = hash.as_str().unwrap();
    add(
        &mut conn,
        "00000000000000a1",
        hash,
        "my_app_00000000000000a1",
    );
    let costly_off = ApiKeyStore::new().scrypt(false);
    assert_eq!(costly_off.verify(&mut conn, key).unwrap().name, "theirs");
    assert!(is_refused(&mut conn, &format!("{key}x")));
    assert!(is_refused(&mut conn, &key.replace("my_app", "my-app")));
    assert_eq!(stored(&mut conn, "00000000000000a1"), hash);
}

/// Right hashes of one key, by Node, that cost 144 and 256 MiB of work, and 32 MiB.
const TOO_COSTLY: [&str; 2] = [
    "scrypt$N=16384,r=8,p=9$MDEyMzQ1Njc4OWFiY2RlZg==$X0Q94L0zSWNNhRJOplxcCiGB+EIGpP0Cfc0kuKoR5IeZtClvKV4hPjJ9g4FWovx4Yy0WDedgcD0hnkO0FfAxAg==",
    "scrypt$N=262144,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$sld2gYh2/vCrXjpeuwp14CYW/I2XXZkGaDRFWxzJe5rX/vHyzz8TWZQyzCMARuY6S7C49WXwz1D2vTUmSU4Vfw==",
];
const BEARABLE: &str = "scrypt$N=16384,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg==$XoRxdaVebY6wh/cH9x1tIT+3Fc5DSqkLUY9vq2JkPx8YFulWJLH0BKZDkZmZSGQz3G7D84otB439RK8dgdRNPA==";

#[test]
fn a_hash_beyond_the_limits_matches_nothing() {
    let (_db, mut conn) = migrated();
    let key = "00000000000000aa.limit";
    add(&mut conn, "00000000000000aa", BEARABLE, "");
    let mut set = |hash: &str| {
        conn.batch_execute(&format!("UPDATE auth_api_keys SET \"keyHash\" = '{hash}'"))
            .unwrap();
        ApiKeyStore::new().verify(&mut conn, key)
    };
    assert!(set(BEARABLE).is_ok());
    for hash in TOO_COSTLY {
        let refused = set(hash);
        assert!(matches!(refused, Err(Rejected::NotFound)), "{refused:?}");
    }
    let (_, rest) = BEARABLE.split_once("p=2$").unwrap();
    let (salt, hash) = rest.split_once('$').unwrap();
    let large = "A".repeat(50_000);
    let malformed = [
        String::new(),
        "scrypt$".to_owned(),
        "scrypt$N=4,r=1,p=1".to_owned(),
        format!("scrypt$N=4,r=1,p=1${salt}$"),
        "scrypt$N=4,r=1,p=1$$".to_owned(),
        format!("scrypt$N=16384,r=8,p=2${salt}${hash}$"),
        format!("scrypt$N=16384,r=8,p=2,x=1${salt}${hash}"),
        format!("scrypt$N=16384,r=8${salt}${hash}"),
        format!("scrypt$r=8,N=16384,p=2${salt}${hash}"),
        format!("scrypt$N=0,r=8,p=2${salt}${hash}"),
        format!("scrypt$N=1,r=8,p=2${salt}${hash}"),
        format!("scrypt$N=3,r=8,p=2${salt}${hash}"),
        format!("scrypt$N=-4,r=8,p=2${salt}${hash}"),
        format!("scrypt$N=16384,r=0,p=2${salt}${hash}"),
        format!("scrypt$N=16384,r=8,p=0${salt}${hash}"),
        format!("scrypt$N=2,r=65536,p=65536${salt}${hash}"),
        format!("scrypt$N=9223372036854775808,r=4294967295,p=4294967295${salt}${hash}"),
        format!("scrypt$N=16384,r=8,p=2${salt}${large}"),
        format!("scrypt$N=4,r=1,p=1${large}${hash}"),
        format!("scrypt$N=16384,r=8,p=2$!!${hash}"),
        format!("SCRYPT$N=16384,r=8,p=2${salt}${hash}"),
        "sha256$".to_owned(),
        "revoked$".to_owned(),
    ];
    for hash in malformed {
        let refused = set(&hash);
        assert!(
            matches!(refused, Err(Rejected::NotFound)),
            "{hash:.100}: {refused:?}"
        );
    }
    assert!(set(BEARABLE).is_ok());
}

#[test]
fn scopes_that_are_null_in_json_are_none() {
    let (_db, mut conn) = migrated();
    let store = ApiKeyStore::new();
    let (secret, key) = store
        .create(&mut conn, NewApiKey::new("ada", "CI").scopes(["read"]))
        .unwrap();
    conn.batch_execute("UPDATE auth_api_keys SET scopes = 'null'")
        .unwrap();
    let found = store.verify(&mut conn, &secret).unwrap();
    assert_eq!((found.scopes, found.id), (None, key.id.clone()));
    let listed = store.list_for_user(&mut conn, "ada").unwrap();
    assert_eq!(listed[0].as_ref().unwrap().scopes, None);
    let rotated = store
        .rotate(&mut conn, &key.id, Default::default())
        .unwrap();
    assert_eq!(rotated.unwrap().1.scopes, None);
}
