//! The command `covara dump`.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Instant;

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use super::arguments;
use super::database::{BackendFunctions, Database, Opened};
use super::interrupt::{self, WhenStopped};
use super::outcome::{Failure, Outcome};
use crate::dump::{Dump, DumpError, DumpSummary};
use crate::pool::PoolError;
use crate::progress_bar::speed;
use crate::seed::Name;

/// In the place of a directory: standard output.
const STANDARD_OUTPUT: &str = "-";

pub(super) fn run(
    backend: &BackendFunctions,
    arguments: &arguments::Dump,
) -> Result<Outcome, Failure> {
    let mut dump = Dump::new().format(arguments.format).gzip(arguments.gzip);
    dump = dump.keep_if(interrupt::may_keep, interrupt::named);
    let is_printed = arguments.directory == Path::new(STANDARD_OUTPUT);
    interrupt::watch(WhenStopped {
        says: match is_printed {
            true => "the output is incomplete",
            false => "the dump is incomplete, and none of its files was kept",
        },
        directory: (!is_printed).then(|| arguments.directory.clone()),
        ..WhenStopped::new(backend, &arguments.common)
    })?;
    if is_printed {
        return to_standard_output(backend, arguments, &dump);
    }
    for table in &arguments.tables {
        dump = dump.table(table);
    }
    let mut conn = open(backend, arguments)?;
    let begun = Instant::now();
    let summary = conn.dump(&dump, &arguments.directory)?;
    let time = begun.elapsed();

    let mut text = String::new();
    for table in &summary.tables {
        let path = table.path.as_ref().map(|path| path.display().to_string());
        text.push_str(&format!(
            "{}: {} rows, {}, {}\n",
            table.table,
            HumanCount(table.rows),
            HumanBytes(table.bytes),
            path.unwrap_or_default(),
        ));
    }
    for table in &summary.left_out {
        text.push_str(&format!(
            "{} is left out; name it with --table\n",
            Name(table)
        ));
    }
    text.push_str(&format!(
        "{} rows in {:.2} s, {} rows/s\n",
        HumanCount(summary.rows()),
        time.as_secs_f64(),
        speed(summary.rows(), time)
    ));
    Ok(Outcome {
        text,
        json: json(&summary, time.as_secs_f64()),
        complaint: None,
    })
}

fn json(summary: &DumpSummary, seconds: f64) -> Value {
    let tables: Vec<Value> = summary
        .tables
        .iter()
        .map(|table| {
            json!({
                "table": table.table,
                "rows": table.rows,
                "bytes": table.bytes,
                "file": table.path.as_ref().map(|path| path.display().to_string()),
            })
        })
        .collect();
    json!({
        "command": "dump",
        "ok": true,
        "tables": tables,
        "left_out": summary.left_out,
        "rows": summary.rows(),
        "bytes": summary.bytes(),
        "seconds": seconds,
    })
}

/// Prints nothing but the rows.
fn to_standard_output(
    backend: &BackendFunctions,
    arguments: &arguments::Dump,
    dump: &Dump,
) -> Result<Outcome, Failure> {
    let [table] = arguments.tables.as_slice() else {
        return Err(Failure::usage(
            "standard output takes one table: name it with --table, or give a directory",
        ));
    };
    if arguments.common.output.json {
        return Err(Failure::usage(
            "--json prints its result to standard output, where the rows are going",
        ));
    }
    let mut conn = open(backend, arguments)?;
    match conn.dump_table(dump, table, &mut io::stdout().lock()) {
        // Whoever reads a copy must not take a part for all of it.
        Err(DumpError::Write { source, .. }) if source.kind() == ErrorKind::BrokenPipe => {
            return Err(Failure::failed(
                "the reader of standard output ended before it had all rows",
            ));
        }
        result => drop(result?),
    }
    Ok(Outcome {
        text: String::new(),
        json: Value::Null,
        complaint: None,
    })
}

fn open(
    backend: &BackendFunctions,
    arguments: &arguments::Dump,
) -> Result<Box<dyn Database>, Failure> {
    let Opened { conn, missing_file } = (backend.open_to_read)(&arguments.common.database_url)?;
    match missing_file {
        Some(path) => Err(PoolError::MissingFile { path }.into()),
        None => Ok(conn),
    }
}
