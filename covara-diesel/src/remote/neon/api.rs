//! The messages of Neon's SQL over HTTP.
//!
//! <https://github.com/neondatabase/neon/blob/main/proxy/src/serverless/sql_over_http.rs>

use std::borrow::Cow;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error, QueryResult};
use serde_json::value::RawValue;

use crate::remote::error::{lost, malformed, not_of_protocol, not_sent};
use crate::remote::http::Http;

/// A statement in the form that the server receives.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Statement {
    pub(super) query: String,
    /// Values as texts.
    pub(super) params: Vec<Option<String>>,
}

impl Statement {
    /// Returns the approximate size of the statement as JSON.
    pub(super) fn bytes(&self) -> usize {
        let params = self.params.iter().flatten().map(|text| text.len() + 4);
        self.query.len() + 24 + params.sum::<usize>()
    }
}

#[derive(serde::Serialize)]
#[serde(untagged)]
pub(super) enum Request<'a> {
    One(&'a Statement),
    Batch { queries: &'a [Cow<'a, Statement>] },
}

#[derive(serde::Deserialize)]
pub(super) struct BatchReply<'a> {
    #[serde(borrow)]
    pub(super) results: Vec<StatementResult<'a>>,
}

#[derive(serde::Deserialize)]
pub(super) struct StatementResult<'a> {
    pub(super) fields: Vec<Field>,
    #[serde(borrow)]
    pub(super) rows: &'a RawValue,
    #[serde(rename = "rowCount", default)]
    pub(super) row_count: Option<usize>,
}

impl<'a> StatementResult<'a> {
    /// Reads a reply: of a statement, or of the last one of a batch.
    pub(super) fn of(body: &'a str, in_batch: bool) -> QueryResult<Self> {
        if !in_batch {
            return serde_json::from_str(body).map_err(|error| not_of_protocol(&error));
        }
        let mut reply = BatchReply::of(body)?;
        let last = reply.results.pop();
        last.ok_or_else(|| malformed("no result for the statement"))
    }
}

impl<'a> BatchReply<'a> {
    pub(super) fn of(body: &'a str) -> QueryResult<Self> {
        serde_json::from_str(body).map_err(|error| not_of_protocol(&error))
    }
}

/// A column.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Field {
    pub(super) name: String,
    #[serde(rename = "dataTypeID")]
    pub(super) oid: u32,
}

/// An error of the server's.
#[derive(Debug, serde::Deserialize)]
pub(super) struct ServerError {
    message: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    hint: Option<String>,
    #[serde(default)]
    position: Option<String>,
    #[serde(default)]
    table: Option<String>,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    constraint: Option<String>,
}

impl ServerError {
    /// Returns Diesel's error, as on a `PgConnection` where the database rejected a statement.
    pub(super) fn into_error(mut self, status: u16, http: &Http) -> Error {
        self.message = http.without_token(&self.message);
        let code = self
            .code
            .as_deref()
            .filter(|_| status == 400)
            .unwrap_or_default();
        let kind = match code {
            // As where the connection between Neon and its database ends without an error of the
            // database's own, perhaps after a commit.
            "" if status == 400 => return uncertain(&self.message),
            "" => return http.refusal(status, Some(&self.message)),
            "23001" => DatabaseErrorKind::RestrictViolation,
            "23502" => DatabaseErrorKind::NotNullViolation,
            "23503" => DatabaseErrorKind::ForeignKeyViolation,
            "23505" => DatabaseErrorKind::UniqueViolation,
            "23514" => DatabaseErrorKind::CheckViolation,
            "23P01" => DatabaseErrorKind::ExclusionViolation,
            "25006" => DatabaseErrorKind::ReadOnlyTransaction,
            "40001" => DatabaseErrorKind::SerializationFailure,
            // The login failed, or there is no such database.
            _ if code.starts_with("28") || code == "3D000" => return not_sent(self.message),
            // The connection between Neon and its database ended, perhaps at a time-out.
            _ if code.starts_with("08") || code.starts_with("57P") => {
                return uncertain(&self.message);
            }
            _ => DatabaseErrorKind::Unknown,
        };
        Error::DatabaseError(kind, Box::new(self))
    }
}

/// Returns the error of a request that may have been carried out.
fn uncertain(message: &str) -> Error {
    lost(format!(
        "{message}; what was asked for may or may not have been done"
    ))
}

impl DatabaseErrorInformation for ServerError {
    fn message(&self) -> &str {
        &self.message
    }

    fn details(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    fn table_name(&self) -> Option<&str> {
        self.table.as_deref()
    }

    fn column_name(&self) -> Option<&str> {
        self.column.as_deref()
    }

    fn constraint_name(&self) -> Option<&str> {
        self.constraint.as_deref()
    }

    fn statement_position(&self) -> Option<i32> {
        self.position.as_deref()?.parse().ok()
    }
}
