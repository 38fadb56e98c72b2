//! A temporary table in which rows wait to be compared with existing rows.
//!
//! `ON CONFLICT` looks into an index for each row. For many rows at once, a join separates new rows
//! from existing ones several times as fast, and the remaining rows need no `ON CONFLICT`. The
//! table lives inside the seed's transaction, so it works behind a transaction pooler.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use super::update::StagedUpdate;
use crate::backend::connection::BackendConnection;
use crate::seed::conflict::UpdateColumns;
use crate::seed::foreign_key::ForeignKey;
use crate::seed::report::Counts;
use crate::seed::stage::{Stage, StageInsert, Stages};

/// Name of the table. `ROW_NUMBER` is the column that keeps the order of the rows.
pub(super) const TABLE: &str = "pg_temp.__covara_seed";
const NAME: &str = "__covara_seed";
pub(super) const ROW_NUMBER: &str = "__covara_row";
/// Name of the index on that column, which updates create.
pub(super) const NUMBER_INDEX: &str = "__covara_seed_row";

#[derive(Debug, QueryableByName)]
struct UniqueIndex {
    #[diesel(sql_type = Text)]
    condition: String,
    #[diesel(sql_type = Array<Text>)]
    columns: Vec<String>,
}

/// The query for the condition under which a new row conflicts with an existing one, for each
/// unique index over seeded columns only.
///
/// Left out is every index for which `=` could consider more rows equal than the index does:
/// partial ones, expressions, other operator classes or collations, and foreign types. Left out are
/// also the indexes of a table with children by inheritance, which they do not cover, of a table
/// whose BEFORE triggers (type bits 1, 2 and 4: row, before, insert) may give a row other values,
/// and of one with CHECK constraints, which a row must satisfy even if it exists already. Conflicts
/// with such an index, or within the input, are handled by the insert itself.
const UNIQUE_INDEXES: &str = r#"
SELECT pg_catalog.string_agg(
           pg_catalog.format('present.%1$I OPERATOR(pg_catalog.=) new.%1$I', c.attname), ' AND '
       ) AS condition,
       pg_catalog.array_agg(CAST(c.attname AS text)) AS columns
FROM pg_catalog.pg_index AS i
CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[])
    WITH ORDINALITY AS k (attnum, opclass, "collation", position)
LEFT JOIN pg_catalog.pg_attribute AS c ON c.attrelid = i.indrelid AND c.attnum = k.attnum
LEFT JOIN pg_catalog.pg_type AS t ON t.oid = c.atttypid
LEFT JOIN pg_catalog.pg_opclass AS o ON o.oid = k.opclass
WHERE i.indrelid = CAST($1::regclass AS oid) AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h
                  JOIN pg_catalog.pg_class AS child ON child.oid = h.inhrelid
                  WHERE h.inhparent = i.indrelid AND NOT child.relispartition)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS g
                  WHERE NOT g.tgisinternal AND CAST(g.tgtype AS integer) & 7 = 7
                    AND (g.tgrelid = i.indrelid OR g.tgrelid IN
                         (SELECT CAST(relid AS oid) FROM pg_catalog.pg_partition_tree(i.indrelid))))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                  WHERE k.contype = 'c'
                    AND (k.conrelid = i.indrelid OR k.conrelid IN
                         (SELECT CAST(relid AS oid) FROM pg_catalog.pg_partition_tree(i.indrelid))))
  AND i.indpred IS NULL AND i.indexprs IS NULL AND k.position <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary
HAVING pg_catalog.bool_and(c.attname = ANY($2) AND o.opcdefault AND k."collation" = c.attcollation
                AND t.typnamespace = CAST('pg_catalog'::regnamespace AS oid))
ORDER BY i.indisprimary DESC, i.indexrelid"#;

#[derive(QueryableByName)]
struct RequiredColumns {
    #[diesel(sql_type = Nullable<Text>)]
    actions: Option<String>,
}

const REQUIRED_COLUMNS: &str = "
SELECT pg_catalog.string_agg(
           pg_catalog.format('ALTER COLUMN %I SET NOT NULL', c.attname), ', '
       ) AS actions
