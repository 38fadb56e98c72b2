//! Reads and defines the internal tables.

use diesel::migration::Migration;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::EmbeddedMigrations;

use super::{SQLITE_MIGRATIONS, foreign_keys_off};
use crate::backend::answer::holds;
use crate::backend::connection::BackendConnection;
use crate::backend::table::TypeName;
use crate::internal_tables::{
    DIESELS_HISTORY, HISTORY, INTERNAL_INDEXES, expected_tables, quoted_index_names,
    quoted_indexes_and_tables, quoted_table_names,
};
use crate::migrate::catalogue::{CatalogueRow, Gathered, gather, take_search};
use crate::migrate::engine::{Inspection, MigrateEngine};
use crate::migrate::layout::{TableLayout, history_mismatches};
use crate::migrate::{InTheWay, Obstacle};

static EMBEDDED: EmbeddedMigrations = SQLITE_MIGRATIONS;

/// A part of the statement that creates the notes of a search index, by which a boot recognizes
/// notes that earlier versions created.
pub(super) const NOTES_VERSION: &str = "version 2";

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
        let mut rows = diesel::sql_query(catalogue(conn.is_remote())).load::<CatalogueRow>(conn)?;
        let (outdated, _) = take_search(&mut rows);
        let Gathered {
            mut tables,
            history: layout,
            obstacles,
            ..
        } = gather(rows);
        for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
            column.kind = affinity(&column.kind).to_owned();
        }
        let is_hidden = obstacles.iter().any(|obstacle| obstacle.name == HISTORY);
        let has_versions = |table: &TableLayout| table.columns.iter().any(|c| c.name == "version");
        let history = if layout.as_ref().is_some_and(has_versions) && !is_hidden {
            let rows = diesel::sql_query(format!("SELECT version AS version FROM {HISTORY}"));
            let rows = rows.load::<Version>(conn)?;
            Some(rows.into_iter().map(|row| row.version).collect())
        } else {
            None
        };
        Ok(Inspection {
            history,
            tables,
            outdated,
            strangers: Vec::new(),
            obstacles,
            history_mismatches: layout.as_ref().map(history_mismatches).unwrap_or_default(),
        })
    }

    fn application_history<C>(
        conn: &mut C,
        _: &[String],
    ) -> QueryResult<Result<Vec<String>, InTheWay>>
    where
        C: BackendConnection<Backend = Self>,
    {
        let found = diesel::sql_query(diesels_history(conn.is_remote())).load::<Kind>(conn)?;
        if let Some(Kind { kind }) = found.iter().find(|found| found.kind != "table") {
            return Ok(Err(InTheWay::Obstacle(Obstacle {
                name: DIESELS_HISTORY.to_owned(),
                kind: kind.clone(),
            })));
        }
        if found.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let versions =
            diesel::sql_query(format!("SELECT version AS version FROM {DIESELS_HISTORY}"))
                .load::<Version>(conn)?;
        Ok(Ok(versions.into_iter().map(|row| row.version).collect()))
    }

    fn loses_rows<C>(conn: &mut C, migration: &dyn Migration<Self>) -> QueryResult<bool>
    where
        C: BackendConnection<Backend = Self>,
    {
        Ok(foreign_keys_off::turns_off(migration)?
            && holds(conn, "(SELECT foreign_keys FROM pragma_foreign_keys) = 1")?)
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
struct Kind {
    #[diesel(sql_type = Text)]
    kind: String,
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    index_name: String,
}

/// Returns the query for the columns of the internal tables, and for objects that have an internal
/// name and are something else. A TEXT PRIMARY KEY may hold NULL in SQLite, but no program stores
/// one.
fn catalogue(is_remote: bool) -> String {
    format!(
        "
SELECT iif(m.name LIKE '\\_\\_covara\\_search\\_%' ESCAPE '\\', m.name, lower(m.name)) AS table_name,
       iif(lower(m.name) = '{HISTORY}', lower(c.name), c.name) AS column_name, c.type AS kind,
       c.\"notnull\" <> 0 OR c.pk > 0 AS not_null, c.dflt_value IS NOT NULL AS has_default,
       c.pk AS key_position, NULL AS history, NULL AS suspect,
       NULL AS object, c.cid AS position
FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND (
    -- For SQLite, names in capitals are the same.
    lower(m.name) IN ({names}, '{HISTORY}')
    -- Notes of search indexes as earlier versions made them. Nothing here may ask for columns:
    -- D1 refuses those of its own tables.
    OR m.name LIKE '\\_\\_covara\\_search\\_%\\_notes' ESCAPE '\\'
        AND m.sql NOT LIKE '%{NOTES_VERSION}%'
)
UNION ALL
SELECT lower(m.name), '', '', 0, 0, 0, NULL, NULL, {KIND}, 0
FROM sqlite_master AS m
WHERE m.type <> 'trigger' AND (
    lower(m.name) IN ({names}, '{HISTORY}', '{DIESELS_HISTORY}') AND m.type <> 'table'
    OR lower(m.name) IN ({indexes})
        AND NOT (m.type = 'index' AND (lower(m.name), lower(m.tbl_name)) IN (VALUES {pairs}))
){temporary}
ORDER BY 1, position",
        names = quoted_table_names(),
        indexes = quoted_index_names(),
        pairs = quoted_indexes_and_tables(),
        temporary = if is_remote {
            String::new()
        } else {
            format!(
                "
UNION ALL
SELECT lower(m.name), '', '', 0, 0, 0, NULL, NULL, 'temporary ' || m.type, 0
FROM sqlite_temp_master AS m
WHERE m.type IN ('table', 'view')
    AND lower(m.name) IN ({}, '{HISTORY}', '{DIESELS_HISTORY}')",
                quoted_table_names()
            )
        },
    )
}

/// The kind of an object, a row of `sqlite_master`.
const KIND: &str = "CASE m.type WHEN 'index' THEN 'index of ' || m.tbl_name ELSE m.type END";

/// Returns the query for the kind of what is named like Diesel's history. A session over HTTP has no
/// temporary tables.
fn diesels_history(is_remote: bool) -> String {
    let in_file = format!(
        "SELECT {KIND} AS kind FROM sqlite_master AS m
         WHERE m.type <> 'trigger' AND lower(m.name) = '{DIESELS_HISTORY}'"
    );
    if is_remote {
        return in_file;
    }
    format!(
        "{in_file} UNION ALL SELECT 'temporary ' || m.type FROM sqlite_temp_master AS m
         WHERE m.type IN ('table', 'view') AND lower(m.name) = '{DIESELS_HISTORY}'"
    )
}

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
