//! The messages of Neon's SQL over HTTP.
//!
//! <https://github.com/neondatabase/neon/blob/main/proxy/src/serverless/sql_over_http.rs>

use std::borrow::Cow;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error, QueryResult};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;

use super::sql::RowInsert;
use super::value::array_of;
use crate::remote::batch::SentStatement;
use crate::remote::error::{lost, malformed, not_of_protocol, not_sent};
use crate::remote::http::Http;

/// A statement in the form that the server receives.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) query: String,
    /// Values as texts. Those of rows are row by row.
    values: Vec<Option<String>>,
    form: Form,
}

/// How the values of a statement are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One by one.
    Single,
    /// As an array for each of so many columns.
    Arrays(usize),
    /// In the SQL.
    Literal,
}

impl Statement {
    pub(super) fn new(query: impl Into<String>, values: Vec<Option<String>>) -> Self {
        Self {
            query: query.into(),
            values,
            form: Form::Single,
        }
    }

    /// Creates a statement without values.
    pub(super) fn of_sql(query: impl Into<String>) -> Self {
        Self::new(query, Vec::new())
    }

    /// Creates a statement that takes an array for each of `columns` columns.
    pub(super) fn of_arrays(query: String, columns: usize, values: Vec<Option<String>>) -> Self {
        Self {
            form: Form::Arrays(columns),
            ..Self::new(query, values)
        }
    }

    /// Creates the same statement about other rows. `one` is the SQL for one row. `None` if that
    /// cannot be done.
    pub(super) fn about(&self, one: &str, values: Vec<Option<String>>) -> Option<Self> {
        let (query, form) = match self.form {
            Form::Arrays(_) => (self.query.clone(), self.form),
            Form::Single | Form::Literal => (RowInsert::of(one)?.all(&values)?, Form::Literal),
        };
        Some(Self {
            query,
            values,
            form,
        })
    }
}

impl SentStatement for Statement {
    type Value = Option<String>;

    fn with_values(sql: &str, values: &[Option<String>]) -> Self {
        Self::new(sql, values.to_vec())
    }

    fn sql(&self) -> &str {
        &self.query
    }

    fn values(&self) -> &[Option<String>] {
        &self.values
    }

    fn size(&self) -> usize {
        let values = self.values.iter().flatten().map(|text| text.len() + 4);
        let values = match self.form {
            Form::Literal => 0,
            Form::Single | Form::Arrays(_) => values.sum::<usize>(),
        };
        self.query.len() + 24 + values
    }

    fn is_literal(&self) -> bool {
        self.form == Form::Literal
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut statement = serializer.serialize_struct("Statement", 2)?;
        statement.serialize_field("query", &self.query)?;
        match self.form {
            Form::Single => statement.serialize_field("params", &self.values)?,
            Form::Arrays(columns) => {
                let arrays: Vec<String> = (0..columns)
                    .map(|column| array_of(self.values.iter().skip(column).step_by(columns)))
                    .collect();
                statement.serialize_field("params", &arrays)?;
            }
            Form::Literal => statement.serialize_field("params", &[(); 0])?,
        }
        statement.end()
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
    #[serde(alias = "msg")]
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
    /// Returns whether something that a statement names does not exist, such as a type.
    pub(super) fn is_of_a_name(&self) -> bool {
        self.code.as_deref() == Some("42704")
    }

    /// Returns Diesel's error, as on a `PgConnection` where the database rejected a statement.
    pub(super) fn into_error(mut self, status: u16, http: &Http) -> Error {
        // What the database says of a statement is told as it is: a password may be a word of it.
        if self.code.as_deref().unwrap_or_default().is_empty() {
            self.message = http.without_token(&self.message);
        }
        let code = self
            .code
            .as_deref()
            .filter(|_| status == 400)
            .unwrap_or_default();
        let kind = match code {
            "" if status == 400 && is_before_statements(&self.message) => {
                return not_sent(self.message);
            }
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

/// Returns whether Neon's proxy says this of a request before it runs any of its statements: of its
/// headers, its body and the login.
fn is_before_statements(message: &str) -> bool {
    const BEGINNINGS: [&str; 14] = [
        "invalid header",
        "invalid connection string",
        "incorrect scheme",
        "missing database name",
        "invalid database name",
        "missing username",
        "invalid username",
        "missing authentication credentials",
        "missing hostname",
        "invalid hostname",
        "could not parse the HTTP request body",
        "password authentication failed",
        "This IP address",
        "The requested endpoint could not be found",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| message.starts_with(beginning))
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
