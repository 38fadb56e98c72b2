//! The ready-made progress bar.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::backend::TestDb;

/// Width of the terminal.
const COLUMNS: usize = 100;

/// Runs a job of the program `worker` on a new database, in a terminal or not.
fn run(job: &str, terminal: bool) -> Output {
    let db = TestDb::new();
    let worker = env!("CARGO_BIN_EXE_worker");
    let mut command = if terminal {
        // util-linux' script makes a terminal, and prints what a program writes to it.
        let mut command = Command::new("script");
        let line = format!(
            "stty rows 30 cols {COLUMNS}; '{worker}' {job} '{}'",
            db.url()
        );
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        command.env("TERM", "xterm");
        command
    } else {
        let mut command = Command::new(worker);
        command.args([job, &db.url()]);
        command
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the worker, or the command `script` of util-linux or bsdutils");
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn progress_is_lines_where_there_is_no_terminal() {
    let output = run("progress", false);
    let err = text(&output.stderr);
    assert!(output.status.success(), "{err}");
    let lines: Vec<_> = err.lines().collect();
    // One for each of the two runs of the table, and one a second, which can be of the last row.
    let is_end = |line: &&&str| line.starts_with("numbers: 200,000 rows, ");
    assert!(lines.iter().filter(is_end).count() >= 2, "{err}");
    assert!(lines.last().as_ref().is_some_and(is_end), "{err}");
    assert!(lines.len() < 30, "{err}");
    assert!(lines.iter().all(|line| line.contains(" rows/s, ")), "{err}");
    assert!(!err.contains('\r') && !err.contains('\u{1b}'), "{err:?}");
}

#[test]
fn progress_is_a_bar_for_each_table_on_a_terminal() {
    for (job, ending, rows) in [
        ("progress", "inserted 200000", "200,000"),
        ("progress-and-fail", "Row {", ""),
    ] {
        let output = run(job, true);
        let out = text(&output.stdout);
        assert_eq!(output.status.success(), job == "progress", "{out}");
        assert!(out.contains(&format!("numbers: {rows}")), "{out}");
        assert!(out.contains(" rows/s, 00:00:0"), "{out}");
        // The last drawing fills its line, so what follows begins the next.
        let (bars, _) = out.split_once(ending).expect("what comes of the seed");
        let (_, last) = bars
            .rsplit_once("\u{1b}[2K")
            .expect("drawn again and again");
        assert_eq!(last.chars().count(), COLUMNS, "{last:?}");
        assert!(last.contains(" rows, "), "{last:?}");
    }
}
