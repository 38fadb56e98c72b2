//! The compiler's messages about mistakes in `#[derive(Seedable)]` and `#[derive(Searchable)]`, to calls
//! with what is no connection, and to implementations of sealed traits.
//!
//! Each file of `tests/ui` has one mistake. Beside it is what the compiler must say: the messages,
//! the places that they point to, and the notes. `COVARA_TEST_MISTAKES=write` writes that anew.
//!
//! The files are compiled against the library as it was compiled for the other tests. The crate
//! trybuild compiles it and all that it depends on twice more, which took 340 s of CPU.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::{env, fs, thread};

use serde_json::Value;

/// One message per mistake, on the field or attribute that is wrong.
#[test]
fn mistakes_in_derives() {
    check("seedable");
    check("searchable");
}

/// What the backend cannot hold is said of the field.
#[test]
#[cfg(feature = "postgres")]
fn types_that_a_backend_does_not_have() {
    check("seedable/postgres");
}

/// What to pass is said, whatever is in place of a connection.
#[test]
#[cfg(all(feature = "libsql", feature = "d1", feature = "neon"))]
fn calls_without_a_connection() {
    check("calls");
}

/// The compiler lists the types that implement them, which each driver adds to.
#[test]
#[cfg(all(feature = "libsql", feature = "d1", feature = "neon"))]
fn sealed_traits_cannot_be_implemented() {
    check("sealed");
}

/// Compiles each case of a folder of `tests/ui`, which must fail as described beside it.
fn check(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/ui")
        .join(folder);
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    assert!(!cases.is_empty(), "{} has no case", folder.display());
    cases.sort();
    let cases = Mutex::new(cases.into_iter());
    let faults = Mutex::new(String::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = { lock(&cases).next() } {
                    if let Err(fault) = check_case(&case) {
                        writeln!(lock(&faults), "{}: {fault}", case.display()).unwrap();
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(faults.is_empty(), "{faults}");
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_case(case: &Path) -> Result<(), String> {
    let said = compile(case)?;
    let beside = case.with_extension("expected");
    if env::var_os("COVARA_TEST_MISTAKES").is_some_and(|wish| wish == "write") {
        return fs::write(&beside, said).map_err(|error| error.to_string());
    }
    let expected = fs::read_to_string(&beside)
        .map_err(|error| format!("{}: {error}; the compiler says\n{said}", beside.display()))?;
    if said == expected {
        return Ok(());
    }
    Err(format!(
        "the compiler says\n{said}\nand must say\n{expected}"
    ))
}

/// Returns what the compiler says to a file that it refuses.
fn compile(case: &Path) -> Result<String, String> {
    let [covara_diesel, diesel] = &*CRATES;
    let output = Command::new("rustc")
        .arg(case)
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata"])
        // Nothing is written, as nothing compiles.
        .args(["-o", "/dev/null", "--error-format=json", "-Awarnings"])
        // Types are named whole, in the message.
        .arg("--verbose")
        .arg("-L")
        .arg(covara_diesel.parent().ok_or("a library without a folder")?)
        .arg("--extern")
        .arg(format!("covara_diesel={}", covara_diesel.display()))
        .arg("--extern")
        .arg(format!("diesel={}", diesel.display()))
        .output()
        .map_err(|error| format!("rustc: {error}"))?;
    if output.status.success() {
        return Err("compiles".to_owned());
    }
    let printed = String::from_utf8_lossy(&output.stderr);
    let mut said = String::new();
    for line in printed.lines() {
        let message = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        describe(&message, case, &mut said);
    }
    if said.is_empty() {
        return Err(format!("nothing is said of the file: {printed}"));
    }
    Ok(said)
}

/// Adds a message with its places in the file and its notes.
fn describe(message: &Value, case: &Path, said: &mut String) {
    let text = message["message"].as_str().unwrap_or_default();
    let level = message["level"].as_str().unwrap_or_default();
    if level == "failure-note" || text.starts_with("aborting due to ") {
        return;
    }
    match message["code"]["code"].as_str() {
        Some(code) => writeln!(said, "{level}[{code}]: {text}"),
        None => writeln!(said, "{level}: {text}"),
    }
    .unwrap();
    let mut spans: Vec<&Value> = list(&message["spans"]).collect();
    spans.sort_by_key(|span| !span["is_primary"].as_bool().unwrap_or_default());
    for span in spans {
        if span["file_name"].as_str().map(Path::new) != Some(case) {
            continue;
        }
        let (line, column) = (&span["line_start"], &span["column_start"]);
        write!(said, "  {line}:{column} `{}`", marked(span)).unwrap();
        match span["label"].as_str() {
            Some(label) => writeln!(said, " {label}"),
            None => writeln!(said),
        }
        .unwrap();
    }
    for child in list(&message["children"]) {
        let level = child["level"].as_str().unwrap_or_default();
        let text = child["message"].as_str().unwrap_or_default();
        // Lists of types follow, which any crate may add to.
        let first = text.lines().next().unwrap_or_default();
        writeln!(said, "  {level}: {first}").unwrap();
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The part of the first line that a place covers.
fn marked(span: &Value) -> String {
    let line = &span["text"][0];
    let from = |name: &str| usize::try_from(line[name].as_u64().unwrap_or(1)).unwrap() - 1;
    let text = line["text"].as_str().unwrap_or_default().chars();
    let (start, end) = (from("highlight_start"), from("highlight_end"));
    text.skip(start).take(end - start).collect()
}

/// The files of `covara_diesel` and `diesel` that these tests are compiled with.
static CRATES: LazyLock<[PathBuf; 2]> = LazyLock::new(|| {
    let features = [
        ("postgres", cfg!(feature = "postgres")),
        ("libsql", cfg!(feature = "libsql")),
        ("d1", cfg!(feature = "d1")),
        ("neon", cfg!(feature = "neon")),
    ];
    let features = features.iter().filter(|(_, is_on)| *is_on);
    let features: Vec<&str> = features.map(|(name, _)| *name).collect();
    // It compiles nothing, as these tests are what it names.
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["test", "--no-run", "--quiet", "--offline"])
        .args(["--test=mistakes", "--message-format=json"])
        .args(["--features", &features.join(",")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    // Build scripts would run again with what Cargo and `tests/run` set for tests.
    let of_tests = ["CARGO_PKG_", "CARGO_MANIFEST_", "RUSTC_BOOTSTRAP"];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if of_tests.iter().any(|beginning| text.starts_with(beginning)) {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let printed = String::from_utf8(output.stdout).unwrap();
    let messages = printed.lines().map(serde_json::from_str);
    let messages: Vec<Value> = messages.collect::<Result<_, _>>().unwrap();
    ["covara_diesel", "diesel"].map(|name| {
        let mut found = messages
            .iter()
            .filter(|message| message["target"]["name"] == name)
            .filter(|message| message["profile"]["test"] == false)
            .flat_map(|message| list(&message["filenames"]))
            .filter_map(Value::as_str)
            .filter(|file| file.ends_with(".rlib"));
        let file = found.next().expect(name);
        assert_eq!(found.next(), None, "{name} was compiled in two ways");
        file.into()
    })
});
