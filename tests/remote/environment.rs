//! Tokens and addresses of the environment, as the servers' own tools read them.

use support::sqld::tokens::{EXPIRED, FULL};
use support::workers::{go, start_with, wait_until_ready};
use support::{d1, sqld};

const VARIABLES: [&str; 9] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "LIBSQL_AUTH_TOKEN",
    "TURSO_AUTH_TOKEN",
    "CLOUDFLARE_API_TOKEN",
    "D1_TOKEN",
    "CLOUDFLARE_API_BASE_URL",
];

/// What a process says that migrates the database of a URL with these variables and no others
/// of ours.
fn migrated(url: &str, set: &[(&str, &str)]) -> Result<(), String> {
    let value = |name: &str| set.iter().find(|(set, _)| *set == name).map(|set| set.1);
    let environment = VARIABLES.map(|name| (name, value(name)));
    let worker = env!("CARGO_BIN_EXE_worker");
    let mut child = start_with(worker, url, "migrate", &environment);
    wait_until_ready(&mut child);
    go(&mut child);
    let output = child.wait_with_output().expect("an exit");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains(FULL) && !said.contains(EXPIRED) && !said.contains(d1::TOKEN));
    if output.status.success() {
        Ok(())
    } else {
        Err(said)
    }
}

fn assert_refused(migrated: Result<(), String>) {
    assert_refused_by("401", migrated);
}

fn assert_refused_by(status: &str, migrated: Result<(), String>) {
    let said = migrated.expect_err("a token that is not good enough");
    assert!(said.contains(status), "{said}");
}

#[test]
fn libsqls_token_may_be_in_the_environment() {
    const LIBSQL: &str = "LIBSQL_AUTH_TOKEN";
    const TURSO: &str = "TURSO_AUTH_TOKEN";
    let db = sqld::TestDb::with_tokens();
    let url = db.url();
    let with = |token: &str| format!("{url}?authToken={token}");

    assert_refused(migrated(&url, &[]));
    assert_refused(migrated(&url, &[(LIBSQL, EXPIRED)]));
    assert_refused(migrated(&url, &[("D1_TOKEN", FULL)]));
    migrated(&url, &[(LIBSQL, FULL)]).unwrap();
    migrated(&url, &[(TURSO, FULL)]).unwrap();
    // The first of them that says anything.
    migrated(&url, &[(LIBSQL, FULL), (TURSO, EXPIRED)]).unwrap();
    assert_refused(migrated(&url, &[(LIBSQL, EXPIRED), (TURSO, FULL)]));
    migrated(&url, &[(LIBSQL, ""), (TURSO, FULL)]).unwrap();
    // The URL says more.
    migrated(&with(FULL), &[(LIBSQL, EXPIRED)]).unwrap();
    assert_refused(migrated(&with(EXPIRED), &[(LIBSQL, FULL)]));
    assert_refused(migrated(&with(""), &[(LIBSQL, FULL)]));
}

#[test]
fn d1s_token_and_address_may_be_in_the_environment() {
    const TOKEN: &str = "CLOUDFLARE_API_TOKEN";
    const SHORT: &str = "D1_TOKEN";
    const BASE: &str = "CLOUDFLARE_API_BASE_URL";
    const WRONG: &str = "wrong";
    let db = d1::TestDb::new();
    let url = format!("d1://{}/{}", d1::ACCOUNT, db.database());
    let base = (BASE, db.base_url());
    let nowhere = (BASE, "http://127.0.0.1:9");

    // No token at all is to Cloudflare a request of the wrong form.
    assert_refused_by("400", migrated(&url, &[base]));
    let libsqls = ("LIBSQL_AUTH_TOKEN", d1::TOKEN);
    assert_refused_by("400", migrated(&url, &[base, libsqls]));
    assert_refused(migrated(&url, &[base, (TOKEN, WRONG)]));
    migrated(&url, &[base, (TOKEN, d1::TOKEN)]).unwrap();
    migrated(&url, &[base, (SHORT, d1::TOKEN)]).unwrap();
    migrated(&url, &[base, (TOKEN, d1::TOKEN), (SHORT, WRONG)]).unwrap();
    assert_refused(migrated(&url, &[base, (TOKEN, WRONG), (SHORT, d1::TOKEN)]));
    migrated(&url, &[base, (TOKEN, ""), (SHORT, d1::TOKEN)]).unwrap();
    // The URL says more.
    migrated(&db.url(), &[nowhere, (TOKEN, WRONG)]).unwrap();
    let said = migrated(&url, &[nowhere, (TOKEN, d1::TOKEN)]).unwrap_err();
    assert!(said.contains("cannot be reached"), "{said}");
    // Nobody else is told a token without encryption.
    let elsewhere = (BASE, "http://example.com");
    let said = migrated(&url, &[elsewhere, (TOKEN, d1::TOKEN)]).unwrap_err();
    assert!(said.contains("unencrypted"), "{said}");
}

/// Whatever proxy there is, a server on this machine is spoken to directly: nobody else gets its
/// token and statements.
#[test]
fn a_server_on_this_machine_is_not_reached_through_a_proxy() {
    let libsql = sqld::TestDb::new();
    let db = d1::TestDb::new();
    // Whoever listens there sees what comes.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        for url in [libsql.url(), db.url()] {
            migrated(&url, &[(variable, &proxy)]).unwrap();
        }
        let error = listener.accept().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{variable}");
    }
}
