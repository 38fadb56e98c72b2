use chrono::{DateTime, SecondsFormat, Utc};
use diesel::row::Row;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::decode::StoredValue;
use super::error::ChangeError;
use crate::backend::sql::{SqlValues, integer, text, with_text};

/// The kind of a [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Operation {
    /// A row is there that was not there before. On SQLite, `REPLACE` inserts a row in the place of
    /// another one without a word about that one.
    Insert,
    /// A row has other values. Its key is the same: a change of the key is a [`Delete`](Self::Delete)
    /// followed by an [`Insert`](Self::Insert).
    Update,
    /// A row is gone.
    Delete,
    /// Any rows of the table may have changed, and are to be read again: it was truncated, or its
    /// triggers had to be repaired.
    All,
}

impl Operation {
    fn of(name: &str) -> Self {
        match name {
            "insert" => Self::Insert,
            "update" => Self::Update,
            "delete" => Self::Delete,
            _ => Self::All,
        }
    }
}

/// A committed change of one row, or of a whole table.
///
/// It serializes as an object with these fields, the operation in lower case and the time as in
/// RFC 3339.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The number of the change in the log. Changes are delivered in the order of their numbers,
    /// which has gaps.
    pub number: i64,
    /// The name of the table, as in its `table!`.
    pub table: String,
    /// What happened.
    pub operation: Operation,
    /// The columns of the primary key with their values, such as `{"id": 1}`; null for
    /// [`Operation::All`].
    pub key: Value,
    /// The row before the change, with [`Capture::Rows`](super::Capture::Rows).
    pub old: Option<Value>,
    /// The row after the change, with [`Capture::Rows`](super::Capture::Rows).
    pub new: Option<Value>,
    /// The time at which the statement ran, by the clock of the database's machine, in milliseconds.
    #[serde(serialize_with = "rfc3339")]
    pub at: DateTime<Utc>,
    /// Who made the change, if it was made in [`ChangeLog::as_actor`](super::ChangeLog::as_actor).
    pub actor: Option<String>,
}

impl Change {
    /// Decodes the row after the change, for a Diesel model that derives `serde::Deserialize` with
    /// the columns' names.
    ///
    /// Whatever the engine, `Vec<u8>` reads a blob, `bool` a boolean, `chrono`'s types a date or
    /// time, and a decimal type that reads text, as `BigDecimal` does, a PostgreSQL `NUMERIC`.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Row`] if there is no such row or it does not fit the type.
    pub fn new_as<T: DeserializeOwned>(&self) -> Result<T, ChangeError> {
        self.decode(self.new.as_ref())
    }

    /// Decodes the row before the change as [`new_as`](Self::new_as) does the one after it.
    ///
    /// # Errors
    ///
    /// Those of [`new_as`](Self::new_as).
    pub fn old_as<T: DeserializeOwned>(&self) -> Result<T, ChangeError> {
        self.decode(self.old.as_ref())
    }

    /// Decodes the columns of the key as [`new_as`](Self::new_as) does a row.
    ///
    /// # Errors
    ///
    /// Those of [`new_as`](Self::new_as).
    pub fn key_as<T: DeserializeOwned>(&self) -> Result<T, ChangeError> {
        self.decode(Some(&self.key))
    }

    fn decode<T: DeserializeOwned>(&self, row: Option<&Value>) -> Result<T, ChangeError> {
        T::deserialize(StoredValue(row.unwrap_or(&Value::Null))).map_err(|source| {
            ChangeError::Row {
                table: self.table.clone(),
                number: self.number,
                source,
            }
        })
    }

    /// Reads a change from columns that begin at number `first`, unless there is none.
    pub(super) fn read<'r, DB: SqlValues>(row: &impl Row<'r, DB>, first: usize) -> Option<Self> {
        let number = integer(row, first)?;
        let json = |column| with_text(row, column, parse);
        Some(Self {
            number,
            table: text(row, first + 1).unwrap_or_default(),
            operation: with_text(row, first + 2, Operation::of).unwrap_or(Operation::All),
            key: json(first + 3).unwrap_or_default(),
            old: json(first + 4),
            new: json(first + 5),
            at: integer(row, first + 6)
                .and_then(DateTime::from_timestamp_millis)
                .unwrap_or_default(),
            actor: text(row, first + 7),
        })
    }
}

fn rfc3339<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Reads JSON. What serde cannot read, such as a number beyond the range of `f64` in a column of
/// JSON, stays text, so that it does not keep a feed from going on.
fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
}
