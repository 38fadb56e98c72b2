//! Statements that are written once for both engines and cached by their type.

use std::borrow::Cow;
use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_source::{Column, Table};
use diesel::row::{Field, Row};
use diesel::sql_types::Untyped;

use super::error::AuthError;
use crate::backend::connection::DatabaseConnection;
use crate::backend::engine::Engine;
use crate::backend::table::Columns;
use crate::backend::values::{Hidden, JsonText, Values};

// Both engines name the columns alike.
#[cfg(not(feature = "sqlite"))]
pub(super) use crate::schema::postgres::{auth_accounts, auth_api_keys, auth_sessions};
#[cfg(feature = "sqlite")]
pub(super) use crate::schema::sqlite::{auth_accounts, auth_api_keys, auth_sessions};

/// The SQL of a statement.
///
/// A type of its own, so that a connection finds the prepared statement without building or
/// comparing any SQL.
pub(super) trait Statement<DB: Engine>: 'static {
    /// Between two of these stands a bind; the pieces of one are one text.
    const SQL: &'static [&'static [&'static dyn Piece<DB>]];
}

/// A piece of a statement's text.
pub(super) trait Piece<DB: Engine> {
    fn push(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>;
}

impl<DB: Engine> Piece<DB> for &'static str {
    fn push(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_sql(self);
        Ok(())
    }
}

/// The columns of a table, in the order of its `table!`: that in which an insert binds values.
pub(super) struct All<T>(pub(super) T);

impl<DB: Engine, T: Table<AllColumns: Columns>> Piece<DB> for All<T> {
    fn push(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        for (place, name) in <T::AllColumns as Columns>::NAMES.iter().enumerate() {
            out.push_sql(if place == 0 { "" } else { ", " });
            out.push_identifier(name)?;
        }
        Ok(())
    }
}

/// Defines statements. `[…] […]` are texts with a bind between; `DB` is the engine.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $([$($piece:expr),+ $(,)?])+;)+) => {
        $(
            $(#[$doc])*
            pub(super) struct $name;

            impl<DB: $crate::backend::engine::Engine> $crate::auth::statement::Statement<DB> for $name {
                const SQL: &'static [&'static [&'static dyn $crate::auth::statement::Piece<DB>]] =
                    &[$(&[$(&$piece),+]),+];
            }
        )+
    };
}
pub(super) use statements;

/// A value that goes into a statement. Texts are shown to no observer of the connection.
pub(super) enum Bind<'a, DB: Values> {
    Text(Option<Hidden<&'a str>>),
    /// A text to look for; see [`Bind::key`].
    Key(Option<Hidden<&'a str>>),
    Time(Option<DB::Time>),
    Json(Option<Hidden<JsonText<&'a str>>>),
    Number(i64),
}

impl<'a, DB: Values> From<&'a str> for Bind<'a, DB> {
    fn from(text: &'a str) -> Self {
        Self::text(Some(text))
    }
}

impl<'a, DB: Values> Bind<'a, DB> {
    pub(super) fn text(text: Option<&'a str>) -> Self {
        Self::Text(text.map(Hidden))
    }

    pub(super) fn json(json: Option<&'a str>) -> Self {
        Self::Json(json.map(|json| Hidden(JsonText(json))))
    }

    /// A text to look for. If the database cannot hold it, there is no such row.
    pub(super) fn key(text: &'a str) -> Self {
        Self::Key(Some(Hidden(text)))
    }

    fn matches_nothing(&self) -> bool {
        matches!(self, Self::Key(Some(Hidden(text))) if !DB::holds(text))
    }

    pub(super) fn time(time: DB::Time) -> Self {
        Self::Time(Some(time))
    }
}

impl<'a, DB: Values> From<&'a String> for Bind<'a, DB> {
    fn from(text: &'a String) -> Self {
        Self::text(Some(text))
    }
}

/// A statement with its values.
pub(super) struct Bound<'a, DB: Values, S, const N: usize> {
    values: [Bind<'a, DB>; N],
    statement: PhantomData<S>,
}

impl<'a, DB: Values, S, const N: usize> Bound<'a, DB, S, N> {
    pub(super) fn new(_: S, values: [Bind<'a, DB>; N]) -> Self {
        Self {
            values,
            statement: PhantomData,
        }
    }
}

impl<DB: Values, S: 'static, const N: usize> QueryId for Bound<'_, DB, S, N> {
    type QueryId = S;
}

impl<DB: Engine, S, const N: usize> Query for Bound<'_, DB, S, N> {
    type SqlType = Untyped;
}

impl<DB: Engine, S: Statement<DB>, const N: usize> QueryFragment<DB> for Bound<'_, DB, S, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        const { assert!(S::SQL.len() == N + 1, "a bind between every two texts") };
        let mut values = self.values.iter();
        for text in S::SQL {
            for piece in *text {
                piece.push(&mut out)?;
            }
            match values.next() {
                Some(Bind::Text(text) | Bind::Key(text)) => DB::push_text(&mut out, text)?,
                Some(Bind::Time(time)) => DB::push_time(&mut out, time)?,
                Some(Bind::Json(json)) => DB::push_json(&mut out, json)?,
                Some(Bind::Number(number)) => DB::push_number(&mut out, number)?,
                None => {}
            }
        }
        Ok(())
    }
}

/// Decodes a row.
pub(super) trait Reader<DB: Engine, T> {
    fn read<'r>(&self, row: &impl Row<'r, DB>) -> T;
}

