//! A copy of the sources with mutants in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use serde_json::Value;

use crate::mutant::Mutant;
use crate::switches;

/// The features of `tests/run`.
const FEATURES: &str = "sqlite,postgres,libsql,d1,neon";
/// The only package in which mutants are behind switches: those of a macro act when the tests are
/// compiled.
const LIBRARY: &str = "covara-diesel/src/";
/// Gets the switches themselves.
const LIBRARY_ROOT: &str = "covara-diesel/src/lib.rs";

/// The copy.
pub struct Tree {
    pub root: PathBuf,
}

/// An error of the compiler.
pub struct Mistake {
    /// Whether the library itself does not compile, and not what uses it.
    pub in_library: bool,
    /// Whether there would be none if the branches of a function were functions of their own.
    of_branches: bool,
    places: Vec<Span>,
    pub text: String,
}

/// Lines that an error points at.
struct Span {
    file: String,
    lines: (usize, usize),
    primary: bool,
}

/// What became of mutants that were compiled together.
pub struct Together {
    /// Those that are no change of a function that runs, and have to be compiled alone.
    pub alone: BTreeSet<usize>,
    /// Those that do not compile.
    pub broken: BTreeSet<usize>,
    /// What Cargo says of the tests.
    pub messages: Vec<Value>,
}

impl Tree {
    /// Copies the sources, as they are now.
    pub fn new() -> Result<Self, String> {
        let root = std::env::current_dir().and_then(|source| {
            let root = source.join("target/mutants/tree");
            fs::create_dir_all(root.join("target"))?;
            let servers = root.join("target/servers");
            if fs::symlink_metadata(&servers).is_err() {
                std::os::unix::fs::symlink(source.join("target/servers"), servers)?;
            }
            Ok(root)
        });
        let tree = Self {
            root: root.map_err(|error| error.to_string())?,
        };
        let source = tracked(&[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])?;
        for file in &source {
            if let Ok(to) = fs::read_link(file) {
                tree.link(file, &to)
                    .map_err(|error| format!("{file}: {error}"))?;
            } else if let Ok(content) = fs::read(file) {
                tree.write(file, &content)?;
            }
        }
        tree.remove_others(&source)
            .map_err(|error| error.to_string())?;
        Ok(tree)
    }

    /// Removes copies of files that are gone.
    fn remove_others(&self, known: &BTreeSet<String>) -> io::Result<()> {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                let name = path.strip_prefix(&self.root).unwrap_or(&path);
                if name == Path::new("target") {
                    continue;
                }
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else if !known.contains(&*name.to_string_lossy()) || !Path::new(name).exists() {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }

    fn link(&self, file: &str, to: &Path) -> io::Result<()> {
        let path = self.root.join(file);
        if fs::read_link(&path).is_ok_and(|present| present == to) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // A file may have been there.
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(to, path)
    }

    /// Writes a file unless it is so already, so that Cargo compiles no more than it must.
    fn write(&self, file: &str, content: &[u8]) -> Result<(), String> {
        let path = self.root.join(file);
        if fs::read(&path).is_ok_and(|present| present == content) {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, content))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        // Programs among the sources stay so.
        fs::metadata(file)
            .and_then(|metadata| fs::set_permissions(&path, metadata.permissions()))
            .map_err(|error| format!("{file}: {error}"))
    }

    /// Puts the sources back that these mutants changed.
    pub fn restore(&self, mutants: &[Mutant]) -> Result<(), String> {
        for (file, content) in originals(mutants)? {
            self.write(file, content.as_bytes())?;
        }
        Ok(())
    }

    /// Changes the sources by one mutant.
    pub fn apply(&self, mutant: &Mutant) -> Result<(), String> {
        let source = source(&mutant.file)?;
        self.write(&mutant.file, switches::mutated(&source, mutant).as_bytes())
    }

