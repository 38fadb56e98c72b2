//! Decides which tests run on which database.

use std::collections::{BTreeMap, BTreeSet};

use crate::needs::{DATABASES, Database, NEEDS, Need, RELEASE};
use crate::programs::Program;

/// The part of a shared test on a database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Runs,
    /// With `--everything` only.
    Later,
    NotPossible(&'static str),
}

pub struct Plan {
    /// Tests of each program.
    pub listed: BTreeMap<String, Vec<String>>,
    /// Names of the shared tests, without `suite::`.
    pub shared: BTreeSet<String>,
    everything: bool,
}

impl Plan {
    pub fn new(programs: &[Program], everything: bool) -> Result<Self, String> {
        let mut listed = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for program in programs {
            let tests = program.tests()?;
            shared.extend(
                tests
                    .iter()
                    .filter_map(|test| test.strip_prefix("suite::"))
                    .map(str::to_owned),
            );
            listed.insert(program.name.clone(), tests);
        }
        Ok(Self {
            listed,
            shared,
            everything,
        })
    }

    pub fn fate(&self, database: &Database, test: &str) -> Fate {
        let needs = NEEDS.iter().filter(|(name, _)| covers(name, test));
        for need in needs.flat_map(|(_, needs)| *needs) {
            if let Some(reason) = lack(database, *need) {
                return Fate::NotPossible(reason);
            }
        }
        let later = || database.later.iter().any(|names| is_one_of(names, test));
        if !self.everything && (is_one_of(RELEASE, test) || later()) {
            return Fate::Later;
        }
        Fate::Runs
    }

    /// Names of the tests that a database's program runs.
    pub fn tests(&self, database: &Database) -> Vec<&str> {
        let listed = self.listed.get(database.program);
        listed
            .into_iter()
            .flatten()
            .filter(|test| match test.strip_prefix("suite::") {
                Some(shared) => self.fate(database, shared) == Fate::Runs,
                // What is no shared test runs once.
                None => database.row.is_none() && self.fate(database, test) == Fate::Runs,
            })
            .map(String::as_str)
            .collect()
    }

    /// Faults of the table itself: a test that a root forgot, and names that no test has.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for database in DATABASES {
            let Some(listed) = self.listed.get(database.program) else {
                faults.push(format!("tests/{}.rs is not built", database.program));
                continue;
            };
            for test in &self.shared {
                let possible = !matches!(self.fate(database, test), Fate::NotPossible(_));
                if possible
                    && !listed
                        .iter()
                        .any(|name| name.strip_prefix("suite::") == Some(test))
                {
                    faults.push(format!(
                        "tests/{}.rs has no {test}, and nothing in tests/suite/needs.rs says why",
                        database.program
                    ));
                }
            }
        }
        let tests: Vec<&str> = self.listed.values().flatten().map(String::as_str).collect();
        let names = NEEDS.iter().map(|(name, _)| *name);
        for name in names
            .chain(
                DATABASES
                    .iter()
                    .flat_map(|database| database.later.concat()),
            )
            .chain(RELEASE.iter().copied())
        {
            let known = |test: &&str| covers(name, test.strip_prefix("suite::").unwrap_or(test));
            if !tests.iter().any(known) {
                faults.push(format!(
                    "tests/suite/needs.rs names {name}, which is no test"
                ));
            }
        }
        faults
    }
}

fn lack(database: &Database, need: Need) -> Option<&'static str> {
    let mut lacks = database.lacks.iter().flat_map(|list| list.iter());
    let lacked = lacks.find(|(lacked, _)| *lacked == need);
    lacked.map(|(_, reason)| *reason)
}

fn is_one_of(names: &[&str], test: &str) -> bool {
    names.iter().any(|name| covers(name, test))
}

fn covers(name: &str, test: &str) -> bool {
    if name.ends_with("::") {
        return test.starts_with(name) || test.contains(&format!("::{name}"));
    }
    test == name || test.ends_with(&format!("::{name}"))
}
