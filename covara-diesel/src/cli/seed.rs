//! The command `covara seed`.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::arguments::{self, OnConflictArgument};
use super::database::{BackendFunctions, SeedChoices};
use super::interrupt::{self, ROLL_BACK, WhenStopped};
use super::outcome::{Failure, Outcome};
use super::seed_files::SeedFiles;
use crate::progress_bar::{count, rows_of, speed};
use crate::seed::{Name, OnConflict};

pub(super) fn run(
    backend: &BackendFunctions,
    arguments: &arguments::Seed,
) -> Result<Outcome, Failure> {
    let common = &arguments.common;
    let SeedFiles { tables, left_out } = SeedFiles::of(arguments)?;
    let on_conflict = match arguments.on_conflict {
        OnConflictArgument::Skip => OnConflict::Skip,
        OnConflictArgument::Update => OnConflict::Update,
        OnConflictArgument::Fail => OnConflict::Fail,
    };
    if arguments.replace && !arguments.yes && !arguments.dry_run {
        let names = tables.iter().map(|(name, _)| Name(name).to_string());
        let names: Vec<String> = names.collect();
        ask(&names.join(", "))?;
    }
    let stop = WhenStopped {
        says: match backend.keeps_parts {
            true => "what was sent before is kept",
            false => "nothing was kept",
        },
        reads_input: arguments.tables.iter().any(|file| file == "-"),
        wait: ROLL_BACK,
        ..WhenStopped::new(backend, common)
    };
    interrupt::watch(stop)?;
    let open = match arguments.dry_run {
        true => backend.open_to_try,
        false => backend.open_existing,
    };
    let mut conn = open(&common.database_url)?;
    let begun = Instant::now();
    let choices = SeedChoices {
        on_conflict,
        replace: arguments.replace,
        dry_run: arguments.dry_run,
        show_progress: !common.output.quiet && !common.output.json,
    };
    let summary = conn.seed(tables, choices)?;
    let time = begun.elapsed();

    let mut text = String::new();
    for file in &left_out {
        text.push_str(&format!("{} is not read\n", Name(file)));
    }
    let would = if arguments.dry_run { "would be " } else { "" };
    for table in &summary.tables {
        let number = |number: usize| HumanCount(count(number));
        let mut counts = match on_conflict {
            OnConflict::Skip => format!("{} skipped", number(table.skipped)),
            OnConflict::Update => format!(
                "{} updated, {} unchanged",
                number(table.updated),
                number(table.unchanged)
            ),
            // A trigger or a rule may leave rows out.
            OnConflict::Fail if table.skipped > 0 => format!("{} skipped", number(table.skipped)),
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
            "{}: {}, {would}{} inserted{between}{counts}\n",
            table.table,
            rows_of(count(table.attempted)),
            number(table.inserted),
        ));
    }
    let rows = count(summary.attempted());
    text.push_str(&format!(
        "{} in {:.2} s, {} rows/s\n",
        rows_of(rows),
        time.as_secs_f64(),
        speed(rows, time)
    ));
    if arguments.dry_run {
        text.push_str("nothing was kept\n");
    }
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
            "command": if arguments.dry_run { "seed --dry-run" } else { "seed" },
            "ok": true,
            "tables": of_tables,
            "left_out": left_out,
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
fn ask(names: &str) -> Result<(), Failure> {
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
