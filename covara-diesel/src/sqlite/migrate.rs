//! Reads and defines the internal tables.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::EmbeddedMigrations;

use super::SQLITE_MIGRATIONS;
use crate::backend::connection::BackendConnection;
use crate::backend::table::{
    CatalogueRow, Stranger, TableLayout, TypeName, gather, quoted_names, take_search,
};
use crate::internal_tables::{INTERNAL_INDEXES, expected_tables};
use crate::migrate::engine::{Inspection, MigrateEngine};

static EMBEDDED: EmbeddedMigrations = SQLITE_MIGRATIONS;

impl MigrateEngine for Sqlite {
    fn migrations() -> &'static EmbeddedMigrations {
        &EMBEDDED
    }

    fn expected_tables() -> Vec<TableLayout> {
        expected_tables!(Self, super::schema)
    }

    fn inspect<C>(conn: &mut C, _: &[String]) -> QueryResult<Inspection>
    where
        C: BackendConnection<Backend = Self>,
    {
        let mut rows = diesel::sql_query(columns()).load::<CatalogueRow>(conn)?;
        let (outdated, _) = take_search(&mut rows);
        let (mut tables, history, _) = gather(rows);
        for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
            column.kind = affinity(&column.kind).to_owned();
        }
        if history.is_empty() {
            return Ok(Inspection {
                history: None,
                tables,
                outdated,
                strangers: Vec::new(),
            });
        }
        let versions =
            diesel::sql_query("SELECT version FROM __covara_migrations").load::<Version>(conn)?;
        Ok(Inspection {
            history: Some(versions.into_iter().map(|row| row.version).collect()),
            tables,
            outdated,
            strangers: Vec::new(),
        })
    }

    fn application_history<C>(
        conn: &mut C,
        _: &[String],
    ) -> QueryResult<Result<Vec<String>, Stranger>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let found = diesel::sql_query(DIESELS_HISTORY).load::<Version>(conn)?;
        if found.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let versions = diesel::sql_query("SELECT version FROM __diesel_schema_migrations")
            .load::<Version>(conn)?;
        Ok(Ok(versions.into_iter().map(|row| row.version).collect()))
    }

    fn covered_indexes<C>(conn: &mut C) -> QueryResult<Vec<String>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let rows = diesel::sql_query(covered_indexes()).load::<Index>(conn)?;
        Ok(rows.into_iter().map(|row| row.index_name).collect())
    }

    fn mend_outdated<C>(conn: &mut C, outdated: &[String])
    where
        C: BackendConnection<Backend = Self>,
    {
        crate::search::mend_outdated(conn, outdated);
    }
}

impl TypeName<Sqlite> for Text {
    const NAME: &'static str = "TEXT";
}

impl TypeName<Sqlite> for BigInt {
    const NAME: &'static str = "INTEGER";
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    index_name: String,
}

/// Returns the query for the columns of the internal tables. A TEXT PRIMARY KEY may hold NULL in
/// SQLite, but no program stores one.
fn columns() -> String {
    format!(
        "
SELECT iif(m.name LIKE '\\_\\_covara\\_search\\_%' ESCAPE '\\', m.name, lower(m.name)) AS table_name,
       c.name AS column_name, c.type AS kind,
       c.\"notnull\" <> 0 OR c.pk > 0 AS not_null, c.dflt_value IS NOT NULL AS has_default,
       c.pk AS key_position, NULL AS history, NULL AS suspect
FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND (
    -- For SQLite, names in capitals are the same.
    lower(m.name) IN ({names}, '__covara_migrations')
    -- Notes of search indexes as earlier versions made them. Nothing here may ask for columns:
    -- D1 refuses those of its own tables.
    OR m.name LIKE '\\_\\_covara\\_search\\_%\\_notes' ESCAPE '\\'
        AND (m.sql LIKE '%AUTOINCREMENT%' OR m.sql LIKE '%key UNIQUE%')
)
ORDER BY m.name, c.cid",
        names = quoted_names(),
    )
}

const DIESELS_HISTORY: &str = "SELECT name AS version FROM sqlite_master
    WHERE type = 'table' AND name = '__diesel_schema_migrations'";

/// Returns the query for indexes that another one makes superfluous.
fn covered_indexes() -> String {
    let indexes = INTERNAL_INDEXES.map(|(index, table, column)| {
        format!(
            "SELECT '{index}' AS index_name, '{table}' AS table_name, '{column}' AS column_name"
        )
    });
    format!(
        "
SELECT w.index_name FROM ({}) AS w
WHERE NOT EXISTS (SELECT 1 FROM sqlite_master AS m
                  WHERE m.type = 'index' AND m.name = w.index_name COLLATE NOCASE)
  AND EXISTS (SELECT 1 FROM pragma_index_list(w.table_name) AS i
              JOIN pragma_index_info(i.name) AS c
              WHERE i.partial = 0 AND c.seqno = 0 AND c.name = w.column_name)",
        indexes.join(" UNION ALL ")
    )
}

/// Returns the affinity of a declared type:
/// <https://sqlite.org/datatype3.html#determination_of_column_affinity>.
pub(super) fn affinity(declared: &str) -> &'static str {
    let declared = declared.to_ascii_uppercase();
    let has = |part| declared.contains(part);
    if has("INT") {
        "INTEGER"
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        "TEXT"
    } else if declared.is_empty() || has("BLOB") {
        "BLOB"
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        "REAL"
    } else {
        "NUMERIC"
    }
}
