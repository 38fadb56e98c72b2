//! The columns of a table's unique indexes.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::place::Place;
use crate::backend::connection::BackendConnection;

/// A unique index, or the primary key.
#[derive(Debug)]
pub(super) struct UniqueIndex {
    /// `None` for an expression.
    pub(super) columns: Vec<Option<String>>,
    pub(super) is_primary: bool,
    /// `true` if the index has a condition.
    pub(super) is_partial: bool,
}

#[derive(QueryableByName)]
struct IndexColumn {
    /// The index, or an empty name for the primary key.
    #[diesel(sql_type = Text)]
    key: String,
    /// `None` for an expression.
    #[diesel(sql_type = Nullable<Text>)]
    column: Option<String>,
    #[diesel(sql_type = Bool)]
    is_partial: bool,
}

/// The columns of a primary key have no index of their own if they are the rowid.
const COLUMNS: &str = "
SELECT '' AS key, name AS \"column\", 0 AS is_partial FROM pragma_table_info(?1, ?2) WHERE pk > 0
UNION ALL
SELECT i.name, c.name, i.partial
FROM pragma_index_list(?1, ?2) AS i, pragma_index_info(i.name, ?2) AS c
WHERE i.\"unique\" AND i.origin <> 'pk'
ORDER BY 1";

pub(super) fn of_table<C>(conn: &mut C, table: &str) -> QueryResult<Vec<UniqueIndex>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let Place { schema, table } = Place::of(conn, table)?;
    let columns = diesel::sql_query(COLUMNS)
        .bind::<Text, _>(table)
        .bind::<Nullable<Text>, _>(schema)
        .load::<IndexColumn>(conn)?;
    let indexes = columns.chunk_by(|a, b| a.key == b.key);
    let indexes = indexes.map(|columns| UniqueIndex {
        columns: columns.iter().map(|it| it.column.clone()).collect(),
        is_primary: columns[0].key.is_empty(),
        is_partial: columns[0].is_partial,
    });
    Ok(indexes.collect())
}
