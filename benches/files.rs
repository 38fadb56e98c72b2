//! `covara seed` and `covara dump` beside the tools of the databases: `.import` and `-csv` of
//! sqlite3, psql's `\copy`. Medians of five alternating runs of whole processes.

#[path = "comparison.rs"]
mod comparison;
#[path = "measure.rs"]
mod measure;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use comparison::{Comparison, timed};
use diesel::connection::{Connection, SimpleConnection};
use measure::print_setting;

const ROWS: usize = 1_000_000;
const RUNS: usize = 5;
const QUERY: &str = "SELECT id, email, name, age, created_at FROM users ORDER BY id";
const TABLE: &str = "CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL UNIQUE,
     name TEXT, age INTEGER, created_at TIMESTAMP NOT NULL);";

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let csv = directory.join("users.csv");
    fs::write(&csv, rows()).expect("a file");
    let setting = format!("{ROWS} rows of users");
    print_setting("SQLite", version("sqlite3"), &setting);
    sqlite(directory, &csv);
    #[cfg(feature = "postgres")]
    {
        print_setting("PostgreSQL", version("psql"), &setting);
        postgres(directory, &csv);
    }
}

/// A CSV file in the form that `\copy` and sqlite3 write.
fn rows() -> String {
    let mut text = String::from("id,email,name,age,created_at\n");
    for i in 1..=ROWS {
        let name = match i % 3 {
            0 => String::new(),
            _ => format!("User {i}"),
        };
        let age = match i % 5 {
            0 => String::new(),
            _ => (i % 90).to_string(),
        };
        let time = chrono::DateTime::from_timestamp(1_700_000_000 + i as i64, 0).expect("a time");
        let time = time.format("%Y-%m-%d %H:%M:%S");
        text.push_str(&format!(
            "user-{i:08},user{i}@example.com,{name},{age},{time}\n"
        ));
    }
    text
}

fn sqlite(directory: &Path, csv: &Path) {
    let path = directory.join("users.db");
    let url = path.to_str().expect("a path in UTF-8");
    let empty = || {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{url}{suffix}"));
        }
        let mut conn = diesel::SqliteConnection::establish(url).expect("a database");
        conn.batch_execute(&format!("PRAGMA journal_mode = WAL; {TABLE}"))
            .expect("a table");
    };
    let import = || {
        let mut tool = Command::new("sqlite3");
        let import = format!(".import --csv --skip 1 '{}' users", csv.display());
        tool.args([url, &import]);
        tool
    };
    // `.import` cannot skip a row, so again there is nothing beside.
    let mut fill = Comparison::new(
        "an empty table from CSV",
        &["sqlite3 .import", "covara seed"],
    );
    let mut again = Comparison::new("the same again", &["covara seed"]);
    for _ in 0..RUNS {
        empty();
        fill.run(0, import());
        empty();
        fill.run(1, seed(url, csv));
        again.run(0, seed(url, csv));
    }
    fill.print();
    again.print();
    compare_dumps(directory, url, "sqlite3 -csv -header", || {
        let out = fs::File::create(directory.join("tool.csv")).expect("a file");
        let mut tool = Command::new("sqlite3");
        tool.args(["-csv", "-header", url, QUERY]).stdout(out);
        tool
    });
}

#[cfg(feature = "postgres")]
fn postgres(directory: &Path, csv: &Path) {
    let db = support::postgres::TestDb::new();
    let url = db.url();
    let mut conn = diesel::PgConnection::establish(&url).expect("a server");
    conn.batch_execute(TABLE).expect("a table");
    let psql = |copy: &str| {
        let mut tool = Command::new("psql");
        tool.args([&*url, "-q", "-c", copy]);
        tool
    };
    let from = format!("\\copy users from '{}' csv header", csv.display());
    let mut empty = || {
        conn.batch_execute("TRUNCATE users; CHECKPOINT")
            .expect("an empty table")
    };
    let mut fill = Comparison::new(
        "an empty table from CSV",
        &["psql \\copy from", "covara seed"],
    );
    let mut again = Comparison::new("the same again", &["covara seed"]);
    for _ in 0..RUNS {
        empty();
        fill.run(0, psql(&from));
        empty();
        fill.run(1, seed(&url, csv));
        again.run(0, seed(&url, csv));
    }
    fill.print();
    again.print();
    conn.batch_execute("VACUUM ANALYZE users")
        .expect("a vacuum");
    let to = directory.join("tool.csv");
    let to = format!("\\copy ({QUERY}) to '{}' csv header", to.display());
    compare_dumps(directory, &url, "psql \\copy to", || psql(&to));
}

fn compare_dumps(directory: &Path, url: &str, tool: &'static str, command: impl Fn() -> Command) {
    let names = &[tool, "covara dump, CSV", "covara dump, NDJSON"];
    let mut comparison = Comparison::new("to a file, sorted by key", names);
    for _ in 0..RUNS {
        comparison.run(0, command());
        for (contestant, format) in [(1, "csv"), (2, "ndjson")] {
            comparison.run(contestant, dump(url, directory.join("dump"), format));
        }
    }
    comparison.print();
}

fn seed(url: &str, csv: &Path) -> Command {
    let mut covara = Command::new(env!("CARGO_BIN_EXE_covara-command"));
    covara.args(["seed", "--quiet", "--database-url", url, "--table", "users"]);
    covara.arg(csv);
    covara
}

fn dump(url: &str, directory: PathBuf, format: &str) -> Command {
    let mut covara = Command::new(env!("CARGO_BIN_EXE_covara-command"));
    covara.args(["dump", "--quiet", "--database-url", url, "--table", "users"]);
    covara
        .args(["--format", format, "--directory"])
        .arg(directory);
    covara
}

impl Comparison {
    fn run(&mut self, contestant: usize, mut command: Command) {
        let (time, status) = timed(|| command.stdin(Stdio::null()).status());
        assert!(status.expect("a program").success(), "{command:?}");
        self.add(contestant, time);
    }
}

/// Returns the version that a program prints.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let output = output.expect("a program").stdout;
    let output = String::from_utf8_lossy(&output);
    let mut words = output.split_whitespace();
    let version = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    version.unwrap_or_default().to_owned()
}
