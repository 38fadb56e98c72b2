//! The mutants that cargo-mutants lists, and the choice among them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::areas::{self, Area};

/// A place in a file; both count from 1, and columns are characters.
pub type Place = (usize, usize);

/// One change of the sources.
pub struct Mutant {
    /// As cargo-mutants writes it: with place and change.
    pub name: String,
    pub file: String,
    pub begin: Place,
    pub end: Place,
    pub replacement: String,
    pub area: &'static Area,
}

impl Mutant {
    /// Its name without the place, which changes with every line above.
    fn change(&self) -> String {
        match self
            .name
            .strip_prefix(&self.file)
            .and_then(|rest| rest.split_once(": "))
        {
            Some((_, change)) => format!("{}: {change}", self.file),
            None => self.name.clone(),
        }
    }
}

/// All mutants of these areas; of all, if none is named.
pub fn list(areas: &[String], diff: Option<&str>) -> Result<Vec<Mutant>, String> {
    let mut command = Command::new("target/mutants/tool/bin/cargo-mutants");
    command.args([
        "mutants",
        "--list",
        "--json",
        "--config",
        "tests/mutants/config.toml",
    ]);
    command.args(["--package", "covara-diesel", "--package", "covara-derive"]);
    command.args(diff.iter().flat_map(|diff| ["--in-diff", diff]));
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    // Nothing is printed for a difference that changes no line that can be mutated.
    let mut mutants = match output.stdout.trim_ascii() {
        [] => Vec::new(),
        listed => read(listed)?,
    };
    mutants.retain(|mutant| areas.is_empty() || areas.iter().any(|name| name == mutant.area.name));
    mutants.sort_by(|a, b| (&a.file, a.begin, &a.name).cmp(&(&b.file, b.begin, &b.name)));
    Ok(mutants)
}

/// Reads mutants as cargo-mutants prints them.
pub fn read(json: &[u8]) -> Result<Vec<Mutant>, String> {
    let listed: Vec<Value> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    listed.iter().map(read_one).collect()
}

fn read_one(mutant: &Value) -> Result<Mutant, String> {
    // It takes an alias of `Result` for any type.
    let text = |name: &str| Some(mutant[name].as_str()?.replace("QueryResult::from(", "Ok("));
    let place = |end: &str| {
        let number = |name: &str| usize::try_from(mutant["span"][end][name].as_u64()?).ok();
        Some((number("line")?, number("column")?))
    };
    let strange = || format!("this is no mutant as cargo-mutants prints it: {mutant}");
    let file = text("file").ok_or_else(strange)?;
    Ok(Mutant {
        name: text("name").ok_or_else(strange)?,
        begin: place("start").ok_or_else(strange)?,
        end: place("end").ok_or_else(strange)?,
        replacement: text("replacement").ok_or_else(strange)?,
        area: areas::of(&file)
            .ok_or_else(|| format!("tests/mutants/areas.rs has no area for {file}"))?,
        file,
    })
}

/// Puts mutants in the order of a seed, by SplitMix64.
pub fn shuffle(mutants: &mut [Mutant], mut seed: u64) {
    for last in (1..mutants.len()).rev() {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let other = (mixed ^ (mixed >> 31)) % (last as u64 + 1);
        mutants.swap(last, usize::try_from(other).unwrap_or_default());
    }
}

/// Mutants that no test can notice, with the reason.
pub struct Equivalent(BTreeMap<(String, String), String>);

impl Equivalent {
    /// Reads `equivalent.txt`: the change, the line of the source, and the reason, a blank line
    /// between two mutants.
    pub fn read() -> Result<Self, String> {
        let path = Path::new("tests/mutants/equivalent.txt");
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let mut known = BTreeMap::new();
        for entry in text.split("\n\n").map(|entry| entry.trim_matches('\n')) {
            let lines: Vec<&str> = entry
                .lines()
                .filter(|line| !line.starts_with('#'))
                .collect();
            match lines.as_slice() {
                [] => {}
                [change, line, reason @ ..] if !reason.is_empty() => {
                    let reason = reason.iter().map(|part| part.trim()).collect::<Vec<_>>();
                    let key = ((*change).to_owned(), line.trim().to_owned());
                    known.insert(key, reason.join(" "));
                }
                _ => return Err(format!("{} has no reason for {entry}", path.display())),
            }
        }
        Ok(Self(known))
    }

    /// The reason why a mutant is equivalent.
    pub fn reason(&self, mutant: &Mutant, source: &str) -> Option<&str> {
        let line = source.lines().nth(mutant.begin.0 - 1)?.trim();
        self.0
            .get(&(mutant.change(), line.to_owned()))
            .map(String::as_str)
    }
}
