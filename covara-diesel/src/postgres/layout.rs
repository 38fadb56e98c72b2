//! Reads and states the columns of the internal tables.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Jsonb, Nullable, Text, Timestamp};

use super::schema::{auth_accounts, auth_api_keys, auth_sessions, auth_verification_tokens};
use crate::connection::DatabaseConnection;
use crate::engine::Inspection;
use crate::migrate::layout::{ColumnLayout, TableLayout, TypeName, of_table};

impl TypeName<Pg> for Text {
    const NAME: &'static str = "text";
}

impl TypeName<Pg> for Timestamp {
    const NAME: &'static str = "timestamp without time zone";
}

impl TypeName<Pg> for Jsonb {
    const NAME: &'static str = "jsonb";
}

pub(super) fn expected() -> [TableLayout; 4] {
    [
        of_table::<Pg, auth_sessions::table>("auth_sessions", &[auth_sessions::id::NAME]),
        of_table::<Pg, auth_accounts::table>(
            "auth_accounts",
            &[
                auth_accounts::provider::NAME,
                auth_accounts::provider_account_id::NAME,
            ],
        ),
        of_table::<Pg, auth_api_keys::table>("auth_api_keys", &[auth_api_keys::id::NAME]),
        of_table::<Pg, auth_verification_tokens::table>(
            "auth_verification_tokens",
            &[
                auth_verification_tokens::identifier::NAME,
                auth_verification_tokens::token::NAME,
            ],
        ),
    ]
}

/// One query for columns and history, so that a boot with nothing to do is one round trip.
///
/// A plain subselect on the history would fail while it does not exist, and spoil a
/// caller's transaction; `query_to_xml` runs its text only for the row that says it does.
const TABLES: &str = "
SELECT t.relname::text AS table_name, c.attname::text AS column_name,
       c.atttypid::regtype::text AS kind, c.attnotnull AS not_null,
       c.atthasdef OR c.attidentity <> '' AS has_default,
       COALESCE(array_position(k.conkey, c.attnum), 0) AS key_position,
       CASE WHEN t.relname = '__covara_migrations' AND c.attname = 'version' THEN
           query_to_xml(format('SELECT version FROM %I.__covara_migrations', n.nspname),
                        false, false, '')::text
       END AS history
FROM pg_catalog.pg_class AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = current_schema()
JOIN pg_catalog.pg_attribute AS c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = t.oid AND k.contype = 'p'
WHERE t.relkind IN ('r', 'p')
  AND t.relname IN ('auth_sessions', 'auth_accounts', 'auth_api_keys',
                    'auth_verification_tokens', '__covara_migrations')
ORDER BY t.relname, c.attnum";

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
    #[diesel(sql_type = Nullable<Text>)]
    history: Option<String>,
}

pub(super) fn inspect<C>(conn: &mut C) -> QueryResult<Inspection>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let mut state = Inspection::default();
    for row in diesel::sql_query(TABLES).load::<Row>(conn)? {
        if row.table_name == "__covara_migrations" {
            if let Some(xml) = row.history {
                state.history = Some(versions(&xml));
            }
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
            kind: row.kind,
            not_null: row.not_null,
            has_default: row.has_default,
            key_position: row.key_position,
        };
        if let Some(table) = state.tables.last_mut() {
            table.columns.push(column);
        }
    }
    Ok(state)
}

/// The content of each `<version>` element. Versions are digits, so nothing is escaped.
fn versions(xml: &str) -> Vec<String> {
    xml.split("<version>")
        .skip(1)
        .filter_map(|rest| rest.split("</version>").next())
        .map(str::to_owned)
        .collect()
}
