//! The columns of a table's unique indexes.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel::sqlite::Sqlite;

use super::name;
use crate::backend::connection::BackendConnection;

#[derive(QueryableByName)]
struct IndexColumn {
    /// The index, or an empty name for the primary key.
    #[diesel(sql_type = Text)]
    key: String,
    /// `None` for an expression.
    #[diesel(sql_type = Nullable<Text>)]
    column: Option<String>,
}

/// The columns of a primary key have no index of their own if they are the rowid.
const COLUMNS: &str = "
SELECT '' AS key, name AS \"column\" FROM pragma_table_info(?1, ?2) WHERE pk > 0
UNION ALL
SELECT i.name, c.name FROM pragma_index_list(?1, ?2) AS i, pragma_index_info(i.name, ?2) AS c
WHERE i.\"unique\" AND i.origin <> 'pk'
ORDER BY 1";

pub(super) fn of_table<C>(conn: &mut C, table: &str) -> QueryResult<Vec<Vec<Option<String>>>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let (schema, table) = name::parts(table);
    let columns = diesel::sql_query(COLUMNS)
        .bind::<Text, _>(table)
        .bind::<Nullable<Text>, _>(schema)
        .load::<IndexColumn>(conn)?;
    let indexes = columns.chunk_by(|a, b| a.key == b.key);
    let names = |columns: &[IndexColumn]| columns.iter().map(|it| it.column.clone()).collect();
    Ok(indexes.map(names).collect())
}
