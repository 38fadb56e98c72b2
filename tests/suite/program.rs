//! The example programs, as a user runs them.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::backend::{self, TestDb};

/// `cargo test` builds the examples into the folder beside its own.
fn program(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join(name);
    assert!(
        path.exists(),
        "{path:?} is not built: run `cargo test` for the whole workspace"
    );
    path
}

/// Runs an example to its end.
pub(super) fn example(name: &str, arguments: &[&str]) -> Output {
    Command::new(program(name))
        .args(arguments)
        .output()
        .unwrap()
}

fn quickstart(arguments: &[&str]) -> Output {
    example("quickstart", arguments)
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_second_run_reports_no_migration_and_nothing_inserted() {
    let db = TestDb::new();
    let url = db.url();
    let arguments = ["--database-url", url.as_str()];

    let first = quickstart(&arguments);
    let printed = text(&first.stdout);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let dialect = backend::DIALECT.to_string();
    for part in [
        &dialect,
        "auth_sessions, auth_accounts, auth_api_keys, auth_verification_tokens",
        "246 attempted, 246 inserted, 0 skipped",
        "135233 attempted, 135233 inserted, 0 skipped",
        "rows/s",
        "found again",
    ] {
        assert!(printed.contains(part), "{part:?} in {printed}");
    }

    let second = quickstart(&arguments);
    let printed = text(&second.stdout);
    assert!(second.status.success(), "{}", text(&second.stderr));
    for part in [
        "nothing to do",
        "246 attempted, 0 inserted, 246 skipped",
        "135233 attempted, 0 inserted, 135233 skipped",
        "found again",
    ] {
        assert!(printed.contains(part), "{part:?} in {printed}");
    }
    assert_eq!(super::count(&mut db.connect(), "auth_sessions"), 2);
}

#[test]
fn bad_input_ends_with_a_sentence_and_exit_code_1() {
    for (url, sentence) in backend::bad_urls() {
        let output = quickstart(&["--database-url", &url]);
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{url}: {printed}");
        assert!(printed.starts_with("error: "), "{url}: {printed}");
        assert!(
            printed.contains(sentence),
            "{url}: {sentence:?} in {printed}"
        );
        assert!(
            !printed.contains("panicked") && !printed.contains("hunter2"),
            "{printed}"
        );
    }
    let usage = quickstart(&["--no-such-option"]);
    assert_eq!(usage.status.code(), Some(1));
    assert!(text(&usage.stderr).contains("usage:"));
}
