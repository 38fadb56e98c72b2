//! The command `covara seed`.

use std::path::Path;
use std::time::Instant;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::arguments;
use super::database::BackendFunctions;
use super::outcome::{Failure, Outcome};
use crate::progress_bar::{count, speed};

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
    let mut conn = (backend.open_existing)(&common.database_url)?;
    let begun = Instant::now();
    let summary = conn.seed(&tables, !common.output.quiet && !common.output.json)?;
    let time = begun.elapsed();

    let mut text = String::new();
    for table in &summary.tables {
        text.push_str(&format!(
            "{}: {} rows, {} inserted, {} skipped\n",
            table.table,
            HumanCount(count(table.attempted)),
            HumanCount(count(table.inserted)),
            HumanCount(count(table.skipped)),
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
            "attempted": summary.attempted(),
            "inserted": summary.inserted(),
            "skipped": summary.skipped(),
            "seconds": time.as_secs_f64(),
        }),
        complaint: None,
    })
}
