//! The command `covara seed`.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::arguments::{self, OnConflictArgument};
use super::database::{BackendFunctions, SeedChoices};
use super::outcome::{Failure, Outcome};
use crate::progress_bar::{count, speed};
use crate::seed::OnConflict;

pub(super) fn run(
    backend: &BackendFunctions,
    arguments: &arguments::Seed,
) -> Result<Outcome, Failure> {
    let common = &arguments.common;
    let mut tables = Vec::new();
    for pair in arguments.tables.chunks_exact(2) {
        let name = pair[0]
            .to_str()
            .ok_or_else(|| Failure::usage("the name of a table is not UTF-8"))?;
        tables.push((name, Path::new(&pair[1])));
    }
    let on_conflict = match arguments.on_conflict {
        OnConflictArgument::Skip => OnConflict::Skip,
        OnConflictArgument::Update => OnConflict::Update,
        OnConflictArgument::Fail => OnConflict::Fail,
    };
    if arguments.replace && !arguments.yes {
        ask(&tables)?;
    }
    let mut conn = (backend.open_existing)(&common.database_url)?;
    let begun = Instant::now();
    let choices = SeedChoices {
        on_conflict,
        replace: arguments.replace,
        show_progress: !common.output.quiet && !common.output.json,
    };
    let summary = conn.seed(&tables, choices)?;
    let time = begun.elapsed();

    let mut text = String::new();
    for table in &summary.tables {
        let number = |number: usize| HumanCount(count(number));
        let mut counts = match on_conflict {
            OnConflict::Skip => format!("{} skipped", number(table.skipped)),
            OnConflict::Update => format!(
                "{} updated, {} unchanged",
                number(table.updated),
                number(table.unchanged)
            ),
            OnConflict::Fail => String::new(),
        };
        if arguments.replace {
            let deleted = format!("{} deleted", number(table.deleted));
            counts = match counts.as_str() {
                "" => deleted,
                counts => format!("{counts}, {deleted}"),
            };
        }
        let between = if counts.is_empty() { "" } else { ", " };
        text.push_str(&format!(
            "{}: {} rows, {} inserted{between}{counts}\n",
            table.table,
            number(table.attempted),
            number(table.inserted),
        ));
    }
    let rows = count(summary.attempted());
    text.push_str(&format!(
        "{} rows in {:.2} s, {} rows/s\n",
        HumanCount(rows),
        time.as_secs_f64(),
        speed(rows, time)
    ));
    let of_tables: Vec<Value> = summary
        .tables
        .iter()
        .map(|table| {
            json!({
                "table": table.table,
                "attempted": table.attempted,
                "inserted": table.inserted,
                "updated": table.updated,
                "unchanged": table.unchanged,
                "skipped": table.skipped,
                "deleted": table.deleted,
            })
        })
        .collect();
    Ok(Outcome {
        text,
        json: json!({
            "command": "seed",
            "ok": true,
            "tables": of_tables,
            "attempted": summary.attempted(),
            "inserted": summary.inserted(),
            "updated": summary.updated(),
            "unchanged": summary.unchanged(),
            "skipped": summary.skipped(),
            "deleted": summary.deleted(),
            "seconds": time.as_secs_f64(),
        }),
        complaint: None,
    })
}

/// Asks whether to delete the rows of the tables.
fn ask(tables: &[(&str, &Path)]) -> Result<(), Failure> {
    let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "--replace deletes all rows of {names}; give --yes too"
        )));
    }
    let mut err = io::stderr().lock();
    write!(err, "Delete all rows of {names}? Type yes: ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::usage("nothing was done")),
    }
}
