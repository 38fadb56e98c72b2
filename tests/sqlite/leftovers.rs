//! Tests that are killed leave nothing behind.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use support::{temporary, workers};

/// Starts a process that holds a temporary directory with a file, and returns the directory.
fn hold(place: &Path) -> (Child, PathBuf) {
    let place = place.to_str().unwrap();
    let worker = env!("CARGO_BIN_EXE_worker");
    let mut child = workers::start_with(worker, "-", "hold-directory", &[("TMPDIR", Some(place))]);
    workers::wait_until_ready(&mut child);
    workers::go(&mut child);
    let mut held = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut held).unwrap();
    let held = PathBuf::from(held.trim_end());
    assert!(held.join("file").exists(), "{held:?}");
    (child, held)
}

#[test]
fn a_run_removes_the_directories_of_killed_ones_and_no_others() {
    let place = temporary::tempdir().unwrap();
    let foreign = place.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    for signal in ["-KILL", "-TERM"] {
        let (mut killed, left) = hold(place.path());
        let id = killed.id().to_string();
        let kill = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(kill.success());
        killed.wait().unwrap();
        assert!(left.exists(), "{signal}");

        let (mut running, used) = hold(place.path());
        assert!(!left.exists(), "{signal}");
        let (mut other, _) = hold(place.path());
        assert!(used.exists() && foreign.exists(), "{signal}");
        for child in [&mut running, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
