//! Tables as PostgreSQL's catalogue describes them, for a dump.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::SqlQuery;
use diesel::sql_types::{BigInt, Bool, Nullable, Oid, Text};

use super::{as_text, quoted};
use crate::backend::column::TableColumn;
use crate::backend::connection::BackendConnection;
use crate::dump::DumpError;
use crate::dump::engine::{DumpColumn, DumpTable, PageKey, TableName};
use crate::internal_tables::{DIESELS_HISTORY, quoted_table_names};
use crate::postgres::describe;

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    schema: String,
}

/// Lists the tables of the application in the current schema, but for those without a column that a
/// seed could fill.
pub(super) fn list<C>(conn: &mut C) -> QueryResult<Vec<TableName>>
where
    C: BackendConnection<Backend = Pg>,
{
    let names = tables("n.nspname = current_schema").load::<Name>(conn)?;
    let names = names.into_iter().map(|Name { name, schema }| TableName {
        name,
        schema: Some(schema),
    });
    Ok(names.collect())
}

/// Lists such tables in other schemas than the current one.
pub(super) fn left_out<C>(conn: &mut C) -> QueryResult<Vec<String>>
where
    C: BackendConnection<Backend = Pg>,
{
    // No operator that a stranger may have made for names and texts.
    let elsewhere = "n.nspname IS DISTINCT FROM current_schema
        AND CAST(n.nspname AS text) OPERATOR(pg_catalog.!~~) 'pg\\_%'
        AND CAST(n.nspname AS text) OPERATOR(pg_catalog.<>) 'information_schema'";
    let names = tables(elsewhere).load::<Name>(conn)?;
    let names = names.into_iter();
    Ok(names
        .map(|Name { name, schema }| format!("{schema}.{name}"))
        .collect())
}

fn tables(in_schema: &str) -> SqlQuery {
    diesel::sql_query(format!(
        "SELECT CAST(t.relname AS text) AS name, CAST(n.nspname AS text) AS schema
         FROM pg_catalog.pg_class AS t
         JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
         WHERE {in_schema}
           AND t.relkind IN ('r', 'p') AND NOT t.relispartition
           AND EXISTS (
               SELECT FROM pg_catalog.pg_attribute AS c
               WHERE c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped AND c.attgenerated = ''
           )
           AND t.relname NOT IN ({}, '{DIESELS_HISTORY}')
           AND NOT (t.relname >= '__covara_' AND t.relname < '__covara`')
           AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
               WHERE d.classid = CAST('pg_catalog.pg_class'::regclass AS oid) AND d.objid = t.oid
                 AND d.deptype = 'e'
           )
         ORDER BY n.nspname, t.relname",
        quoted_table_names()
    ))
}

/// A table that was found by its name, which depends on the user's `search_path`.
pub(super) struct Found {
    name: String,
    columns: Vec<TableColumn>,
    oid: u32,
}

#[derive(QueryableByName)]
struct Object {
    #[diesel(sql_type = Nullable<Oid>)]
    oid: Option<u32>,
}

pub(super) fn find<C>(conn: &mut C, table: TableName) -> Result<Found, DumpError>
where
    C: BackendConnection<Backend = Pg>,
{
    let unknown = |table| Err(DumpError::UnknownTable { table });
    let TableName { name, schema } = table;
    let description = match schema {
        Some(schema) => {
            let table = format!("{}.{}", quoted(&schema), quoted(&name));
            describe::quoted(conn, table)?
        }
        None => describe::table(conn, &name)?,
    };
    let Some(description) = description else {
        return unknown(name);
    };
    let object = diesel::sql_query("SELECT CAST(pg_catalog.to_regclass($1) AS oid) AS oid")
        .bind::<Text, _>(&description.table)
        .get_result::<Object>(conn)?;
    match object.oid {
        Some(oid) => Ok(Found {
            name,
            columns: description.columns,
            oid,
        }),
        None => unknown(name),
    }
}

#[derive(QueryableByName)]
struct Relation {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    schema: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    can_copy: bool,
}

