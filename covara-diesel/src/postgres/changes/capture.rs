//! A logged table as the server has it.

use diesel::pg::Pg;

use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::changes::{CapturedTable, ChangeError};
use crate::postgres::names::table_oid;

/// A column with the SQL that reads it for JSON.
#[derive(Debug)]
pub(super) struct LoggedColumn {
    pub(super) name: String,
    pub(super) value: String,
    /// `true` for texts and blobs.
    pub(super) may_be_long: bool,
}

/// A table, or one whose rows it includes: a partition, or a table that inherits.
#[derive(Debug)]
pub(super) struct TablePart {
    pub(super) oid: i64,
    /// The name as SQL.
    pub(super) name: String,
    /// `true` if the table has rows of its own.
    pub(super) is_plain: bool,
    /// `true` if row triggers of its table fire for it.
    pub(super) is_partition: bool,
    /// What a partition does not share with one that is attached later.
    mark: String,
}

/// A table that is logged.
#[derive(Debug, Default)]
pub(super) struct LoggedRelation {
    pub(super) columns: Vec<LoggedColumn>,
    /// The names of the primary key's columns.
    pub(super) key: Vec<String>,
    /// The table itself, and its parts.
    pub(super) parts: Vec<TablePart>,
    /// `true` if somebody's triggers may write to the table while a statement does.
    pub(super) has_row_triggers: bool,
}

impl LoggedRelation {
    /// Returns what distinguishes the table from one that took its place.
    pub(super) fn mark(&self) -> String {
        let marks = self
            .parts
            .iter()
            .map(|part| format!("{}{}", part.oid, part.mark));
        marks.collect::<Vec<_>>().join(" ")
    }
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns SQL that reads a column so that its JSON is exact. JSON's numbers of any length are not
/// for serde, so `numeric` becomes text. The conversion of a type to JSON is its owner's to define,
/// and the trigger's function has the rights of the log's owner: values of types that are not the
/// server's become text by their output functions.
fn value(column: &str, class: &str) -> String {
    match class {
        "plain" | "long" => column.to_owned(),
        "number" => format!("CAST({column} AS text)"),
        "numbers" => format!("CAST({column} AS text[])"),
        _ => format!("CASE WHEN {column} IS NOT NULL THEN format('%s', {column}) END"),
    }
}

pub(super) fn find<C>(conn: &mut C, table: &CapturedTable) -> Result<LoggedRelation, ChangeError>
where
    C: BackendConnection<Backend = Pg>,
{
    let sql = match &table.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(&table.table)),
        None => quoted(&table.table),
    };
    let rows = Sql::once(format!(
        "WITH RECURSIVE root AS (SELECT {oid} AS oid),
         parts (part) AS (
             SELECT r.oid FROM root AS r
             UNION
             SELECT i.inhrelid FROM parts AS p JOIN pg_catalog.pg_inherits AS i
                 ON i.inhparent = p.part
         )
         SELECT 'part', pg_catalog.format('%I.%I', s.nspname, c.relname), CAST(c.oid AS bigint),
             CAST(CASE WHEN c.relispartition AND c.oid <> r.oid THEN 1 ELSE 0 END AS bigint),
             CAST(c.relkind AS text),
             (SELECT pg_catalog.string_agg(pg_catalog.concat('/', i.xmin), '' ORDER BY i.inhparent)
              FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid AND c.oid <> r.oid)
         FROM root AS r, parts AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.part
         JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
         UNION ALL
         SELECT 'column', CAST(a.attname AS text), CAST(a.attnum AS bigint),
             (SELECT k.place FROM pg_catalog.pg_index AS i,
                  pg_catalog.unnest(CAST(i.indkey AS smallint[])) WITH ORDINALITY AS k (attnum, place)
              WHERE i.indrelid = r.oid AND i.indisprimary AND k.attnum = a.attnum
                  AND k.place <= i.indnkeyatts),
             CASE WHEN b.oid IN ('17', '25', '1042', '1043') THEN 'long' WHEN b.oid = '1700' THEN 'number' WHEN b.oid = '1231' THEN 'numbers'
                 WHEN b.oid < '16384' THEN 'plain' ELSE 'foreign' END,
             NULL
         FROM root AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid
         JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
         JOIN pg_catalog.pg_type AS b
             ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
         WHERE a.attnum > 0 AND NOT a.attisdropped
         UNION ALL
         SELECT 'parent', CAST(c.relname AS text), CAST(c.oid AS bigint), NULL, NULL, NULL
         FROM root AS r JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = r.oid
         JOIN pg_catalog.pg_class AS c ON c.oid = i.inhparent
         UNION ALL
         SELECT 'trigger', CAST(g.tgname AS text), CAST(g.tgtype AS bigint), NULL, NULL, NULL
         FROM parts AS p JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = p.part
         JOIN pg_catalog.pg_proc AS f ON f.oid = g.tgfoid
         WHERE NOT g.tgisinternal AND f.proname NOT LIKE '\\_\\_covara\\_%'
             AND CAST(g.tgtype AS integer) & 1 = 1 AND CAST(g.tgtype AS integer) & 66 = 0
         ORDER BY 1, 3",
        oid = table_oid(&sql)
    ));
    let mut found = LoggedRelation::default();
    let mut key = Vec::new();
    for row in conn.load(rows)? {
        let row = row?;
        let (Some(kind), Some(name), Some(number)) =
            (text(&row, 0), text(&row, 1), integer(&row, 2))
        else {
            continue;
        };
        let class = text(&row, 4).unwrap_or_default();
        match kind.as_str() {
            "part" => found.parts.push(TablePart {
                oid: number,
                name,
                is_plain: class == "r",
                is_partition: integer(&row, 3) == Some(1),
                mark: text(&row, 5).unwrap_or_default(),
            }),
            "column" => {
                let value = value(&quoted(&name), &class);
                if let Some(place) = integer(&row, 3) {
                    key.push((place, name.clone()));
                }
                found.columns.push(LoggedColumn {
                    name,
                    value,
                    may_be_long: class == "long",
                });
            }
            "parent" => {
                return Err(ChangeError::Part {
                    table: table.name(),
                    parent: name,
                });
            }
            _ => found.has_row_triggers = true,
        }
    }
    let is_table = found.parts.iter().any(|part| !part.is_partition);
    if !is_table {
        return Err(ChangeError::NoTable {
            table: table.name(),
        });
    }
    if key.is_empty() {
        return Err(ChangeError::NoKey {
            table: table.name(),
        });
    }
    key.sort();
    found.key = key.into_iter().map(|(_, name)| name).collect();
    Ok(found)
}
