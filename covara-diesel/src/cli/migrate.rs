//! The command `covara migrate`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::arguments;
use super::database::{BackendFunctions, Opened};
use super::interrupt::{self, WhenStopped};
use super::outcome::{Failure, Outcome};
use crate::backend::stranger::what;
use crate::doctor::findings::with_causes;
use crate::migrate::{MigrationState, MigrationStatus, TableFit};

pub(super) fn run(
    backend: &BackendFunctions,
    arguments: &arguments::Migrate,
) -> Result<Outcome, Failure> {
    let url = &arguments.common.database_url;
    interrupt::watch(WhenStopped::new(backend, &arguments.common))?;
    if arguments.status || arguments.dry_run {
        let Opened {
            mut conn,
            missing_file,
        } = (backend.open_to_read)(url)?;
        let status = conn.status()?;
        if arguments.status {
            return Ok(show(&status, missing_file));
        }
        let reasons = if status.would_fail() {
            reasons(&status)
        } else {
            let is_pending = status.pending().next().is_some();
            let tried = (backend.rehearse)(url, conn, is_pending);
            tried
                .err()
                .map(|error| with_causes(&*error))
                .into_iter()
                .collect()
        };
        return Ok(foresee(&status, missing_file, &reasons));
    }
    let mut conn = (backend.open)(url)?;
    let summary = conn.migrate()?;
    let status = conn.status()?;
    let applied: Vec<&MigrationState> = status
        .migrations
        .iter()
        .filter(|state| summary.applied.contains(&state.version))
        .collect();
    let text = if applied.is_empty() {
        format!("{}: nothing to do, the tables fit\n", summary.dialect)
    } else {
        format!(
            "{}: {} run, the tables fit\n{}",
            summary.dialect,
            migrations(applied.len()),
            list(&applied)
        )
    };
    Ok(Outcome {
        text,
        json: json!({
            "command": "migrate",
            "ok": true,
            "dialect": summary.dialect.to_string(),
            "applied": applied.iter().map(|state| of_migration(state)).collect::<Vec<_>>(),
            "tables": tables(&status),
        }),
        complaint: None,
    })
}

/// Shows the current state, for `--status`.
fn show(status: &MigrationStatus, missing_file: Option<PathBuf>) -> Outcome {
    let mut text = String::new();
    if let Some(path) = &missing_file {
        text.push_str(&format!("{} does not exist yet\n", path.display()));
    }
    for state in &status.migrations {
        let word = if state.applied { "applied" } else { "pending" };
        text.push_str(&format!("{word}  {}\n", line(state)));
    }
    for version in &status.unknown {
        text.push_str(&format!(
            "unknown  {version}  of a newer version of this command\n"
        ));
    }
    for table in &status.tables {
        text.push_str(&format!("table {}: {}\n", table.name, table.fit));
    }
    let obstacles = status.obstacles.iter().map(ToString::to_string);
    let mut complaints: Vec<String> = obstacles.collect();
    complaints.extend(strangers(&status.strangers));
    let complaint = (!complaints.is_empty()).then(|| complaints.join("; "));
    let json = json!({
        "command": "migrate --status",
        "ok": complaint.is_none(),
    });
    Outcome {
        text,
        json: with_status(json, status, missing_file),
        complaint,
    }
}

/// Shows what a migration would do, for `--dry-run`.
fn foresee(status: &MigrationStatus, missing_file: Option<PathBuf>, reasons: &[String]) -> Outcome {
    let pending: Vec<_> = status.pending().collect();
    let mut text = String::new();
    if let Some(path) = &missing_file {
        text.push_str(&format!(
            "{} does not exist and would be made\n",
            path.display()
        ));
    }
    if pending.is_empty() {
        text.push_str(&format!("{}: nothing to do\n", status.dialect));
    } else {
        text.push_str(&format!(
            "{}: {} would run\n{}",
            status.dialect,
            migrations(pending.len()),
            list(&pending)
        ));
    }
    // These do not make the migration fail.
    if reasons.is_empty() {
        for obstacle in &status.obstacles {
            text.push_str(&format!("note: {obstacle}\n"));
        }
        if let Some(strangers) = strangers(&status.strangers) {
            text.push_str(&format!("note: {strangers}\n"));
        }
    }
    text.push_str("nothing was changed\n");
    let complaint = (!reasons.is_empty()).then(|| {
        format!(
            "the migration would fail and change nothing: {}",
            reasons.join("; ")
        )
    });
    let json = json!({
        "command": "migrate --dry-run",
        "ok": complaint.is_none(),
        "would_apply": pending.iter().map(|state| of_migration(state)).collect::<Vec<_>>(),
    });
    Outcome {
        text,
        json: with_status(json, status, missing_file),
        complaint,
    }
}

