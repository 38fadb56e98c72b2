//! The findings that both engines have in common.

use std::error::Error;

use super::{Finding, Report, Severity};
use crate::backend::stranger::what;
use crate::migrate::{MigrationStatus, TableFit, TableState};

impl Finding {
    pub(crate) fn problem(text: impl Into<String>) -> Self {
        Self::new(Severity::Problem, text)
    }

    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, text)
    }

    pub(crate) fn hint(text: impl Into<String>) -> Self {
        Self::new(Severity::Hint, text)
    }

    fn new(severity: Severity, text: impl Into<String>) -> Self {
        Self {
            severity,
            text: text.into(),
        }
    }
}

impl Report {
    /// Adds the findings about migrations and tables, and sorts all findings by severity.
    pub(crate) fn conclude(mut self) -> Self {
        match &self.migrations {
            Ok(status) => self.findings.extend(of_migrations(status)),
            Err(error) => self.findings.push(Finding::problem(with_causes(error))),
        }
        self.findings.sort_by_key(|finding| finding.severity);
        self
    }
}

/// Joins an error and its causes in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(error.to_string().trim_end());
        cause = error.source();
    }
    text
}

fn of_migrations(status: &MigrationStatus) -> Vec<Finding> {
    let mut findings: Vec<Finding> = status.misfits().map(of_table).collect();
    findings.extend(status.obstacles.iter().map(|obstacle| {
        let text = format!("{obstacle}: drop or rename it");
        if status.blocking().any(|blocking| blocking == obstacle) {
            return Finding::problem(text);
        }
        Finding::warning(text)
    }));
    findings.extend(status.strangers.iter().map(|(table, owner)| {
        Finding::problem(format!(
            "{} belongs to the role {owner}, and any role may create objects in its schema, so \
             anybody may have created it: change its owner, or trust that role by \
             MigrateOptions::trust_owner; and REVOKE CREATE ON SCHEMA … FROM PUBLIC",
            what(table)
        ))
    }));
    let pending = status.pending().count();
    if pending > 0 {
        findings.push(Finding::hint(format!(
            "{pending} of {} migrations are pending; auto_migrate or `covara migrate` runs them",
            status.migrations.len()
        )));
    }
    if !status.unknown.is_empty() {
        findings.push(Finding::hint(format!(
            "the history has versions that covara-diesel {} does not know ({}): a newer one \
             has migrated this database",
            env!("CARGO_PKG_VERSION"),
            status.unknown.join(", ")
        )));
    }
    findings
}

fn of_table(TableState { name, fit, .. }: &TableState) -> Finding {
    Finding::problem(match fit {
        TableFit::Missing => format!(
            "table {name} is missing although its migration is recorded in \
             __covara_migrations: restore it, or delete that row to have it created again"
        ),
        _ => format!("table {name} {fit}; rename or alter the table"),
    })
}