FROM pg_catalog.pg_attribute AS c
WHERE c.attrelid = CAST($1::regclass AS oid) AND c.attname = ANY($2) AND c.attnotnull";

/// A temporary table for the rows of one table.
#[derive(Debug)]
struct SeedStage {
    /// The quoted name of the table that the rows are for.
    table: String,
    /// The seeded columns, quoted and separated by commas.
    columns: String,
    /// The unique indexes by which existing rows can be left out.
    indexes: Vec<UniqueIndex>,
    /// SQL that leaves out rows that already exist.
    filter: String,
}

impl SeedStage {
    /// Creates the temporary table for `columns` of `table` (quoted).
    fn open<C>(conn: &mut C, table: &str, columns: &[String]) -> QueryResult<Self>
    where
        C: BackendConnection<Backend = Pg>,
    {
        let list: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let list = list.join(", ");
        conn.batch_execute(&format!(
            "CREATE TEMPORARY TABLE {TABLE} ON COMMIT DROP AS
             SELECT NULL::bigint AS {ROW_NUMBER}, {list} FROM {table} WITH NO DATA"
        ))?;
        let indexes = diesel::sql_query(UNIQUE_INDEXES)
            .bind::<Text, _>(table)
            .bind::<Array<Text>, _>(columns)
            .load::<UniqueIndex>(conn)?;
        if !indexes.is_empty() {
            // A row that is filtered out is not checked by the table's constraints, so the stage
            // must reject what the table would reject.
            let required = diesel::sql_query(REQUIRED_COLUMNS)
                .bind::<Text, _>(table)
                .bind::<Array<Text>, _>(columns)
                .get_result::<RequiredColumns>(conn)?;
            if let Some(actions) = required.actions {
                conn.batch_execute(&format!("ALTER TABLE {TABLE} {actions}"))?;
            }
        }
        let filter = indexes
            .iter()
            .map(|UniqueIndex { condition, .. }| {
                format!(" AND NOT EXISTS (SELECT FROM {table} AS present WHERE {condition})")
            })
            .collect();
        Ok(Self {
            table: table.to_owned(),
            columns: list,
            indexes,
            filter,
        })
    }
}

impl<C: BackendConnection<Backend = Pg>> Stage<C> for SeedStage {
    fn table(&self) -> &'static str {
        TABLE
    }

    fn first_rows(&self, column: &str) -> String {
        format!("(SELECT DISTINCT ON ({column}) * FROM {TABLE} ORDER BY {column}, {ROW_NUMBER})")
    }

    fn number_from(&self, conn: &mut C, first: usize) -> QueryResult<()> {
        conn.batch_execute(&format!(
            "ALTER TABLE {TABLE} ALTER COLUMN {ROW_NUMBER} SET NOT NULL,
                 ALTER COLUMN {ROW_NUMBER}
                     ADD GENERATED BY DEFAULT AS IDENTITY (START WITH {first})"
        ))
    }

    fn is_filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    fn insert(
        &self,
        conn: &mut C,
        numbers: Option<(usize, usize)>,
        conflicts: StageInsert,
    ) -> QueryResult<usize> {
        let Self {
            table,
            columns,
            filter,
            ..
        } = self;
        let range = numbers.map_or_else(
            || "true".to_owned(),
            |(first, last)| format!("{ROW_NUMBER} BETWEEN {first} AND {last}"),
        );
        let (filter, conflict) = match conflicts {
            StageInsert::Filter => (filter.as_str(), ""),
            StageInsert::Ignore => (filter.as_str(), "ON CONFLICT DO NOTHING"),
            StageInsert::Refuse => ("", ""),
        };
        diesel::sql_query(format!(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE
             SELECT {columns} FROM {TABLE} AS new WHERE {range}{filter}
             ORDER BY {ROW_NUMBER} {conflict}"
        ))
        .execute(conn)
    }

    fn update(
        &self,
        conn: &mut C,
        numbers: (usize, usize),
        columns: &UpdateColumns,
    ) -> QueryResult<Counts> {
        let is_key = |index: &&UniqueIndex| {
            let is_in = |column: &String| columns.key.contains(&quoted(column));
            index.columns.len() == columns.key.len() && index.columns.iter().all(is_in)
        };
        let key = self.indexes.iter().find(is_key);
        let update = StagedUpdate {
            table: &self.table,
            list: &self.columns,
            condition: key
                .filter(|_| !columns.nulls_are_equal)
                .map(|index| index.condition.as_str()),
            columns,
        };
        update.run(conn, numbers)
    }

    fn row(
        &self,
        conn: &mut C,
        key: &ForeignKey,
        details: &str,
        is_new: bool,
    ) -> QueryResult<Option<usize>> {
        let filter = if is_new { self.filter.as_str() } else { "" };
        row(conn, NAME, filter, key, details)
    }

    fn clear(&self, conn: &mut C) -> QueryResult<()> {
        conn.batch_execute(&format!("TRUNCATE {TABLE}"))
    }

    /// The next table of the seed has other columns.
    fn close(self: Box<Self>, conn: &mut C) -> QueryResult<()> {
        conn.batch_execute(&format!("DROP TABLE {TABLE}"))
    }

    fn keep(self: Box<Self>, conn: &mut C, position: usize) -> QueryResult<()> {
        let name = kept_name(position);
        // The next stage needs the name for an index of its own.
        conn.batch_execute(&format!(
            "DROP INDEX IF EXISTS pg_temp.{NUMBER_INDEX}; ALTER TABLE {TABLE} RENAME TO {name}"
        ))
    }
}