/// Returns why the migration would fail.
fn reasons(status: &MigrationStatus) -> Vec<String> {
    let mut reasons: Vec<_> = status
        .misfits()
        .map(|table| format!("table {}: {}", table.name, table.fit))
        .collect();
    if !reasons.is_empty() {
        reasons.push("rename, alter or restore the tables that do not fit".to_owned());
    }
    let obstacles: Vec<_> = status.blocking().map(ToString::to_string).collect();
    if !obstacles.is_empty() {
        reasons.extend(obstacles);
        reasons.push("drop or rename what has the names of internal tables and indexes".to_owned());
    }
    reasons.extend(strangers(status.blocking_strangers()));
    reasons
}

/// Says which objects belong to roles that are not trusted, if there are any.
fn strangers<'s>(found: impl IntoIterator<Item = &'s (String, String)>) -> Option<String> {
    let strangers: Vec<_> = found
        .into_iter()
        .map(|(table, owner)| format!("{} (role {owner})", what(table)))
        .collect();
    if strangers.is_empty() {
        return None;
    }
    Some(format!(
        "any role may create objects in this schema, and these belong to roles that are not \
         trusted: {}; drop them or change their owner, and REVOKE CREATE ON SCHEMA … FROM PUBLIC \
         (until then the history may not be read, and all migrations are shown as pending)",
        strangers.join(", ")
    ))
}

fn with_status(mut json: Value, status: &MigrationStatus, missing_file: Option<PathBuf>) -> Value {
    if let Value::Object(fields) = &mut json {
        fields.insert("dialect".to_owned(), json!(status.dialect.to_string()));
        fields.insert(
            "missing_file".to_owned(),
            json!(missing_file.map(|path| path.display().to_string())),
        );
        fields.extend(status_fields(status));
    }
    json
}

/// Returns migrations, unknown versions, tables, strangers and obstacles as fields of a JSON object.
pub(super) fn status_fields(status: &MigrationStatus) -> serde_json::Map<String, Value> {
    let mut fields = serde_json::Map::new();
    let states = status.migrations.iter().map(|state| {
        let mut json = of_migration(state);
        json["applied"] = json!(state.applied);
        json
    });
    fields.insert("migrations".to_owned(), states.collect());
    fields.insert("unknown_versions".to_owned(), json!(status.unknown));
    fields.insert("tables".to_owned(), tables(status));
    let strangers = status.strangers.iter();
    let strangers = strangers.map(|(table, owner)| json!({ "table": table, "owner": owner }));
    fields.insert("strangers".to_owned(), strangers.collect());
    let obstacles = status.obstacles.iter();
    let obstacles = obstacles.map(|one| json!({ "name": one.name, "kind": one.kind }));
    fields.insert("obstacles".to_owned(), obstacles.collect());
    fields
}

fn tables(status: &MigrationStatus) -> Value {
    let tables = status.tables.iter().map(|table| {
        let state = match table.fit {
            TableFit::Fits => "fits",
            TableFit::Missing => "missing",
            TableFit::Mismatch { .. } => "mismatch",
        };
        let columns: Vec<Value> = match &table.fit {
            TableFit::Mismatch { columns } => columns
                .iter()
                .map(|c| json!({ "column": c.column, "expected": c.expected, "found": c.found }))
                .collect(),
            _ => Vec::new(),
        };
        json!({ "table": table.name, "state": state, "mismatches": columns })
    });
    tables.collect()
}

fn of_migration(state: &MigrationState) -> Value {
    json!({ "version": state.version, "name": state.name })
}

fn list(states: &[&MigrationState]) -> String {
    states
        .iter()
        .map(|state| format!("  {}\n", line(state)))
        .collect()
}

/// Returns version and name, without the version with which the name begins.
fn line(state: &MigrationState) -> String {
    let name = state
        .name
        .split_once('_')
        .map_or(&*state.name, |(_, name)| name);
    format!("{}  {name}", state.version)
}

fn migrations(count: usize) -> String {
    match count {
        1 => "1 migration".to_owned(),
        count => format!("{count} migrations"),
    }
}
