//! Statements that are written once for both engines and cached by their type.

use std::borrow::Cow;
use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_source::{Column, Table};
use diesel::row::{Field, Row};
use diesel::sql_types::Untyped;

use super::engine::AuthEngine;
use super::error::AuthError;
use super::hidden::Hidden;
use crate::backend::column::JsonText;
use crate::backend::connection::BackendConnection;
use crate::backend::table::Columns;

// Both engines name the columns alike.
#[cfg(not(feature = "sqlite"))]
pub(super) use crate::schema::postgres::{auth_accounts, auth_api_keys, auth_sessions};
#[cfg(feature = "sqlite")]
pub(super) use crate::schema::sqlite::{auth_accounts, auth_api_keys, auth_sessions};

/// The SQL of a statement.
///
/// Each statement has its own type, so that a connection finds the prepared statement without
/// building or comparing SQL.
pub(super) trait StatementSql<DB: AuthEngine>: 'static {
    /// The texts between which the binds go. Each text is the concatenation of its pieces.
    const SQL: &'static [&'static [&'static dyn Piece<DB>]];
}

/// A piece of a statement's text.
pub(super) trait Piece<DB: AuthEngine> {
    fn push(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>;
}

impl<DB: AuthEngine> Piece<DB> for &'static str {
    fn push(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_sql(self);
        Ok(())
    }
}

/// The columns of a table, in the order of its `table!`: that in which an insert binds values.
pub(super) struct All<T>(pub(super) T);

impl<DB: AuthEngine, T: Table<AllColumns: Columns>> Piece<DB> for All<T> {
    fn push(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        // Names of ours, without quotes in them. Both engines take these quotes.
        for (place, name) in <T::AllColumns as Columns>::NAMES.iter().enumerate() {
            out.push_sql(if place == 0 { "\"" } else { "\", \"" });
            out.push_sql(name);
        }
        out.push_sql("\"");
        Ok(())
    }
}

/// Defines statements: `[…] […]` are texts with a bind in between, and `DB` is the engine.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $([$($piece:expr),+ $(,)?])+;)+) => {
        $(
            $(#[$doc])*
            pub(super) struct $name;

            impl<DB: $crate::auth::engine::AuthEngine> $crate::auth::statement::StatementSql<DB> for $name {
                const SQL: &'static [&'static [&'static dyn $crate::auth::statement::Piece<DB>]] =
                    &[$(&[$(&$piece),+]),+];
            }
        )+
    };
}
pub(super) use statements;