/// PGlite's server ends at a COPY.
const RELATION: &str = "
SELECT CAST(r.relkind AS text) AS kind, CAST(n.nspname AS text) AS schema,
       CAST(r.relname AS text) AS name, version() NOT LIKE '%PGlite%' AS can_copy
FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = r.relnamespace WHERE r.oid = $1";

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    /// Position in the primary key, from 1; 0 outside of it.
    #[diesel(sql_type = BigInt)]
    key_position: i64,
    /// `true` if texts are sorted otherwise than by their bytes.
    #[diesel(sql_type = Bool)]
    has_language: bool,
    #[diesel(sql_type = Bool)]
    is_refused: bool,
    #[diesel(sql_type = Text)]
    sql_type: String,
    /// The operator of the primary key's index by which values come after others.
    #[diesel(sql_type = Nullable<Text>)]
    greater: Option<String>,
}

/// The columns of a table, and whether a part of a column's type is one whose texts cannot be read
/// back: `money` is written and read by `lc_monetary`, which another session may have another value
/// of, and the others have no input function. Texts need no collation of the dump's own, which an
/// index of the key would not have, where that of the column or of the database (100) sorts by bytes.
const COLUMNS: &str = "
WITH RECURSIVE parts AS (
    SELECT c.attnum, c.atttypid AS type FROM pg_attribute AS c
    WHERE c.attrelid = $1 AND c.attnum > 0 AND NOT c.attisdropped
    UNION
    SELECT p.attnum, inside.type FROM parts AS p JOIN pg_type AS t ON t.oid = p.type
    CROSS JOIN LATERAL (
        SELECT t.typbasetype AS type WHERE t.typbasetype <> '0'
        UNION ALL SELECT t.typelem WHERE t.typelem <> '0'
        UNION ALL SELECT a.atttypid FROM pg_attribute AS a
            WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT r.rngsubtype FROM pg_range AS r WHERE r.rngtypid = t.oid
    ) AS inside
)
SELECT CAST(c.attname AS text) AS name,
       coalesce((SELECT k.position FROM pg_index AS i,
                     unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS k (attnum, position)
                 WHERE i.indrelid = c.attrelid AND i.indisprimary AND k.attnum = c.attnum
                   AND k.position <= i.indnkeyatts), 0) AS key_position,
       c.attcollation <> '0' AND NOT EXISTS (
           SELECT FROM pg_collation AS l, pg_database AS d
           WHERE l.oid = c.attcollation AND d.datname = current_database()
             AND CASE WHEN l.oid = '100'
                 THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
                      AND d.datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
                 ELSE l.collprovider = 'c' AND l.collcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
             END) AS has_language,
       EXISTS (SELECT FROM parts AS p JOIN pg_type AS t ON t.oid = p.type
               WHERE p.attnum = c.attnum AND t.typnamespace = CAST('pg_catalog'::regnamespace AS oid)
                 AND t.typname IN ('money', 'pg_node_tree', 'pg_ndistinct', 'pg_dependencies',
                     'pg_mcv_list', 'pg_brin_bloom_summary', 'pg_brin_minmax_multi_summary',
                     'gtsvector')) AS is_refused,
       format_type(c.atttypid, c.atttypmod) AS sql_type,
       (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
        FROM pg_index AS i
        CROSS JOIN unnest(CAST(i.indkey AS int2[]), CAST(i.indclass AS oid[])) AS k (attnum, class)
        JOIN pg_opclass AS oc ON oc.oid = k.class
        JOIN pg_amop AS a ON a.amopfamily = oc.opcfamily AND a.amoplefttype = oc.opcintype
            AND a.amoprighttype = oc.opcintype AND a.amopstrategy = 5
        JOIN pg_operator AS o ON o.oid = a.amopopr JOIN pg_namespace AS n ON n.oid = o.oprnamespace
        WHERE i.indrelid = c.attrelid AND i.indisprimary AND k.attnum = c.attnum) AS greater
FROM pg_attribute AS c
WHERE c.attrelid = $1 AND c.attnum > 0 AND NOT c.attisdropped
ORDER BY c.attnum";

