//! The command `covara doctor`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::arguments;
use super::database::BackendFunctions;
use super::migrate::status_fields;
use super::outcome::{Failure, Outcome};
use crate::backend::dialect::Dialect;
use crate::doctor::{Pooler, Report, Severity};
use crate::migrate::MigrationStatus;

pub(super) fn run(
    backend: &BackendFunctions,
    arguments: &arguments::Doctor,
) -> Result<Outcome, Failure> {
    let report = (backend.examine)(&arguments.common.database_url)?;
    let problems: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Problem)
        .map(|finding| finding.text.as_str())
        .collect();
    let complaint = match problems.len() {
        0 => None,
        // With --quiet nothing else is printed.
        _ if arguments.common.output.quiet => Some(problems.join("; ")),
        1 => Some("1 problem found".to_owned()),
        count => Some(format!("{count} problems found")),
    };
    Ok(Outcome {
        text: text(&report),
        json: json(&report),
        complaint,
    })
}

fn text(report: &Report) -> String {
    let pool = &report.pool;
    // PostgreSQL's version continues with how it was compiled.
    let engine = report.engine_version.split(" on ").next();
    let client = report.client_version.as_ref();
    let mut lines = vec![
        ("database", report.database.clone()),
        ("engine", engine.unwrap_or_default().to_owned()),
        (
            "library",
            format!("covara-diesel {}", report.library_version)
                + &client.map_or_else(String::new, |client| format!(", {client}")),
        ),
    ];
    if report.dialect == Dialect::Postgres {
        lines.push(("between", report.pooler.to_string()));
    }
    lines.extend([
        (
            "pool",
            format!(
                "PoolDriver::{:?}: at most {} connections, idle time-out {}, connection time-out \
                 {}, statement cache {}",
                report.driver,
                pool.max_size,
                time(pool.idle_timeout),
                time(pool.connection_timeout),
                if pool.statement_cache { "on" } else { "off" }
            ),
        ),
        ("", pool.notes.to_owned()),
    ]);
    if let Ok(status) = &report.migrations {
        lines.push(("migrations", migrations(status)));
    }
    let mut text: String = lines
        .iter()
        .map(|(name, value)| format!("{name:<11} {value}\n"))
        .collect();
    let mut name = "settings";
    for setting in &report.settings {
        text.push_str(&format!(
            "{name:<11} {} = {}\n",
            setting.name, setting.value
        ));
        name = "";
    }
    text.push('\n');
    for finding in &report.findings {
        text.push_str(&format!("{}: {}\n", finding.severity, finding.text));
    }
    if report.findings.is_empty() {
        text.push_str("nothing needs attention\n");
    }
    text
}

fn migrations(status: &MigrationStatus) -> String {
    let applied = status.migrations.iter().filter(|state| state.applied);
    format!("{} of {} applied", applied.count(), status.migrations.len())
}

fn time(time: Option<Duration>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| format!("{} s", time.as_secs()))
}

fn json(report: &Report) -> Value {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    let pool = &report.pool;
    let (pooler, evidence) = match &report.pooler {
        Pooler::NothingSeen => (None, None),
        Pooler::TransactionPooler { evidence } => (Some("transaction pooler"), Some(evidence)),
        Pooler::Proxy { evidence } => (Some("pooler or proxy"), Some(evidence)),
        Pooler::Pglite => (Some("PGlite"), None),
    };
    let settings: Map<String, Value> = report
        .settings
        .iter()
        .map(|setting| (setting.name.clone(), json!(setting.value)))
        .collect();
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| json!({ "severity": finding.severity.to_string(), "text": finding.text }))
        .collect();
    let mut json = json!({
        "command": "doctor",
        "ok": report.is_healthy(),
        "dialect": report.dialect.to_string(),
        "database": report.database,
        "engine_version": report.engine_version,
        "client_version": report.client_version,
        "library_version": report.library_version,
        "between": { "seen": pooler, "evidence": evidence },
        "pool": {
            "driver": report.driver.to_string(),
            "max_size": pool.max_size,
            "min_idle": pool.min_idle,
            "idle_timeout_seconds": seconds(pool.idle_timeout),
            "connection_timeout_seconds": seconds(pool.connection_timeout),
            "max_lifetime_seconds": seconds(pool.max_lifetime),
            "statement_cache": pool.statement_cache,
            "notes": pool.notes,
        },
        "settings": settings,
        "findings": findings,
    });
    if let (Ok(status), Value::Object(fields)) = (&report.migrations, &mut json) {
        fields.extend(status_fields(status));
    }
    json
}
