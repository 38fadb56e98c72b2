//! Reads and defines the columns of the internal tables.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;

use crate::backend::connection::BackendConnection;
use crate::backend::table::{
    CatalogueRow, TableLayout, TypeName, expected_tables, gather, take_search,
};
use crate::migrate::engine::Inspection;

impl TypeName<Sqlite> for Text {
    const NAME: &'static str = "TEXT";
}

impl TypeName<Sqlite> for BigInt {
    const NAME: &'static str = "INTEGER";
}

pub(super) fn expected() -> [TableLayout; 4] {
    expected_tables!(Sqlite, super::schema)
}

/// A TEXT PRIMARY KEY may hold NULL in SQLite, but no program stores one.
const COLUMNS: &str = "
SELECT iif(m.name LIKE '\\_\\_covara\\_search\\_%' ESCAPE '\\', m.name, lower(m.name)) AS table_name,
       c.name AS column_name, c.type AS kind,
       c.\"notnull\" <> 0 OR c.pk > 0 AS not_null, c.dflt_value IS NOT NULL AS has_default,
       c.pk AS key_position, NULL AS history, NULL AS suspect
FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND (
    -- For SQLite, names in capitals are the same.
    lower(m.name) IN ('auth_sessions', 'auth_accounts', 'auth_api_keys',
                      'auth_verification_tokens', '__covara_migrations')
    -- Notes of search indexes as earlier versions made them. Nothing here may ask for columns:
    -- D1 refuses those of its own tables.
    OR m.name LIKE '\\_\\_covara\\_search\\_%\\_notes' ESCAPE '\\'
        AND (m.sql LIKE '%AUTOINCREMENT%' OR m.sql LIKE '%key UNIQUE%')
)
ORDER BY m.name, c.cid";

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

pub(super) fn inspect<C>(conn: &mut C) -> QueryResult<Inspection>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let mut rows = diesel::sql_query(COLUMNS).load::<CatalogueRow>(conn)?;
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

const DIESELS_HISTORY: &str = "SELECT name AS version FROM sqlite_master
    WHERE type = 'table' AND name = '__diesel_schema_migrations'";

pub(super) fn application_history<C>(conn: &mut C) -> QueryResult<Vec<String>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let found = diesel::sql_query(DIESELS_HISTORY).load::<Version>(conn)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let versions = diesel::sql_query("SELECT version FROM __diesel_schema_migrations")
        .load::<Version>(conn)?;
    Ok(versions.into_iter().map(|row| row.version).collect())
}

const COVERED_INDEXES: &str = "
SELECT w.index_name FROM (
    SELECT 'auth_session_userId_idx' AS index_name, 'auth_sessions' AS table_name,
           'userId' AS column_name
    UNION ALL SELECT 'auth_session_expiresAt_idx', 'auth_sessions', 'expiresAt'
    UNION ALL SELECT 'auth_account_userId_idx', 'auth_accounts', 'userId'
    UNION ALL SELECT 'auth_api_key_userId_idx', 'auth_api_keys', 'userId'
    UNION ALL SELECT 'auth_api_key_prefix_idx', 'auth_api_keys', 'keyPrefix'
) AS w
WHERE NOT EXISTS (SELECT 1 FROM sqlite_master AS m
                  WHERE m.type = 'index' AND m.name = w.index_name COLLATE NOCASE)
  AND EXISTS (SELECT 1 FROM pragma_index_list(w.table_name) AS i
              JOIN pragma_index_info(i.name) AS c
              WHERE i.partial = 0 AND c.seqno = 0 AND c.name = w.column_name)";

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    index_name: String,
}

pub(super) fn covered_indexes<C>(conn: &mut C) -> QueryResult<Vec<String>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let rows = diesel::sql_query(COVERED_INDEXES).load::<Index>(conn)?;
    Ok(rows.into_iter().map(|row| row.index_name).collect())
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
