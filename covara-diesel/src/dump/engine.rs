//! The questions that a dump asks of a backend.

use diesel::QueryResult;

use super::error::DumpError;
use super::row::RowWriter;
use crate::backend::column::{ColumnKind, TableColumn};
use crate::backend::connection::BackendConnection;
use crate::backend::typed::area_database;
use crate::seed::engine::SeedEngine;

/// The name by which a table is found.
#[derive(Debug)]
pub struct TableName {
    /// The unquoted name, and where the schema is not known perhaps `schema.table`.
    pub name: String,
    /// The schema of a listed table, so that no other table hides it.
    pub schema: Option<String>,
}

impl TableName {
    pub(super) fn given(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            schema: None,
        }
    }
}

/// A table that is dumped.
#[derive(Debug)]
pub struct DumpTable {
    /// The name as it was given.
    pub name: String,
    /// The name in SQL.
    pub table: String,
    /// The columns that a seed can fill, in table order.
    pub columns: Vec<DumpColumn>,
    /// The names of the primary key's columns; none without a key.
    pub key: Vec<String>,
    /// The SQL after `ORDER BY`.
    pub order: String,
    /// `true` if the rows can be read by `COPY`.
    pub can_copy: bool,
    /// On PostgreSQL, how pages of the rows follow one another.
    pub page_keys: Vec<PageKey>,
}

/// An SQL expression that is never NULL and that a page of rows begins after a value of.
#[derive(Debug)]
pub struct PageKey {
    /// The expression.
    pub expression: String,
    /// The type of its values.
    pub sql_type: String,
    /// The operator by which rows come after others.
    pub greater: String,
}

/// A column that is dumped.
#[derive(Debug)]
pub struct DumpColumn {
    /// The unquoted name.
    pub name: String,
    /// The type of its values, as a seed sees it.
    pub kind: ColumnKind,
    /// `true` if a seed reads nothing as NULL.
    pub nullable: bool,
}

impl DumpColumn {
    /// Returns those of a table's columns that a seed can fill.
    pub(crate) fn of(columns: Vec<TableColumn>) -> Vec<Self> {
        let columns = columns.into_iter().filter(|column| !column.generated);
        let columns = columns.map(|column| Self {
            name: column.name,
            kind: column.kind,
            nullable: column.nullable,
        });
        columns.collect()
    }
}

/// A backend whose tables this library dumps: `Sqlite` and `Pg`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to be a backend that is dumped",
    note = "in a generic function, bound the connection by `covara_diesel::dump::DumpDatabase`"
)]
pub trait DumpEngine: SeedEngine {
    /// Lists the tables of the application, sorted by name.
    #[doc(hidden)]
    fn list<C>(conn: &mut C) -> QueryResult<Vec<TableName>>
    where
        C: BackendConnection<Backend = Self>;

    /// Lists the tables with rows of the application that [`list`](Self::list) leaves out, with
    /// their schemas where there are schemas, sorted.
    #[doc(hidden)]
    fn left_out<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>;

    /// Describes the tables, and makes the session ready for [`read`](Self::read). Where there are
    /// transactions, it is called once in each, at the beginning.
    ///
    /// # Errors
    ///
    /// There is no such table, or it cannot be dumped.
    #[doc(hidden)]
    fn prepare<C>(conn: &mut C, names: Vec<TableName>) -> Result<Vec<DumpTable>, DumpError>
    where
        C: BackendConnection<Backend = Self>;

    /// Passes all rows of a table to `writer`, in order.
    ///
    /// # Errors
    ///
    /// The database's own, and those of `writer`.
    #[doc(hidden)]
    fn read<C>(
        conn: &mut C,
        table: &DumpTable,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), DumpError>
    where
        C: BackendConnection<Backend = Self>;
}

area_database! {
    /// A connection that is dumped: every one of this library.
    DumpDatabase: DumpEngine
}
