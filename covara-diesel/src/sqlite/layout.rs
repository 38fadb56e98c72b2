//! Reads and states the columns of the internal tables.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};
use diesel::sqlite::Sqlite;

use super::schema::{auth_accounts, auth_api_keys, auth_sessions, auth_verification_tokens};
use crate::connection::DatabaseConnection;
use crate::engine::Inspection;
use crate::migrate::layout::{ColumnLayout, TableLayout, TypeName, of_table};

impl TypeName<Sqlite> for Text {
    const NAME: &'static str = "TEXT";
}

impl TypeName<Sqlite> for BigInt {
    const NAME: &'static str = "INTEGER";
}

pub(super) fn expected() -> [TableLayout; 4] {
    [
        of_table::<Sqlite, auth_sessions::table>("auth_sessions", &[auth_sessions::id::NAME]),
        of_table::<Sqlite, auth_accounts::table>(
            "auth_accounts",
            &[
                auth_accounts::provider::NAME,
                auth_accounts::provider_account_id::NAME,
            ],
        ),
        of_table::<Sqlite, auth_api_keys::table>("auth_api_keys", &[auth_api_keys::id::NAME]),
        of_table::<Sqlite, auth_verification_tokens::table>(
            "auth_verification_tokens",
            &[
                auth_verification_tokens::identifier::NAME,
                auth_verification_tokens::token::NAME,
            ],
        ),
    ]
}

const COLUMNS: &str = "
SELECT m.name AS table_name, c.name AS column_name, c.type AS kind, c.\"notnull\" <> 0 AS not_null,
       c.dflt_value IS NOT NULL AS has_default, c.pk AS key_position
FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND m.name IN ('auth_sessions', 'auth_accounts', 'auth_api_keys',
                                      'auth_verification_tokens', '__covara_migrations')
ORDER BY m.name, c.cid";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    not_null: bool,
    #[diesel(sql_type = Bool)]
    has_default: bool,
    #[diesel(sql_type = Integer)]
    key_position: i32,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

pub(super) fn inspect<C>(conn: &mut C) -> QueryResult<Inspection>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut state = Inspection::default();
    let mut has_history = false;
    for row in diesel::sql_query(COLUMNS).load::<Row>(conn)? {
        if row.table_name == "__covara_migrations" {
            has_history = true;
            continue;
        }
        if state.tables.last().map(|table| &table.name) != Some(&row.table_name) {
            state.tables.push(TableLayout {
                name: row.table_name,
                columns: Vec::new(),
            });
        }
        let column = ColumnLayout {
            name: row.column_name,
            kind: affinity(&row.kind).to_owned(),
            // A TEXT PRIMARY KEY may hold NULL in SQLite; no program puts one there.
            not_null: row.not_null || row.key_position > 0,
            has_default: row.has_default,
            key_position: row.key_position,
        };
        if let Some(table) = state.tables.last_mut() {
            table.columns.push(column);
        }
    }
    if has_history {
        let versions =
            diesel::sql_query("SELECT version FROM __covara_migrations").load::<Version>(conn)?;
        state.history = Some(versions.into_iter().map(|row| row.version).collect());
    }
    Ok(state)
}

/// What a declared type means: <https://sqlite.org/datatype3.html#determination_of_column_affinity>.
fn affinity(declared: &str) -> &'static str {
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
