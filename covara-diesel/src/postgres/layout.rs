//! Reads and states the columns of the internal tables.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Text, Timestamp};

use super::{history, owners};
use crate::connection::DatabaseConnection;
use crate::engine::Inspection;
use crate::migrate::layout::{CatalogueRow, TableLayout, TypeName, expected_tables, gather};

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
    expected_tables!(Pg, super::schema)
}

/// One query for columns and history, so that a boot with nothing to do is one round trip.
///
/// A plain subselect on the history would fail while it does not exist, and spoil a
/// caller's transaction; `query_to_xml` runs its text only for the row that says it does. Who
/// owns a table matters only where everybody may make one.
const TABLES: &str = "
SELECT t.relname::text AS table_name, c.attname::text AS column_name,
       c.atttypid::regtype::text AS kind, c.attnotnull AS not_null,
       c.atthasdef OR c.attidentity <> '' AS has_default,
       COALESCE(array_position(k.conkey, c.attnum), 0) AS key_position,
       CASE WHEN t.relname = '__covara_migrations' AND c.attname = 'version'
                AND s.suspect IS NULL THEN
           query_to_xml(format('SELECT version FROM %I.__covara_migrations', n.nspname),
                        false, false, '')::text
       END AS history,
       s.suspect
FROM pg_catalog.pg_class AS t
CROSS JOIN LATERAL (SELECT CASE
    WHEN pg_get_userbyid(t.relowner) <> current_user
        AND has_schema_privilege('public', t.relnamespace, 'CREATE')
    THEN pg_get_userbyid(t.relowner)::text END AS suspect) AS s
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = current_schema()
JOIN pg_catalog.pg_attribute AS c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = t.oid AND k.contype = 'p'
WHERE t.relkind IN ('r', 'p')
  AND t.relname IN ('auth_sessions', 'auth_accounts', 'auth_api_keys',
                    'auth_verification_tokens', '__covara_migrations')
ORDER BY t.relname, c.attnum";

/// The history is not read where everybody could have made its table: a policy of its owner's
/// would run with the rights of the reader.
pub(super) fn inspect<C>(conn: &mut C, trusted: &[String]) -> QueryResult<Inspection>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let rows = diesel::sql_query(TABLES).load::<CatalogueRow>(conn)?;
    let (tables, history, suspects) = gather(rows);
    let is_suspect = suspects
        .iter()
        .any(|suspect| suspect.table == history::INTERNAL);
    let strangers = owners::strangers(conn, suspects, trusted)?;
    let history = if is_suspect && strangers.is_empty() {
        Some(history::versions(conn, history::INTERNAL)?)
    } else {
        let xml = history.into_iter().flatten().next();
        xml.map(|xml| versions(&xml))
    };
    Ok(Inspection {
        history,
        tables,
        strangers,
    })
}

/// The content of each `<version>` element. Versions are digits, so nothing is escaped.
fn versions(xml: &str) -> Vec<String> {
    xml.split("<version>")
        .skip(1)
        .filter_map(|rest| rest.split("</version>").next())
        .map(str::to_owned)
        .collect()
}
