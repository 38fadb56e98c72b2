//! Reads and states the columns of the internal tables.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Text, Timestamp};

use super::{history, owners};
use crate::connection::DatabaseConnection;
use crate::engine::Inspection;
use crate::migrate::layout::{
    CatalogueRow, TableLayout, TypeName, expected_tables, gather, take_outdated,
};

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
///
/// Behind them come the trigger functions of search indexes that anybody may execute, or that
/// run SQL from arguments, as those of earlier versions do.
const TABLES: &str = "
SELECT * FROM (SELECT t.relname::text AS table_name, c.attname::text AS column_name,
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
ORDER BY t.relname, c.attnum) AS columns
UNION ALL
SELECT f.proname::text, '', '', false, false, 0, NULL, NULL
FROM pg_catalog.pg_proc AS f
JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace AND n.nspname = current_schema()
WHERE f.proname LIKE '\\_\\_covara\\_search\\_%\\_notes\\_write' AND (
    f.prosrc LIKE '%TG_ARGV%' OR f.proacl IS NULL
    OR EXISTS (SELECT FROM aclexplode(f.proacl) AS x WHERE x.grantee = 0)
)";

/// The history is not read where everybody could have made its table: a policy of its owner's
/// would run with the rights of the reader.
pub(super) fn inspect<C>(conn: &mut C, trusted: &[String]) -> QueryResult<Inspection>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let mut rows = diesel::sql_query(TABLES).load::<CatalogueRow>(conn)?;
    let outdated = take_outdated(&mut rows);
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
        outdated,
        strangers,
    })
}

/// A partial index, one that is not valid, one on an expression and one of another kind than
/// `btree` serve nobody in the place of ours.
const COVERED_INDEXES: &str = "
SELECT w.index_name FROM (VALUES
    ('auth_session_userid_idx', 'auth_sessions', 'userId'),
    ('auth_session_expiresat_idx', 'auth_sessions', 'expiresAt'),
    ('auth_account_userid_idx', 'auth_accounts', 'userId'),
    ('auth_api_key_userid_idx', 'auth_api_keys', 'userId'),
    ('auth_api_key_prefix_idx', 'auth_api_keys', 'keyPrefix')
) AS w (index_name, table_name, column_name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = current_schema()
JOIN pg_catalog.pg_class AS t ON t.relnamespace = n.oid AND t.relname = w.table_name
JOIN pg_catalog.pg_attribute AS c ON c.attrelid = t.oid AND c.attname = w.column_name
WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class AS o
                  WHERE o.relnamespace = n.oid AND o.relname = w.index_name)
  AND EXISTS (SELECT 1 FROM pg_catalog.pg_index AS x
              JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
              JOIN pg_catalog.pg_am AS a ON a.oid = i.relam AND a.amname = 'btree'
              WHERE x.indrelid = t.oid AND x.indkey[0] = c.attnum
                AND x.indpred IS NULL AND x.indisvalid)";

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    index_name: String,
}

pub(super) fn covered_indexes<C>(conn: &mut C) -> QueryResult<Vec<String>>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let rows = diesel::sql_query(COVERED_INDEXES).load::<Index>(conn)?;
    Ok(rows.into_iter().map(|row| row.index_name).collect())
}

/// The content of each `<version>` element. Versions are digits, so nothing is escaped.
fn versions(xml: &str) -> Vec<String> {
    xml.split("<version>")
        .skip(1)
        .filter_map(|rest| rest.split("</version>").next())
        .map(str::to_owned)
        .collect()
}
