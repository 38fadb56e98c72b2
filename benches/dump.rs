//! `covara dump` beside the tools of the databases: `sqlite3 -csv` and psql's `\copy`, which both
//! take the same query. Medians of five alternating runs of whole processes.

#[path = "measure.rs"]
mod measure;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::{Connection, SimpleConnection};
use measure::{median, print_setting, short};

const ROWS: usize = 1_000_000;
const RUNS: usize = 5;
const QUERY: &str = "SELECT id, email, name, age, created_at FROM users ORDER BY id";

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    sqlite(directory.path());
    #[cfg(feature = "postgres")]
    postgres(directory.path());
}

fn sqlite(directory: &Path) {
    let path = directory.join("users.db");
    let url = path.to_str().expect("a path in UTF-8");
    let mut conn = diesel::SqliteConnection::establish(url).expect("a database");
    conn.batch_execute(&format!(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL UNIQUE, name TEXT,
             age INTEGER, created_at TIMESTAMP NOT NULL);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO users SELECT printf('user-%08d', i), 'user' || i || '@example.com',
             CASE WHEN i % 3 > 0 THEN 'User ' || i END, CASE WHEN i % 5 > 0 THEN i % 90 END,
             datetime(1700000000 + i, 'unixepoch') FROM n;
         PRAGMA wal_checkpoint(TRUNCATE)"
    ))
    .expect("rows");
    drop(conn);
    let version = Command::new("sqlite3")
        .arg("--version")
        .output()
        .expect("sqlite3");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    compare(
        directory,
        url,
        &format!("SQLite, sqlite3 {version}"),
        || {
            let out = std::fs::File::create(directory.join("tool.csv")).expect("a file");
            let mut tool = Command::new("sqlite3");
            tool.args(["-csv", "-header", url, QUERY]).stdout(out);
            tool
        },
    );
}

#[cfg(feature = "postgres")]
fn postgres(directory: &Path) {
    let db = support::postgres::TestDb::new();
    let url = db.url();
    let mut conn = diesel::PgConnection::establish(&url).expect("a server");
    conn.batch_execute(&format!(
        "CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT,
             age INTEGER, created_at TIMESTAMPTZ NOT NULL);
         INSERT INTO users SELECT 'user-' || lpad(i::text, 8, '0'), 'user' || i || '@example.com',
             CASE WHEN i % 3 > 0 THEN 'User ' || i END, CASE WHEN i % 5 > 0 THEN i % 90 END,
             to_timestamp(1700000000 + i) FROM generate_series(1, {ROWS}) AS i;"
    ))
    .expect("rows");
    conn.batch_execute("VACUUM ANALYZE users")
        .expect("a vacuum");
    let copy = format!(
        "\\copy ({QUERY}) to '{}'",
        directory.join("tool.csv").display()
    );
    compare(directory, &url, "PostgreSQL, psql \\copy", || {
        let mut tool = Command::new("psql");
        tool.args([&*url, "-q", "-c", &copy]);
        tool
    });
}

fn compare(directory: &Path, url: &str, engine: &str, tool: impl Fn() -> Command) {
    print_setting(engine, "", format!("{ROWS} rows of users"));
    println!("{:<28} {:>12} {:>12} {:>8}", "", "tool", "covara dump", "");
    for format in ["csv", "ndjson"] {
        let covara = || {
            let mut covara = Command::new(env!("CARGO_BIN_EXE_covara-command"));
            covara
                .args([
                    "dump",
                    "--quiet",
                    "--database-url",
                    url,
                    "--table",
                    "users",
                    "--directory",
                ])
                .arg(directory.join("dump"))
                .args(["--format", format]);
            covara
        };
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..RUNS {
            times[0].push(run(tool()));
            times[1].push(run(covara()));
        }
        let [tool, ours] = times.map(|times| median(&times));
        let ratio = tool.as_secs_f64() / ours.as_secs_f64();
        println!(
            "{format:<28} {:>12} {:>12} {ratio:>6.2} ×",
            short(tool),
            short(ours)
        );
    }
}

fn run(mut command: Command) -> Duration {
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).status().expect("a program");
    assert!(status.success(), "{command:?}");
    begun.elapsed()
}