/// A value bound to a statement. Texts are hidden from the connection's instrumentation.
pub(super) enum Bind<'a, DB: AuthEngine> {
    Text(Option<Hidden<&'a str>>),
    /// A text to search for; see [`Bind::key`].
    Key(Option<Hidden<&'a str>>),
    Time(Option<DB::Time>),
    Json(Option<Hidden<JsonText<&'a str>>>),
    Number(i64),
}

impl<'a, DB: AuthEngine> From<&'a str> for Bind<'a, DB> {
    fn from(text: &'a str) -> Self {
        Self::text(Some(text))
    }
}

impl<'a, DB: AuthEngine> Bind<'a, DB> {
    pub(super) fn text(text: Option<&'a str>) -> Self {
        Self::Text(text.map(Hidden))
    }

    pub(super) fn json(json: Option<&'a str>) -> Self {
        Self::Json(json.map(|json| Hidden(JsonText(json))))
    }

    /// Binds a text to search for. If the database cannot store it, no row matches.
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

impl<'a, DB: AuthEngine> From<&'a String> for Bind<'a, DB> {
    fn from(text: &'a String) -> Self {
        Self::text(Some(text))
    }
}

/// A statement with its bound values.
pub(super) struct Bound<'a, DB: AuthEngine, S, const N: usize> {
    values: [Bind<'a, DB>; N],
    statement: PhantomData<S>,
}

impl<'a, DB: AuthEngine, S, const N: usize> Bound<'a, DB, S, N> {
    pub(super) fn new(_: S, values: [Bind<'a, DB>; N]) -> Self {
        Self {
            values,
            statement: PhantomData,
        }
    }
}

impl<DB: AuthEngine, S: 'static, const N: usize> QueryId for Bound<'_, DB, S, N> {
    type QueryId = S;
}

impl<DB: AuthEngine, S, const N: usize> Query for Bound<'_, DB, S, N> {
    type SqlType = Untyped;
}

impl<DB: AuthEngine, S: StatementSql<DB>, const N: usize> QueryFragment<DB>
    for Bound<'_, DB, S, N>
{
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

/// A decoder of rows.
pub(super) trait Reader<DB: AuthEngine, T> {
    fn read<'r>(&self, row: &impl Row<'r, DB>) -> T;
}

/// Runs a statement and returns the number of rows it wrote.
pub(super) fn execute<C, S, const N: usize>(
    conn: &mut C,
    statement: S,
    values: [Bind<'_, C::Backend>; N],
) -> QueryResult<usize>
where
    C: BackendConnection<Backend: AuthEngine>,
    S: StatementSql<C::Backend>,
{
    if values.iter().any(Bind::matches_nothing) {
        return Ok(0);
    }
    conn.execute_returning_count(&Bound::new(statement, values))
}

/// Like [`execute`], for an optional write: it waits only briefly for locks, and if it fails, the
/// caller's transaction stays usable. In a transaction, call it only after a read.
pub(super) fn execute_briefly<C, S, const N: usize>(
    conn: &mut C,
    statement: S,
    values: [Bind<'_, C::Backend>; N],
) -> QueryResult<usize>
where
    C: BackendConnection<Backend: AuthEngine>,
    S: StatementSql<C::Backend>,
{
    if values.iter().any(Bind::matches_nothing) {
        return Ok(0);
    }
    conn.execute_briefly(&Bound::new(statement, values))
}

/// Runs a query that returns at most one row. Do not use it for a statement that writes: SQLite
/// would stop it before it completes.
pub(super) fn first<C, S, T, const N: usize>(
    conn: &mut C,
    statement: S,
    values: [Bind<'_, C::Backend>; N],
    reader: impl Reader<C::Backend, T>,
) -> QueryResult<Option<T>>
where
    C: BackendConnection<Backend: AuthEngine>,
    S: StatementSql<C::Backend>,
{
    if values.iter().any(Bind::matches_nothing) {
        return Ok(None);
    }
    let mut rows = conn.load(Bound::new(statement, values))?;
    rows.next().map(|row| Ok(reader.read(&row?))).transpose()
}

/// Runs a statement to completion and returns its rows.
pub(super) fn all<C, S, T, const N: usize>(
    conn: &mut C,
    statement: S,
    values: [Bind<'_, C::Backend>; N],
    reader: impl Reader<C::Backend, T>,
) -> QueryResult<Vec<T>>
where
    C: BackendConnection<Backend: AuthEngine>,
    S: StatementSql<C::Backend>,
{
    if values.iter().any(Bind::matches_nothing) {
        return Ok(Vec::new());
    }
    conn.load(Bound::new(statement, values))?
        .map(|row| Ok(reader.read(&row?)))
        .collect()
}

/// The reason why a row cannot be read.
pub(super) type RowFault = Cow<'static, str>;

/// A column of a table of which statements read [`All`].
pub(super) trait StoreColumn: Column<Table: Table<AllColumns: Columns>> {}

impl<C: Column<Table: Table<AllColumns: Columns>>> StoreColumn for C {}

/// Reads a column. If `read` makes nothing of its value, the column is `wrong`.
fn column<'r, DB: AuthEngine, C: StoreColumn, T>(
    row: &impl Row<'r, DB>,
    _: C,
    wrong: &str,
    read: impl FnOnce(Option<DB::RawValue<'_>>) -> Option<T>,
) -> Result<T, RowFault> {
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
const NO_TIME: &str = "is not a time in range";

pub(super) fn nullable_text<'r, DB: AuthEngine, T>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
    read: impl FnOnce(&str) -> T,
) -> Result<Option<T>, RowFault> {
    column(row, of, NOT_TEXT, |value| {
        nullable(value, |value| DB::read_text(value, read))
    })
}

pub(super) fn text<'r, DB: AuthEngine, T>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
    read: impl FnOnce(&str) -> T,
) -> Result<T, RowFault> {
    column(row, of, NOT_TEXT, |value| DB::read_text(value?, read))
}

pub(super) fn nullable_time<'r, DB: AuthEngine>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
) -> Result<Option<DateTime<Utc>>, RowFault> {
    column(row, of, NO_TIME, |value| nullable(value, DB::read_time))
}

pub(super) fn time<'r, DB: AuthEngine>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
) -> Result<DateTime<Utc>, RowFault> {
    column(row, of, NO_TIME, |value| DB::read_time(value?))
}

/// Reads a column that is JSONB on PostgreSQL. JSON's `null` is `None`, too.
pub(super) fn strings<'r, DB: AuthEngine>(
    row: &impl Row<'r, DB>,
    of: impl StoreColumn,
) -> Result<Option<Vec<String>>, RowFault> {
    let read = |json: &str| serde_json::from_str::<Option<_>>(json).ok();
    let strings = column(row, of, "is not a JSON array of strings", |value| {
        nullable(value, |value| DB::read_json(value, read).flatten())
    });
    Ok(strings?.flatten())
}

/// Converts a time for the database. Also returns the time as it will be read back.
pub(super) fn stored<DB: AuthEngine>(
    time: DateTime<Utc>,
    what: &'static str,
) -> Result<(DB::Time, DateTime<Utc>), AuthError> {
    DB::time(time)
        .and_then(|held| Some((held, DB::utc(held)?)))
        .ok_or(AuthError::TimeOutOfRange { what })
}

/// Binds a time that is compared with stored times.
///
/// A time before the database's earliest is replaced by that earliest time.
pub(super) fn moment<DB: AuthEngine>(time: DateTime<Utc>) -> Bind<'static, DB> {
    Bind::Time(Some(DB::time(time).unwrap_or(DB::EARLIEST)))
}

/// Returns an error if the database cannot store one of the texts.
pub(super) fn storable<DB: AuthEngine>(texts: &[(&str, &'static str)]) -> Result<(), AuthError> {
    match texts.iter().find(|(text, _)| !DB::holds(text)) {
        Some(&(_, what)) => Err(AuthError::Nul { what }),
        None => Ok(()),
    }
}