/// Opens the stages of PostgreSQL.
#[derive(Debug)]
pub(super) struct SeedStages;

impl<C: BackendConnection<Backend = Pg>> Stages<C> for SeedStages {
    fn open(
        &self,
        conn: &mut C,
        table: &str,
        columns: &[String],
    ) -> QueryResult<Box<dyn Stage<C>>> {
        Ok(Box::new(SeedStage::open(conn, table, columns)?))
    }

    fn kept_row(
        &self,
        conn: &mut C,
        position: usize,
        key: &ForeignKey,
        details: &str,
    ) -> QueryResult<Option<usize>> {
        row(conn, &kept_name(position), "", key, details)
    }

    fn drop_kept(&self, conn: &mut C, position: usize) -> QueryResult<()> {
        let name = kept_name(position);
        conn.batch_execute(&format!("DROP TABLE pg_temp.{name}"))
    }
}

/// Returns a name as SQL.
pub(super) fn quoted(column: &str) -> String {
    format!("\"{}\"", column.replace('"', "\"\""))
}

/// Returns the name of a stage that is kept until the end of the seed.
fn kept_name(position: usize) -> String {
    format!("{NAME}_{position}")
}

#[derive(QueryableByName)]
struct FirstRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    number: Option<i64>,
}

/// Returns the first row of the stage `name` with the values that the details of an error about a
/// foreign key name: `Key (a, b)=(1, 2) is not present in table …`, in the server's language.
fn row<C>(
    conn: &mut C,
    name: &str,
    filter: &str,
    key: &ForeignKey,
    details: &str,
) -> QueryResult<Option<usize>>
where
    C: BackendConnection<Backend = Pg>,
{
    let columns: Vec<String> = key.columns.iter().map(|it| format!("new.{it}")).collect();
    let no_null: Vec<String> = columns
        .iter()
        .map(|it| format!("{it} IS NOT NULL"))
        .collect();
    let places = vec!["%s"; columns.len()].join(", ");
    let first = diesel::sql_query(format!(
        "SELECT pg_catalog.min({ROW_NUMBER}) AS number FROM pg_temp.{name} AS new
         WHERE {} AND pg_catalog.strpos($1, pg_catalog.format(')=({places})', {})) > 0{filter}",
        no_null.join(" AND "),
        columns.join(", ")
    ))
    .bind::<Text, _>(details)
    .get_result::<FirstRow>(conn)?;
    Ok(first.number.and_then(|number| number.try_into().ok()))
}
