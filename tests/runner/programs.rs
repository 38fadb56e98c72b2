//! The test programs that Cargo builds.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A built test program.
pub struct Program {
    pub name: String,
    pub path: PathBuf,
    /// The folder in which Cargo runs it: that of its package.
    pub folder: PathBuf,
    /// The folder in which a test of a procedural macro finds the compiler's libraries.
    libraries: Option<String>,
}

/// Builds all tests of the workspace; what Cargo says of it goes to standard error.
pub fn build(features: &str) -> Result<Vec<Program>, String> {
    let mut cargo = Command::new(env!("CARGO"))
        .args(["test", "--no-run", "--features", features])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut programs = Vec::new();
    let stdout = cargo.stdout.take().map(BufReader::new);
    for line in stdout
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok)
    {
        let Ok(message) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        programs.extend(Program::of_message(&message)?);
    }
    let status = cargo.wait().map_err(|error| error.to_string())?;
    if status.success() {
        Ok(programs)
    } else {
        Err("the tests do not compile".to_owned())
    }
}

fn compiler_libraries() -> Result<String, String> {
    let printed = Command::new("rustc")
        .args(["--print", "target-libdir"])
        .output()
        .map_err(|error| format!("rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&printed.stdout).trim().to_owned())
}

impl Program {
    /// The test program that a message of Cargo's names, if it names one.
    pub fn of_message(message: &Value) -> Result<Option<Self>, String> {
        let (Some(path), true, Some(name), Some(manifest)) = (
            message["executable"].as_str(),
            message["profile"]["test"].as_bool().unwrap_or_default(),
            message["target"]["name"].as_str(),
            message["manifest_path"].as_str(),
        ) else {
            return Ok(None);
        };
        Ok(Some(Self {
            name: name.to_owned(),
            path: path.into(),
            folder: Path::new(manifest)
                .parent()
                .unwrap_or(Path::new("."))
                .to_owned(),
            libraries: message["target"]["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == "proc-macro"))
                .then(compiler_libraries)
                .transpose()?,
        }))
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .envs(
                self.libraries
                    .iter()
                    .map(|folder| ("LD_LIBRARY_PATH", folder)),
            );
        command
    }

    /// Names of its tests.
    pub fn tests(&self) -> Result<Vec<String>, String> {
        let listed = self
            .command()
            .args(["--list", "--format", "terse"])
            .output()
            .map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&listed.stdout)
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_owned)
            .collect())
    }
}
