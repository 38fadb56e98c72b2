//! The command `covara seed`.

use std::time::Instant;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::arguments;
use super::database::BackendFunctions;
use super::outcome::{Failure, Outcome};
use super::seed_files::SeedFiles;
use crate::progress_bar::{count, rows_of, speed};

pub(super) fn run(
    backend: &BackendFunctions,
    arguments: &arguments::Seed,
) -> Result<Outcome, Failure> {
    let common = &arguments.common;
    let SeedFiles { tables, left_out } = SeedFiles::of(arguments)?;
    let mut conn = (backend.open_existing)(&common.database_url)?;
    let begun = Instant::now();
    let summary = conn.seed(tables, !common.output.quiet && !common.output.json)?;
    let time = begun.elapsed();

    let mut text = String::new();
    for file in &left_out {
        text.push_str(&format!("{file} is not read\n"));
    }
    for table in &summary.tables {
        text.push_str(&format!(
            "{}: {}, {} inserted, {} skipped\n",
            table.table,
            rows_of(count(table.attempted)),
            HumanCount(count(table.inserted)),
            HumanCount(count(table.skipped)),
        ));
    }
    let rows = count(summary.attempted());
    text.push_str(&format!(
        "{} in {:.2} s, {} rows/s\n",
        rows_of(rows),
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
                "skipped": table.skipped,
            })
        })
        .collect();
    Ok(Outcome {
        text,
        json: json!({
            "command": "seed",
            "ok": true,
            "tables": of_tables,
            "left_out": left_out,
            "attempted": summary.attempted(),
            "inserted": summary.inserted(),
            "skipped": summary.skipped(),
            "seconds": time.as_secs_f64(),
        }),
        complaint: None,
    })
}
