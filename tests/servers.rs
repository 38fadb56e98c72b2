//! The servers that the remote tests run against start, answer and end.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use postgres::{Client, NoTls};
use serde_json::json;
use support::http::Message;
use support::server::installed;
use support::{d1, neon, pglite, sqld, workers};

/// Status and body of the answer to one request.
fn post(address: &str, path: &str, token: Option<&str>, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    Message::post(path, token, body).write(&mut stream).unwrap();
    let answer = Message::read(&mut BufReader::new(stream)).unwrap().unwrap();
    (answer.status(), answer.text())
}

const SELECT: &str =
    r#"{"requests":[{"type":"execute","stmt":{"sql":"SELECT 7"}},{"type":"close"}]}"#;
const CREATE: &str =
    r#"{"requests":[{"type":"execute","stmt":{"sql":"CREATE TABLE t (a)"}},{"type":"close"}]}"#;

#[test]
fn sqld_answers_and_each_test_has_its_own() {
    let (one, other) = (sqld::TestDb::new(), sqld::TestDb::new());
    for db in [&one, &other] {
        let address = db.url().replace("http://", "");
        let (status, answer) = post(&address, "/v3/pipeline", None, CREATE);
        assert_eq!(status, 200);
        assert!(answer.contains(r#""type":"ok""#), "{answer}");
    }
}

#[test]
fn sqld_keeps_its_database_over_a_crash_and_ends_when_dropped() {
    let mut db = sqld::TestDb::new();
    let address = db.url().replace("http://", "");
    assert_eq!(post(&address, "/v3/pipeline", None, CREATE).0, 200);
    db.stop();
    assert!(TcpStream::connect(&address).is_err());
    db.restart();
    let (_, answer) = post(&address, "/v3/pipeline", None, CREATE);
    assert!(answer.contains("already exists"), "{answer}");
    drop(db);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn sqld_tells_tokens_apart() {
    use sqld::tokens::{EXPIRED, FOREIGN, FULL, READ_ONLY};
    let db = sqld::TestDb::with_tokens();
    let address = db.url().replace("http://", "");
    let status = |token, body| post(&address, "/v3/pipeline", token, body).0;
    assert_eq!(status(Some(FULL), CREATE), 200);
    assert_eq!(status(Some(READ_ONLY), SELECT), 200);
    assert_eq!(status(Some(READ_ONLY), CREATE), 403);
    assert_eq!(status(Some(EXPIRED), SELECT), 401);
    assert_eq!(status(Some(FOREIGN), SELECT), 401);
    assert_eq!(status(None, SELECT), 401);
}

#[test]
fn d1_answers_as_cloudflare_does() {
    let db = d1::TestDb::new();
    let address = db.base_url().replace("http://", "");
    let path = format!("/accounts/test/d1/database/{}/raw", db.database());
    let ask = |body: &str| post(&address, &path, Some(d1::TOKEN), body);

    let (status, answer) = ask(r#"{"sql":"SELECT 1 AS a, ?, x'00ff'","params":["x"]}"#);
    assert_eq!(status, 200);
    assert!(answer.contains(r#""success":true,"errors":[],"messages":[]"#));
    assert!(answer.contains(r#"{"columns":["a","?","x'00ff'"],"rows":[[1,"x",[0,255]]]}"#));

    let create = r#"CREATE TABLE t (a UNIQUE); -- of ';'
        CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; END;
        INSERT INTO t VALUES (';') RETURNING a;"#;
    let (_, answer) = ask(&serde_json::json!({ "sql": create }).to_string());
    assert!(answer.contains(r#""rows":[[";"]]"#), "{answer}");

    // The second fails, so the first did nothing.
    let batch =
        r#"{"batch":[{"sql":"INSERT INTO t VALUES (1)"},{"sql":"INSERT INTO t VALUES (1)"}]}"#;
    let (status, answer) = ask(batch);
    assert_eq!(status, 400);
    assert!(answer.contains(r#""code":7500"#) && answer.contains("UNIQUE constraint failed: t.a"));
    let (_, answer) = ask(r#"{"sql":"SELECT count(*) FROM t"}"#);
    assert!(answer.contains(r#""rows":[[1]]"#));

    for refused in [
        "BEGIN",
        "SAVEPOINT a",
        "PRAGMA user_version",
        "SELECT sqlite_version()",
    ] {
        let (status, _) = ask(&serde_json::json!({ "sql": refused }).to_string());
        assert_eq!(status, 400, "{refused}");
    }
    let too_many = vec!["?"; 101].join(",");
    let (status, answer) = ask(&serde_json::json!({
        "sql": format!("SELECT {too_many}"),
        "params": vec![1; 101],
    })
    .to_string());
    assert_eq!(status, 400);
    assert!(answer.contains("too many"), "{answer}");
    for malformed in [
        "{",
        "{}",
        r#"{"sql":7}"#,
        r#"{"sql":"SELECT ?","params":[true]}"#,
    ] {
        let (status, answer) = ask(malformed);
        assert_eq!(status, 400);
        assert!(answer.contains(r#""code":7400"#), "{answer}");
    }
}

#[test]
fn d1_tells_tokens_and_databases_apart() {
    let (one, other) = (d1::TestDb::new(), d1::TestDb::new());
    let create = r#"{"sql":"CREATE TABLE t (a)"}"#;
    for db in [&one, &other] {
        let address = db.base_url().replace("http://", "");
        let path = format!("/accounts/test/d1/database/{}/raw", db.database());
        assert_eq!(post(&address, &path, Some(d1::TOKEN), create).0, 200);
        assert_eq!(
            post(&address, &path, Some(d1::FOREIGN_TOKEN), create).0,
            403
        );
        assert_eq!(post(&address, &path, Some("x"), create).0, 401);
        assert_eq!(post(&address, &path, None, create).0, 400);
        let elsewhere = "/accounts/test/d1/database/none/raw";
        assert_eq!(post(&address, elsewhere, Some(d1::TOKEN), create).0, 404);
        let elsewhere = path.replace("/test/", "/another/");
        assert_eq!(post(&address, &elsewhere, Some(d1::TOKEN), create).0, 404);
    }
}

#[test]
fn pglite_starts_again_with_its_database() {
    let mut db = pglite::TestDb::with_max_connections(2);
    let mut client = Client::connect(&db.url(), NoTls).unwrap();
    client.batch_execute("CREATE TABLE t (a INT)").unwrap();
    let version: String = client.query_one("SELECT version()", &[]).unwrap().get(0);
    assert!(version.contains("PGlite"), "{version}");
    drop(client);
    db.restart();
    let mut client = Client::connect(&db.url(), NoTls).unwrap();
    client.batch_execute("INSERT INTO t VALUES (1)").unwrap();
}

/// The processes that lie under `id`, itself included.
fn with_descendants(id: u32) -> Vec<u32> {
    let mut found = vec![id];
    let mut at = 0;
    while let Some(parent) = found.get(at) {
        let children = format!("/proc/{parent}/task");
        for thread in fs::read_dir(children).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children"));
            let children = children.unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
        at += 1;
    }
    found
}

#[test]
fn a_killed_program_leaves_no_server_behind() {
    let mut holder = workers::start(env!("CARGO_BIN_EXE_worker"), "-", "hold-servers");
    workers::wait_until_ready(&mut holder);
    workers::go(&mut holder);
    let mut held = String::new();
    let stdout = holder.stdout.as_mut().expect("piped");
    BufReader::new(stdout).read_line(&mut held).unwrap();
    assert_eq!(held, "held\n");
    let family = with_descendants(holder.id());
    // The holder, sqld, node of PGlite, node of D1, and workerd under that.
    assert!(family.len() >= 5, "{family:?}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let begun = Instant::now();
    while family.iter().any(|id| is_running(*id)) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{family:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_running(id: u32) -> bool {
    // One that has ended and whom nobody waits for is listed until then.
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Runs Neon's own client against the double, and returns what it prints.
fn neon_client(db: &neon::TestDb) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/neon-client.mjs");
    let output = Command::new("node")
        .current_dir(installed(""))
        .args([script, db.proxy().origin()])
        .args([db.connection_string(), db.connection_string_for_token()])
        .arg(neon::JWT)
        .output()
        .expect("Node.js");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8(output.stdout).expect("a text");
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn neon_answers_its_own_client() {
    let printed = neon_client(&neon::TestDb::new());
    assert_eq!(
        printed,
        [
            "https://api.eu-central-1.aws.neon.tech/sql",
            "https://apiauth.eu-central-1.aws.neon.tech/sql",
            "https://api.eu-central-1.aws.neon.tech/sql",
            "all is well",
        ]
    );
}

#[test]
fn neon_keeps_to_its_limits() {
    let limits = json!({ "maxRequest": 1000, "maxResponse": 1000, "timeout": 300 });
    let db = neon::TestDb::with(&limits);
    let ask = |query: &str| {
        let body = json!({ "query": query }).to_string();
        let answer = ureq::post(format!("{}/sql", db.proxy().origin()))
            .config()
            .http_status_as_error(false)
            .build()
            .header("Neon-Connection-String", db.connection_string())
            .header("Neon-Raw-Text-Output", "true")
            .header("Neon-Array-Mode", "true")
            .send(&body);
        let mut answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_to_string().expect("a text"))
    };
    assert_eq!(ask("SELECT 1").0, 200);
    assert_eq!(ask(&format!("SELECT '{}'", "x".repeat(1000))).0, 413);
    assert_eq!(ask("SELECT repeat('x', 1000)").0, 507);
    let (status, answer) = ask("SELECT pg_sleep(5)");
    assert_eq!(status, 400);
    assert!(answer.contains("08P01"), "{answer}");
    assert_eq!(ask("SELECT 1").0, 200);
}