/// Runs a statement and returns how many rows it wrote.
pub(super) fn execute<C, S, const N: usize>(
    conn: &mut C,
    statement: S,
    values: [Bind<'_, C::Backend>; N],
) -> QueryResult<usize>
where
    C: DatabaseConnection,
    S: Statement<C::Backend>,
{
    if values.iter().any(Bind::matches_nothing) {
        return Ok(0);
    }
    conn.execute_returning_count(&Bound::new(statement, values))
}

/// The same for a write that may as well not happen: it hardly waits for others, and leaves
/// the caller's transaction usable when it fails. Only after a read in the same transaction.
pub(super) fn execute_briefly<C, S, const N: usize>(
    conn: &mut C,
    statement: S,
    values: [Bind<'_, C::Backend>; N],
) -> QueryResult<usize>
where
    C: DatabaseConnection,
    S: Statement<C::Backend>,
{
    if values.iter().any(Bind::matches_nothing) {
        return Ok(0);
    }
    conn.execute_briefly(&Bound::new(statement, values))
}

/// Runs a query of one row at most. Not for a statement that writes: SQLite would end it
/// before it is through.
pub(super) fn first<C, S, T, const N: usize>(
    conn: &mut C,
    statement: S,
    values: [Bind<'_, C::Backend>; N],
    reader: impl Reader<C::Backend, T>,
) -> QueryResult<Option<T>>
where
    C: DatabaseConnection,
    S: Statement<C::Backend>,
{
    if values.iter().any(Bind::matches_nothing) {
        return Ok(None);
    }
    let mut rows = conn.load(Bound::new(statement, values))?;
    rows.next().map(|row| Ok(reader.read(&row?))).transpose()
}

/// Runs a statement to its end and returns its rows.
pub(super) fn all<C, S, T, const N: usize>(
    conn: &mut C,
    statement: S,
    values: [Bind<'_, C::Backend>; N],
    reader: impl Reader<C::Backend, T>,
) -> QueryResult<Vec<T>>
where
    C: DatabaseConnection,
    S: Statement<C::Backend>,
{
    if values.iter().any(Bind::matches_nothing) {
        return Ok(Vec::new());
    }
    conn.load(Bound::new(statement, values))?
        .map(|row| Ok(reader.read(&row?)))
        .collect()
}

/// What is wrong with a row.
pub(super) type Fault = Cow<'static, str>;

/// A column of a table of which statements read [`All`].
pub(super) trait StoreColumn: Column<Table: Table<AllColumns: Columns>> {}

impl<C: Column<Table: Table<AllColumns: Columns>>> StoreColumn for C {}

/// Reads a column. If `read` makes nothing of its value, the column is `wrong`.
fn column<'r, DB: Engine, C: StoreColumn, T>(
    row: &impl Row<'r, DB>,
    _: C,
    wrong: &str,
    read: impl FnOnce(Option<DB::RawValue<'_>>) -> Option<T>,
) -> Result<T, Fault> {
    let mut names = <<C::Table as Table>::AllColumns as Columns>::NAMES.iter();
    let place = names.position(|name| *name == C::NAME);
    let field = place.and_then(|place| row.get(place));
    let value = field.and_then(|field| read(field.value()));
    value.ok_or_else(|| format!("{} {wrong}", C::NAME).into())
}

/// Reads a value, or NULL as `None`.
fn nullable<V, T>(value: Option<V>, read: impl FnOnce(V) -> Option<T>) -> Option<Option<T>> {
    value.map_or(Some(None), |value| read(value).map(Some))
}

const NOT_TEXT: &str = "is not text";
const NO_TIME: &str = "is no time in range";

pub(super) fn nullable_text<'r, DB: Engine, T>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
    read: impl FnOnce(&str) -> T,
) -> Result<Option<T>, Fault> {
    column(row, of, NOT_TEXT, |value| {
        nullable(value, |value| DB::read_text(value, read))
    })
}

pub(super) fn text<'r, DB: Engine, T>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
    read: impl FnOnce(&str) -> T,
) -> Result<T, Fault> {
    column(row, of, NOT_TEXT, |value| DB::read_text(value?, read))
}

pub(super) fn nullable_time<'r, DB: Engine>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
) -> Result<Option<DateTime<Utc>>, Fault> {
    column(row, of, NO_TIME, |value| nullable(value, DB::read_time))
}

pub(super) fn time<'r, DB: Engine>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
) -> Result<DateTime<Utc>, Fault> {
    column(row, of, NO_TIME, |value| DB::read_time(value?))
}

/// Reads a column that is JSONB on PostgreSQL. JSON's `null` is `None`, too.
pub(super) fn strings<'r, DB: Engine>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
) -> Result<Option<Vec<String>>, Fault> {
    let read = |json: &str| serde_json::from_str::<Option<_>>(json).ok();
    let strings = column(row, of, "is not a JSON array of strings", |value| {
        nullable(value, |value| DB::read_json(value, read).flatten())
    });
    Ok(strings?.flatten())
}

/// A time for the database, and as it will be read back.
pub(super) fn stored<DB: Engine>(
    time: DateTime<Utc>,
    what: &'static str,
) -> Result<(DB::Time, DateTime<Utc>), AuthError> {
    DB::time(time)
        .and_then(|held| Some((held, DB::utc(held)?)))
        .ok_or(AuthError::TimeOutOfRange { what })
}

/// A time to compare with those in the database.
///
/// One earlier than any the database holds is as good as the earliest.
pub(super) fn moment<DB: Engine>(time: DateTime<Utc>) -> Bind<'static, DB> {
    Bind::Time(Some(DB::time(time).unwrap_or(DB::EARLIEST)))
}

/// Refuses texts that the database cannot store.
pub(super) fn storable<DB: Engine>(texts: &[(&str, &'static str)]) -> Result<(), AuthError> {
    match texts.iter().find(|(text, _)| !DB::holds(text)) {
        Some(&(_, what)) => Err(AuthError::Nul { what }),
        None => Ok(()),
    }
}