    /// Compiles all tests with these mutants behind switches, as far as they can be.
    pub fn build_together(&self, mutants: &[Mutant]) -> Result<Together, String> {
        let foreign = |number: &usize| !mutants[*number].file.starts_with(LIBRARY);
        let mut alone: BTreeSet<usize> = (0..mutants.len()).filter(foreign).collect();
        let mut broken = BTreeSet::new();
        loop {
            let mut contents = originals(mutants)?;
            let mut switched = Vec::new();
            let together = (0..mutants.len())
                .filter(|number| !alone.contains(number) && !broken.contains(number));
            for (file, numbers) in by_file(mutants, together) {
                let changed = switches::switched(&source(file)?, mutants, &numbers)?;
                alone.extend(changed.impossible);
                contents.insert(file, changed.source);
                switched.push((file, changed.branches));
            }
            for (file, content) in &mut contents {
                if *file == LIBRARY_ROOT {
                    content.push_str(switches::MODULE);
                }
                self.write(file, content.as_bytes())?;
            }
            let mistakes = match self.build(&[]) {
                Ok(messages) => {
                    return Ok(Together {
                        alone,
                        broken,
                        messages,
                    });
                }
                Err(mistakes) => mistakes,
            };
            let before = alone.len() + broken.len();
            for mistake in &mistakes {
                let (own, near) = culprits(mistake, &switched);
                if !own.is_empty() && !mistake.of_branches {
                    broken.extend(own);
                } else {
                    alone.extend(near);
                }
            }
            alone.retain(|number| !broken.contains(number));
            if alone.len() + broken.len() == before {
                let text = mistakes.first().map_or("", |mistake| mistake.text.as_str());
                return Err(format!(
                    "the tests do not compile without mutants either: {text}"
                ));
            }
        }
    }

    /// Compiles some tests, or all. Returns what Cargo says of them.
    pub fn build(&self, targets: &[&str]) -> Result<Vec<Value>, Vec<Mistake>> {
        let broken = |error: io::Error| {
            vec![Mistake {
                in_library: false,
                of_branches: false,
                places: Vec::new(),
                text: error.to_string(),
            }]
        };
        let mut cargo = Command::new(env!("CARGO"))
            .args(["test", "--no-run", "--quiet", "--features", FEATURES])
            .args(targets)
            .arg("--message-format=json")
            .current_dir(&self.root)
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_INCREMENTAL", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(broken)?;
        let lines = cargo
            .stdout
            .take()
            .map(BufReader::new)
            .into_iter()
            .flat_map(BufRead::lines);
        let messages: Vec<Value> = lines
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect();
        if cargo.wait().map_err(broken)?.success() {
            return Ok(messages);
        }
        let errors = messages
            .iter()
            .filter(|message| message["message"]["level"] == "error");
        Err(errors.map(|error| self.mistake(error)).collect())
    }

    fn mistake(&self, message: &Value) -> Mistake {
        let spans = message["message"]["spans"].as_array();
        let line = |span: &Value, end: &str| {
            let line = span[end].as_u64();
            line.and_then(|line| usize::try_from(line).ok())
                .unwrap_or_default()
        };
        let places = spans.into_iter().flatten().filter_map(|span| {
            Some(Span {
                file: span["file_name"].as_str()?.to_owned(),
                lines: (line(span, "line_start"), line(span, "line_end")),
                primary: span["is_primary"] == true,
            })
        });
        let kinds = message["target"]["kind"].as_array();
        let package = message["package_id"].as_str().unwrap_or_default();
        Mistake {
            in_library: kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind != "test"))
                && (package.contains("/covara-diesel#") || package.contains("/covara-derive#")),
            of_branches: message["message"]["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("`if` and `else` have incompatible types")),
            places: places.collect(),
            text: message["message"]["rendered"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

/// Mutants in whose branches an error is, and those whose function it points at.
fn culprits(
    mistake: &Mistake,
    switched: &[(&str, Vec<switches::Branch>)],
) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let mut own = BTreeSet::new();
    let mut near = BTreeSet::new();
    for span in &mistake.places {
        let branches = switched.iter().filter(|(file, _)| *file == span.file);
        for branch in branches.flat_map(|(_, branches)| branches) {
            let within =
                |lines: &(usize, usize)| lines.0 <= span.lines.1 && span.lines.0 <= lines.1;
            if span.primary && within(&branch.lines) {
                own.insert(branch.mutant);
            }
            if within(&branch.function) {
                near.insert(branch.mutant);
            }
        }
    }
    (own, near)
}

/// What these mutants, and switches, change.
fn originals(mutants: &[Mutant]) -> Result<BTreeMap<&str, String>, String> {
    let files = mutants.iter().map(|mutant| mutant.file.as_str());
    files
        .chain([LIBRARY_ROOT])
        .map(|file| Ok((file, source(file)?)))
        .collect()
}

fn by_file(mutants: &[Mutant], numbers: impl Iterator<Item = usize>) -> BTreeMap<&str, Vec<usize>> {
    let mut files = BTreeMap::<&str, Vec<usize>>::new();
    for number in numbers {
        files.entry(&mutants[number].file).or_default().push(number);
    }
    files
}

fn tracked(arguments: &[&str]) -> Result<BTreeSet<String>, String> {
    let output = Command::new("git")
        .args(arguments)
        .output()
        .map_err(|error| format!("git: {error}"))?;
    let names = output
        .stdout
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    Ok(names
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

/// A file as the project has it.
pub fn source(file: &str) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))
}
