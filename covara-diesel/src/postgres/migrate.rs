//! Reads the internal tables, and declares the expected ones.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Text, Timestamp};
use diesel_migrations::EmbeddedMigrations;

use super::types::type_name;
use super::{POSTGRES_MIGRATIONS, history, objects, owners};
use crate::backend::connection::BackendConnection;
use crate::backend::stranger::Stranger;
use crate::backend::table::TypeName;
use crate::internal_tables::{INTERNAL_INDEXES, expected_tables, quoted_table_names};
use crate::migrate::catalogue::{CatalogueRow, Gathered, gather, take_search};
use crate::migrate::engine::{Inspection, MigrateEngine};
use crate::migrate::layout::{TableLayout, history_mismatches};
use crate::migrate::{InTheWay, Obstacle};

static EMBEDDED: EmbeddedMigrations = POSTGRES_MIGRATIONS;

/// A line in the body of a search index's trigger function, by which a boot recognizes functions
/// that earlier versions created.
pub(super) const FUNCTION_VERSION: &str = "-- version 6";

impl MigrateEngine for Pg {
    fn migrations() -> &'static EmbeddedMigrations {
        &EMBEDDED
    }

    fn expected_tables() -> Vec<TableLayout> {
        expected_tables!(Self, super::schema)
    }

    /// Reads the history and the tables. The history is not read if any role could have created
    /// its table: a policy of its owner would run with the rights of the reader.
    fn inspect<C>(conn: &mut C, trusted: &[String]) -> QueryResult<Inspection>
    where
        C: BackendConnection<Backend = Self>,
    {
        let mut rows = diesel::sql_query(tables()).load::<CatalogueRow>(conn)?;
        let (outdated, of_search) = take_search(&mut rows);
        let Gathered {
            tables,
            history,
            versions: xml,
            mut suspects,
            mut obstacles,
        } = gather(rows);
        let is_history = |stranger: &Stranger| stranger.table == history::INTERNAL;
        let is_suspect = suspects.iter().any(is_history);
        suspects.extend(of_search);
        let strangers = owners::strangers(conn, suspects, trusted)?;
        obstacles.retain(|obstacle| !is_stranger(obstacle, &strangers));
        let layout = history.filter(|_| !strangers.iter().any(is_history));
        let has_versions = |table: &TableLayout| table.columns.iter().any(|c| c.name == "version");
        let is_safe = !is_hidden(&obstacles);
        let history = match xml {
            Some(xml) => Some(versions(&xml)),
            None if is_suspect && is_safe && layout.as_ref().is_some_and(has_versions) => {
                Some(history::versions(conn, history::INTERNAL)?)
            }
            None => None,
        };
        Ok(Inspection {
            history,
            tables,
            outdated,
            strangers,
            obstacles,
            history_mismatches: layout.as_ref().map(history_mismatches).unwrap_or_default(),
        })
    }

    fn application_history<C>(
        conn: &mut C,
        trusted: &[String],
    ) -> QueryResult<Result<Vec<String>, InTheWay>>
    where
        C: BackendConnection<Backend = Self>,
    {
        history::of_application(conn, trusted)
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

impl TypeName<Pg> for Text {
    const NAME: &'static str = "text";
}

impl TypeName<Pg> for Timestamp {
    const NAME: &'static str = "timestamp without time zone";
}

impl TypeName<Pg> for Jsonb {
    const NAME: &'static str = "jsonb";
}

fn is_stranger(obstacle: &Obstacle, strangers: &[Stranger]) -> bool {
    let Obstacle { name, kind } = obstacle;
    let named = format!("{kind} {name}");
    strangers.iter().any(|stranger| stranger.table == named)
}

/// Returns whether the name of the history means something else than the history.
fn is_hidden(obstacles: &[Obstacle]) -> bool {
    obstacles
        .iter()
        .any(|obstacle| obstacle.name == history::INTERNAL)
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    index_name: String,
}

/// Returns the query for columns and history, a single one, so that a boot with nothing to do costs
/// one round trip.
///
/// A plain subselect on the history would fail if the history does not exist, and abort a caller's
/// transaction. `query_to_xml` runs its text only if the history exists. The owner of a table
/// matters only if any role may create tables.
///
/// The query also returns the tables and functions of search indexes that other roles own where any
/// role may create them, and the connection's own trigger functions that earlier versions created,
/// or that anybody may execute. Its last part has the objects that are no tables of ours by their
/// names.
fn tables() -> String {
    format!(
        "
SELECT * FROM (SELECT CAST(t.relname AS text) AS table_name, CAST(c.attname AS text) AS column_name,
       {kind_of_column} AS kind, c.attnotnull AS not_null,
       c.atthasdef OR c.attidentity <> '' AS has_default,
       COALESCE(pg_catalog.array_position(k.conkey, c.attnum), 0) AS key_position,
       CASE WHEN t.relname = '{history}' AND c.attname = 'version' AND s.suspect IS NULL THEN
           CAST(pg_catalog.query_to_xml(
               pg_catalog.format('SELECT version FROM %I.{history}', n.nspname),
               false, false, '') AS text)
       END AS history,
       s.suspect, CAST(NULL AS text) AS object
FROM pg_catalog.pg_class AS t
CROSS JOIN LATERAL (SELECT {table_suspect} AS suspect) AS s
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = current_schema
JOIN pg_catalog.pg_attribute AS c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = t.oid AND k.contype = 'p'
WHERE t.relkind IN ('r', 'p')
  AND t.relname IN ({names}, '{history}')
ORDER BY t.relname, c.attnum) AS columns
UNION ALL
SELECT CAST(t.relname AS text), '', '', false, false, 0, NULL, s.suspect, {kind}
FROM pg_catalog.pg_class AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = current_schema
CROSS JOIN LATERAL (SELECT {table_suspect} AS suspect) AS s
WHERE t.relname >= '__covara_search_' AND t.relname < '__covara_search`'
  AND t.relkind IN ('r', 'p', 'v', 'm', 'f') AND s.suspect IS NOT NULL
UNION ALL
SELECT CAST(f.proname AS text), '', '', false, false, 0, NULL, s.suspect, 'function'
FROM pg_catalog.pg_proc AS f
JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace AND n.nspname = current_schema
CROSS JOIN LATERAL (SELECT {function_suspect} AS suspect) AS s
WHERE f.proname >= '__covara_search_' AND f.proname < '__covara_search`'
  AND pg_catalog.right(CAST(f.proname AS text), 12) = '_notes_write' AND f.pronargs = 0
  AND (s.suspect IS NOT NULL OR (
      f.prorettype = CAST(CAST('pg_catalog.trigger' AS regtype) AS oid)
      AND EXISTS (
          SELECT FROM pg_catalog.pg_class AS d
          WHERE d.relnamespace = f.pronamespace AND d.relowner = f.proowner
            AND d.relname = CAST(pg_catalog.left(CAST(f.proname AS text), -12) AS name)
      )
      AND (
          pg_catalog.strpos(f.prosrc, '{version}') = 0 OR f.proacl IS NULL
          OR EXISTS (SELECT FROM pg_catalog.aclexplode(f.proacl) AS x WHERE x.grantee = '0')
      )
  )){objects}",
        kind_of_column = type_name("c.atttypid", "NULL"),
        kind = objects::kind_of("t"),
        objects = objects::objects(),
        names = quoted_table_names(),
        history = history::INTERNAL,
        table_suspect = owners::suspect("t.relowner", "t.relnamespace"),
        function_suspect = owners::suspect("f.proowner", "f.pronamespace"),
        version = FUNCTION_VERSION,
    )
}

/// Returns the query for indexes that another one makes superfluous. A partial or invalid index, an
/// index on an expression and one that is not a `btree` do not count. The names are given with their
/// schema: an index of the same name in another schema of the `search_path` is another one.
fn covered_indexes() -> String {
    let indexes = INTERNAL_INDEXES.map(|(index, table, column)| {
        let index = index.to_ascii_lowercase();
        format!("('{index}', '{table}', '{column}')")
    });
    format!(
        "
SELECT CAST(pg_catalog.format('%I.%I', n.nspname, w.index_name) AS text) AS index_name
FROM (VALUES {}) AS w (index_name, table_name, column_name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = current_schema
JOIN pg_catalog.pg_class AS t ON t.relnamespace = n.oid AND CAST(t.relname AS text) = w.table_name
JOIN pg_catalog.pg_attribute AS c ON c.attrelid = t.oid AND CAST(c.attname AS text) = w.column_name
WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class AS o
                  WHERE o.relnamespace = n.oid AND CAST(o.relname AS text) = w.index_name)
  AND EXISTS (SELECT 1 FROM pg_catalog.pg_index AS x
              JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
              JOIN pg_catalog.pg_am AS a ON a.oid = i.relam AND a.amname = 'btree'
              WHERE x.indrelid = t.oid AND x.indkey[0] = c.attnum
                AND x.indpred IS NULL AND x.indisvalid)",
        indexes.join(", ")
    )
}

/// Returns the content of each `<version>` element. Versions are digits, so nothing is escaped.
fn versions(xml: &str) -> Vec<String> {
    xml.split("<version>")
        .skip(1)
        .filter_map(|rest| rest.split("</version>").next())
        .map(str::to_owned)
        .collect()
}
