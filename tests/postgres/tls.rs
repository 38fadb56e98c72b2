//! Encrypted connections, with certificates made for the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use covara_diesel::pool::{PoolDriver, PoolError};
use covara_diesel::{auto_migrate, doctor, open};
use diesel::prelude::*;
use support::own_postgres::PostgresServer;
use support::postgres::server_url;

use crate::suite::{chain, number};

fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("openssl; tests/prepare installs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An authority of its own, and a certificate by it for `localhost`.
fn make_certificates(directory: &Path) {
    for name in ["authority", "stranger"] {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let subject = format!("/CN=the {name}");
        openssl(
            directory,
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &subject,
                "-keyout",
                &key,
                "-out",
                &certificate,
            ],
        );
    }
    openssl(
        directory,
        &[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ],
    );
    openssl(
        directory,
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "authority.crt",
            "-CAkey",
            "authority.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-copy_extensions",
            "copy",
            "-out",
            "server.crt",
        ],
    );
}

/// A server that takes encrypted connections over TCP only, and nothing else.
pub(crate) fn encrypted_server() -> PostgresServer {
    let directory = support::temporary::tempdir().unwrap();
    make_certificates(directory.path());
    let rules = "hostssl all all all scram-sha-256\nhostnossl all all all reject\n";
    fs::write(directory.path().join("rules"), rules).unwrap();
    let made = directory.path().to_owned();
    let mut server = PostgresServer::start(&[], |path| {
        for entry in fs::read_dir(&made).unwrap().flatten() {
            fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
        }
    });
    let file = |name: &str| server.directory().join(name).display().to_string();
    let options = [
        "-c".to_owned(),
        "ssl=on".to_owned(),
        "-c".to_owned(),
        format!("ssl_cert_file={}", file("server.crt")),
        "-c".to_owned(),
        format!("ssl_key_file={}", file("server.key")),
        "-c".to_owned(),
        format!("hba_file={}", file("rules")),
    ];
    server.stop();
    server.add_options(&options);
    server.start_again();
    server
}

struct Urls {
    good: Vec<String>,
    /// With a part of what is said of each.
    bad: Vec<(String, &'static str)>,
}

fn urls(server: &PostgresServer) -> Urls {
    let port = server.port();
    let file = |name: &str| server.directory().join(name).display().to_string();
    let (authority, stranger) = (file("authority.crt"), file("stranger.crt"));
    let url = |host: &str, end: &str| format!("{}?{end}", server.url_at(&format!("{host}:{port}")));
    Urls {
        good: vec![
            url("localhost", "sslmode=require"),
            url("127.0.0.1", "sslmode=require"),
            url(
                "127.0.0.1",
                &format!("sslmode=verify-ca&sslrootcert={authority}"),
            ),
            url(
                "localhost",
                &format!("sslmode=verify-full&sslrootcert={authority}"),
            ),
        ],
        bad: vec![
            (
                url(
                    "localhost",
                    &format!("sslmode=verify-full&sslrootcert={stranger}"),
                ),
                "certificate verify failed",
            ),
            (
                url(
                    "127.0.0.1",
                    &format!("sslmode=verify-full&sslrootcert={authority}"),
                ),
                "does not match host name",
            ),
            (
                url("localhost", "sslmode=verify-full&sslrootcert=/no/such/file"),
                "does not exist",
            ),
            (url("localhost", "sslmode=disable"), "no encryption"),
        ],
    }
}

/// The example `open` with the libpq that is compiled in.
fn bundled_example() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/bundled");
    let built = Command::new(env!("CARGO"))
        // Of the runner, for the times of tests; it would have all compiled again.
        .env_remove("RUSTC_BOOTSTRAP")
        .args(["build", "-p", "covara-diesel", "--example", "open"])
        .args([
            "--no-default-features",
            "--features",
            "postgres-bundled,auth,fixtures",
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    target.join("debug/examples/open")
}

#[test]
fn the_libpq_that_is_compiled_in_does_the_same() {
    let program = bundled_example();
    let server = encrypted_server();
    let Urls { good, bad } = urls(&server);
    let used = Command::new(&program).args(&good).output().unwrap();
    let printed = String::from_utf8_lossy(&used.stdout);
    assert!(
        used.status.success(),
        "{}",
        String::from_utf8_lossy(&used.stderr)
    );
    assert_eq!(
        printed.matches("token good: true").count(),
        good.len(),
        "{printed}"
    );
    for (url, part) in bad {
        let refused = Command::new(&program).arg(&url).output().unwrap();
        let printed = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{url}: {printed}");
        assert!(printed.contains(part), "{part:?} in {printed}");
        assert!(
            !printed.contains("w%3Frd") && !printed.contains("w?rd"),
            "{printed}"
        );
    }
    // And no system's library.
    let maps = Command::new("ldd").arg(&program).output().unwrap();
    let maps = String::from_utf8_lossy(&maps.stdout);
    assert!(maps.contains("libc") && !maps.contains("libpq"), "{maps}");
}

#[test]
fn a_connection_is_encrypted_and_the_server_is_who_it_says() {
    let server = encrypted_server();
    let Urls { good, bad } = urls(&server);
    for url in good {
        let pool = open(&url).unwrap_or_else(|error| panic!("{}", chain(&error)));
        let mut conn = pool.get().unwrap();
        auto_migrate(&mut conn).unwrap();
        let mut direct = PgConnection::establish(&url).unwrap();
        let sql = "SELECT ssl::int::bigint AS n FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(number(&mut direct, sql), 1);
        assert_eq!(doctor::postgres(&url).unwrap().driver, PoolDriver::Postgres);
    }
    for (url, part) in bad {
        let error = open(&url).unwrap_err();
        assert!(matches!(error, PoolError::Connect { .. }), "{error:?}");
        let text = chain(&error);
        assert!(text.contains(part), "{part:?} in {text}");
        assert!(!text.contains("w%3Frd") && !text.contains("w?rd"), "{text}");
    }
}

#[test]
fn a_server_without_encryption_is_refused_where_it_is_required() {
    let error = open(format!("{}?sslmode=require", server_url())).unwrap_err();
    let text = chain(&error);
    assert!(text.contains("server does not support SSL"), "{text}");
}
