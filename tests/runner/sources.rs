//! Files of tests that no `mod` names, whose tests nobody runs.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::programs::Program;

/// The folders of the programs' modules.
const FOLDERS: [&str; 5] = [
    "tests/derive",
    "tests/postgres",
    "tests/remote",
    "tests/sqlite",
    "tests/suite",
];

/// Returns a fault for each file in these folders from which no program was compiled.
pub fn forgotten(programs: &[Program]) -> io::Result<Vec<String>> {
    // This program's own, and what only plain `cargo test` compiles.
    let others = ["tests/suite/needs.rs", "tests/sqlite/without_postgres.rs"];
    let mut compiled: BTreeSet<PathBuf> = others.into_iter().map(PathBuf::from).collect();
    for program in programs {
        // The compiler lists there what it has read, each file once more on a line of its own.
        let list = fs::read_to_string(program.path.with_extension("d"))?;
        compiled.extend(
            list.lines()
                .filter_map(|line| line.strip_suffix(':'))
                .map(PathBuf::from),
        );
    }
    let mut faults = Vec::new();
    for folder in FOLDERS {
        let mut files = Vec::new();
        collect(Path::new(folder), &mut files)?;
        let forgotten = files.iter().filter(|file| !compiled.contains(*file));
        faults.extend(forgotten.map(|file| format!("no `mod` names {}", file.display())));
    }
    Ok(faults)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
