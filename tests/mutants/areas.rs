//! Which tests prove which part of the library.

use std::path::Path;

/// A part of the library.
pub struct Area {
    pub name: &'static str,
    /// Files and folders. A file is of the area that names the longest part of its path.
    pub paths: &'static [&'static str],
    /// What may notice a mutant, in the order in which it is asked. What is quick, and most likely to
    /// notice one, comes first.
    pub proofs: &'static [Proof],
}

/// A step of `tests/run`: the name of a database in tests/suite/needs.rs or of a test program, and
/// parts of the names of its tests. No part means every test.
pub type Proof = (&'static str, &'static [&'static str]);

const UNIT: &str = "covara_diesel";
const SQLITE: &str = "SQLite file";
const MEMORY: &str = "SQLite memory";
const POSTGRES: &str = "PostgreSQL";
const PGBOUNCER: &str = "PgBouncer";
const PGLITE: &str = "PGlite";
const LIBSQL: &str = "libSQL";
const D1: &str = "D1";
const NEON: &str = "Neon over HTTP";

const ALL: &[&str] = &[];

pub const AREAS: &[Area] = &[
    Area {
        name: "auth",
        paths: &[
            "covara-diesel/src/auth/",
            "covara-diesel/src/sqlite/auth.rs",
            "covara-diesel/src/postgres/auth.rs",
            "covara-diesel/src/surrogates.rs",
        ],
        proofs: &[
            (SQLITE, &["auth", "api_key"]),
            (POSTGRES, &["auth"]),
            (D1, &["auth"]),
            (LIBSQL, &["auth"]),
        ],
    },
    Area {
        name: "changes",
        paths: &[
            "covara-diesel/src/changes/",
            "covara-diesel/src/sqlite/changes/",
            "covara-diesel/src/postgres/changes/",
        ],
        proofs: &[
            (SQLITE, &["changes::", "::changes_"]),
            (POSTGRES, &["changes::", "::changes_"]),
            (D1, &["changes::"]),
            (LIBSQL, &["changes::"]),
            (PGBOUNCER, &["changes::"]),
        ],
    },
    Area {
        name: "search",
        paths: &[
            "covara-diesel/src/search/",
            "covara-diesel/src/sqlite/search/",
            "covara-diesel/src/sqlite/sql.rs",
            "covara-diesel/src/postgres/names.rs",
            "covara-diesel/src/postgres/search/",
            "covara-diesel/src/postgres/sql.rs",
        ],
        proofs: &[
            (UNIT, &["search::"]),
            (SQLITE, &["search", "bounds::"]),
            (POSTGRES, &["search", "bounds::"]),
            ("derive", &["searchable"]),
            (D1, &["search"]),
            (LIBSQL, &["search"]),
            (MEMORY, &["search"]),
        ],
    },
    Area {
        name: "seed",
        paths: &[
            "covara-diesel/src/seed/",
            "covara-diesel/src/sqlite/declared.rs",
            "covara-diesel/src/sqlite/deferral.rs",
            "covara-diesel/src/sqlite/keys.rs",
            "covara-diesel/src/sqlite/place.rs",
            "covara-diesel/src/sqlite/replace.rs",
            "covara-diesel/src/sqlite/seed.rs",
            "covara-diesel/src/sqlite/describe.rs",
            "covara-diesel/src/postgres/binary.rs",
            "covara-diesel/src/postgres/copy.rs",
            "covara-diesel/src/postgres/deferred.rs",
            "covara-diesel/src/postgres/describe.rs",
            "covara-diesel/src/postgres/keys.rs",
            "covara-diesel/src/postgres/replace.rs",
            "covara-diesel/src/postgres/seed.rs",
            "covara-diesel/src/postgres/sequences.rs",
            "covara-diesel/src/postgres/stage.rs",
            "covara-diesel/src/postgres/update.rs",
        ],
        proofs: &[
            (
                SQLITE,
                &["seed", "fixtures", "bounds::", "progress", "values"],
            ),
            ("derive", ALL),
            (
                POSTGRES,
                &[
                    "seed",
                    "fixtures",
                    "bounds::",
                    "progress",
                    "values",
                    "owners",
                    "pooled_work",
                ],
            ),
            ("remote", &["seeds", "memory", "interrupted"]),
            (LIBSQL, &["seed"]),
            (D1, &["seed"]),
            (PGBOUNCER, &["seed"]),
            (PGLITE, &["seed"]),
        ],
    },
    Area {
        name: "fixture",
        paths: &["covara-diesel/src/fixture/"],
        proofs: &[
            (UNIT, &["fixture::"]),
            (SQLITE, &["fixtures", "bounds::", "command::", "values"]),
            ("derive", &["fixtures"]),
            (POSTGRES, &["fixtures", "bounds::", "command::", "values"]),
        ],
    },
    Area {
        name: "dump",
        paths: &[
            "covara-diesel/src/dump/",
            "covara-diesel/src/sqlite/dump/",
            "covara-diesel/src/postgres/dump/",
        ],
        proofs: &[
            (SQLITE, &["dump::"]),
            (POSTGRES, &["dump::"]),
            (LIBSQL, &["dump::"]),
            (D1, &["dump::"]),
            (PGLITE, &["dump::"]),
        ],
    },
    Area {
        name: "migrate",
        paths: &[
            "covara-diesel/src/internal_tables.rs",
            "covara-diesel/src/migrate/",
            "covara-diesel/src/sqlite/migrate.rs",
            "covara-diesel/src/sqlite/creatable.rs",
            "covara-diesel/src/sqlite/foreign_keys_off.rs",
            "covara-diesel/src/sqlite/rehearse.rs",
            "covara-diesel/src/postgres/migrate.rs",
            "covara-diesel/src/postgres/history.rs",
            "covara-diesel/src/postgres/objects.rs",
        ],
        proofs: &[
            (
                SQLITE,
                &[
                    "migrate",
                    "boot",
                    "adoption",
                    "harness",
                    "status",
                    "command::",
                    "doctor",
                    "obstacles",
                    "read_only_files",
                ],
            ),
            (
                POSTGRES,
                &[
                    "migrate",
                    "boot",
                    "adoption",
                    "harness",
                    "status",
                    "command::",
                    "doctor",
                    "neighbours",
                    "frozen",
                    "owners",
                    "obstacles",
                ],
            ),
            (D1, &["migrate", "boot", "obstacles"]),
            (LIBSQL, &["migrate", "boot", "harness", "obstacles"]),
            (PGBOUNCER, &["migrate", "boot", "harness"]),
            (PGLITE, &["migrate", "boot"]),
        ],
    },
    Area {
        name: "pool",
        paths: &[
            "covara-diesel/src/drivers.rs",
            "covara-diesel/src/pool/",
            "covara-diesel/src/sqlite/pool.rs",
            "covara-diesel/src/sqlite/url.rs",
            "covara-diesel/src/postgres/pool.rs",
            "covara-diesel/src/remote/pool.rs",
            "covara-diesel/src/remote/bridge/pool.rs",
            "covara-diesel/src/remote/d1/pool.rs",
            "covara-diesel/src/remote/libsql/pool.rs",
            "covara-diesel/src/remote/neon/pool.rs",
        ],
        proofs: &[
            (UNIT, &["pool::", "url::"]),
            (SQLITE, &["pool", "open", "private", "doctor", "command::"]),
            ("open", ALL),
            (
                "remote",
                &["pools", "environment", "secrets", "parsers", "tokens"],
            ),
            (
                POSTGRES,
                &[
                    "pool",
                    "open",
                    "doctor",
                    "command::",
                    "restarts",
                    "time_outs",
                    "tls",
                    "failover",
                    "pglite",
                ],
            ),
            (D1, &["pool"]),
            (MEMORY, &["pool", "open"]),
        ],
    },
    Area {
        name: "neon",
        paths: &[
            "covara-diesel/src/remote/neon/",
            "covara-diesel/src/postgres/search/apart.rs",
        ],
        proofs: &[(UNIT, &["remote::"]), (NEON, ALL)],
    },
    Area {
        name: "postgres",
        paths: &["covara-diesel/src/postgres/"],
        proofs: &[
            (UNIT, &["postgres::"]),
            (POSTGRES, ALL),
            (PGBOUNCER, ALL),
            (PGLITE, ALL),
        ],
    },
    Area {
        name: "sqlite",
        paths: &["covara-diesel/src/sqlite/"],
        proofs: &[
            (UNIT, &["sqlite::"]),
            (SQLITE, ALL),
            (MEMORY, ALL),
            ("remote", &["wrangler", "pools"]),
            ("open", ALL),
        ],
    },
    Area {
        name: "libsql",
        paths: &["covara-diesel/src/remote/libsql/"],
        proofs: &[
            (UNIT, &["remote::"]),
            ("remote", ALL),
            (LIBSQL, ALL),
            ("open", ALL),
        ],
    },
    Area {
        name: "d1",
        paths: &["covara-diesel/src/remote/d1/"],
        proofs: &[
            (UNIT, &["remote::"]),
            ("remote", ALL),
            (D1, ALL),
            ("open", ALL),
        ],
    },
    Area {
        name: "bridge",
        paths: &["covara-diesel/src/remote/"],
        proofs: &[
            (UNIT, &["remote::"]),
            ("remote", ALL),
            (LIBSQL, ALL),
            (D1, ALL),
            ("open", ALL),
        ],
    },
    Area {
        name: "transaction",
        paths: &["covara-diesel/src/backend/"],
        proofs: &[
            (SQLITE, ALL),
            (POSTGRES, ALL),
            ("remote", ALL),
            (LIBSQL, ALL),
            (D1, ALL),
            (PGBOUNCER, &["transactions", "seed", "nested"]),
        ],
    },
    Area {
        name: "doctor",
        paths: &[
            "covara-diesel/src/cli/",
            "covara-diesel/src/doctor/",
            "covara-diesel/src/postgres/pooler.rs",
        ],
        proofs: &[
            (
                SQLITE,
                &[
                    "doctor", "command", "program", "progress", "damaged", "private",
                ],
            ),
            (
                POSTGRES,
                &[
                    "doctor",
                    "command",
                    "program",
                    "progress",
                    "pglite",
                    "poolers",
                    "owners",
                    "time_outs",
                ],
            ),
            ("remote", &["wrangler"]),
            ("open", ALL),
        ],
    },
    Area {
        name: "any",
        paths: &["covara-diesel/src/any/", "covara-diesel/src/lib.rs"],
        proofs: &[
            ("open", ALL),
            (SQLITE, &["open", "nested", "transactions"]),
            (POSTGRES, &["open", "nested", "transactions", "pooled_work"]),
            ("remote", &["multi", "harness", "user_code"]),
        ],
    },
    Area {
        name: "derive",
        paths: &["covara-derive/src/"],
        proofs: &[
            ("derive", ALL),
            ("derive-renamed", ALL),
            (SQLITE, &["fixtures", "seed", "search", "open"]),
            ("mistakes", ALL),
        ],
    },
];

/// The area of a file.
pub fn of(file: &str) -> Option<&'static Area> {
    AREAS
        .iter()
        .max_by_key(|area| length(area, file))
        .filter(|area| length(area, file) > 0)
}

/// The length of the longest path of an area that a file is below.
fn length(area: &Area, file: &str) -> usize {
    let below = area.paths.iter().filter(|path| file.starts_with(**path));
    below.map(|path| path.len()).max().unwrap_or_default()
}

/// Checks the table against the sources, and against the tests that ran last, if any did.
pub fn check() -> Result<(), String> {
    let mut files = Vec::new();
    for package in ["covara-diesel/src", "covara-derive/src"] {
        list(Path::new(package), &mut files).map_err(|error| format!("{package}: {error}"))?;
    }
    let mut mistakes: Vec<String> = files
        .iter()
        .filter(|file| of(file).is_none() && !PASSED_OVER.contains(&file.as_str()))
        .map(|file| format!("no area for {file}"))
        .collect();
    let paths = AREAS.iter().flat_map(|area| area.paths);
    mistakes.extend(
        paths
            .filter(|path| !Path::new(path).exists())
            .map(|path| format!("there is no {path}")),
    );
    if let Ok(ran) = std::fs::read_to_string(RAN) {
        mistakes.extend(without_tests(&ran));
    }
    match mistakes.is_empty() {
        true => Ok(()),
        false => Err(format!("tests/mutants/areas.rs: {}", mistakes.join("; "))),
    }
}

/// How long each test took, as tests/run writes it: seconds, step and name.
const RAN: &str = "target/tests/seconds.txt";

/// Files that cargo-mutants passes over, for there is nothing in them or they are excluded by
/// config.toml.
const PASSED_OVER: &[&str] = &[
    "covara-diesel/src/bin/covara.rs",
    "covara-diesel/src/fuzz.rs",
    "covara-diesel/src/guide.rs",
    "covara-diesel/src/no_auth.rs",
    "covara-diesel/src/no_dump.rs",
    "covara-diesel/src/no_fixture.rs",
    "covara-diesel/src/no_search.rs",
    "covara-diesel/src/private.rs",
    "covara-diesel/src/progress_bar.rs",
    "covara-diesel/src/schema.rs",
];

fn list(folder: &Path, files: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            files.push(path.display().to_string());
        }
    }
    Ok(())
}

/// The parts of names that no test has.
fn without_tests(ran: &str) -> impl Iterator<Item = String> {
    let tests: Vec<(&str, &str)> = ran
        .lines()
        .filter_map(|line| line.trim_start().split_once(char::is_whitespace))
        .filter_map(|(_, test)| test.trim_start().split_once(": "))
        .collect();
    let proofs = AREAS
        .iter()
        .flat_map(|area| area.proofs.iter().map(move |proof| (area.name, proof)));
    proofs.flat_map(move |(area, (step, parts))| {
        let tests = tests.clone();
        // No part means every test.
        let parts: &[&str] = if parts.is_empty() { &[""] } else { parts };
        parts
            .iter()
            .filter(move |part| {
                let is_proof = |(of, test): &(&str, &str)| of == step && test.contains(**part);
                !tests.iter().any(is_proof)
            })
            .map(move |part| format!("{area} has no test {part:?} on {step}"))
            .collect::<Vec<_>>()
    })
}