/// Describes a table in the session that [`SETTINGS`](super::SETTINGS) have made.
pub(super) fn describe<C>(conn: &mut C, found: Found) -> Result<DumpTable, DumpError>
where
    C: BackendConnection<Backend = Pg>,
{
    let Found { name, columns, oid } = found;
    let relation = diesel::sql_query(RELATION)
        .bind::<Oid, _>(oid)
        .get_result::<Relation>(conn)?;
    // The children of a table by inheritance are tables of their own. A partitioned table has no
    // row but those of its parts.
    let only = match relation.kind.as_str() {
        "r" => "ONLY ",
        "p" => "",
        kind => {
            let kind = match kind {
                "v" => "a view",
                "f" => "a foreign table",
                _ => "no table",
            };
            return Err(DumpError::NotATable {
                table: name,
                found: kind.to_owned(),
            });
        }
    };
    let mut real = diesel::sql_query(COLUMNS)
        .bind::<Oid, _>(oid)
        .load::<Column>(conn)?;
    let columns = DumpColumn::of(columns);
    for column in &columns {
        let mut refused = real.iter().filter(|real| real.is_refused);
        if let Some(Column { sql_type, .. }) = refused.find(|real| real.name == column.name) {
            return Err(DumpError::Type {
                table: name,
                column: column.name.clone(),
                sql_type: sql_type.clone(),
            });
        }
    }
    real.retain(|column| column.key_position > 0);
    real.sort_by_key(|column| column.key_position);
    Ok(DumpTable {
        name,
        table: format!(
            "{only}{}.{}",
            quoted(&relation.schema),
            quoted(&relation.name)
        ),
        order: order(&columns, &real).join(", "),
        page_keys: page_keys(&columns, &real),
        key: real.into_iter().map(|column| column.name).collect(),
        columns,
        can_copy: relation.can_copy,
    })
}

/// Columns from which on a table without a key is sorted by the texts of its rows: PostgreSQL takes
/// 1,664 expressions, of which each column that is sorted by takes a second one
/// (<https://www.postgresql.org/docs/current/limits.html>).
const WIDE: usize = 800;

/// Sorts by the key, texts by their bytes. Without a key it sorts by the texts of all columns, as
/// some types have no order.
fn order(columns: &[DumpColumn], key: &[Column]) -> Vec<String> {
    if key.is_empty() {
        let texts = texts(columns).into_iter();
        return texts.map(|text| by_bytes(&text)).collect();
    }
    let of_key = key.iter().map(|column| match column.has_language {
        true => by_bytes(&quoted(&column.name)),
        false => quoted(&column.name),
    });
    of_key.collect()
}

fn by_bytes(text: &str) -> String {
    format!("{text} COLLATE pg_catalog.\"C\"")
}

/// Returns the texts by which rows without a key are sorted.
fn texts(columns: &[DumpColumn]) -> Vec<String> {
    if columns.len() > WIDE {
        let columns: Vec<String> = columns.iter().map(|it| quoted(&it.name)).collect();
        return vec![format!(
            "pg_catalog.format('%s', ROW({}))",
            columns.join(", ")
        )];
    }
    let texts = columns
        .iter()
        .map(|column| format!("({})", as_text(&column.name)));
    texts.collect()
}

/// Returns what pages begin after, in the order of the rows. Without a key, rows may be the same, so
/// that their places follow.
fn page_keys(columns: &[DumpColumn], key: &[Column]) -> Vec<PageKey> {
    let page_key = |expression: String, sql_type: &str| PageKey {
        expression,
        sql_type: sql_type.to_owned(),
        greater: "OPERATOR(pg_catalog.>)".to_owned(),
    };
    if key.is_empty() {
        // Arrays sort as the texts do, NULLs last.
        let texts = format!(
            "({})",
            by_bytes(&format!("ARRAY[{}]", texts(columns).join(", ")))
        );
        return vec![
            page_key(texts, "text[]"),
            page_key("tableoid".to_owned(), "oid"),
            page_key("ctid".to_owned(), "tid"),
        ];
    }
    let keys = order(columns, key).into_iter().zip(key);
    let keys = keys.map(|(expression, column)| PageKey {
        expression: format!("({expression})"),
        sql_type: column.sql_type.clone(),
        greater: column.greater.clone().unwrap_or_default(),
    });
    keys.collect()
}
