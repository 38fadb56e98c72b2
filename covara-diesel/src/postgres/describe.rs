//! Tables as PostgreSQL's catalogue describes them.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Date, Integer, Json, Jsonb, Nullable, Text, Time, Timestamp, Timestamptz};

use crate::backend::answer::holds;
use crate::backend::column::JsonText;
use crate::backend::column::{
    CatalogueColumn, ColumnKind, ColumnValue, Days, Limit, Micros, TableDescription, visit_value,
};
use crate::backend::connection::BackendConnection;
use crate::postgres::types::type_name;
use crate::seed::ColumnVisitor;

/// Returns the query for the columns of a table. A domain counts as its ultimate base type, with the
/// constraints and the defaults on the way. The type modifier -1 prevents `character[]` from meaning
/// one character each.
fn columns() -> String {
    format!(
        "
WITH RECURSIVE domains AS (
    SELECT c.attnum, c.atttypid AS type, c.atttypmod AS modifier, false AS not_null,
           false AS has_default
    FROM pg_catalog.pg_attribute AS c
    WHERE c.attrelid = CAST(pg_catalog.to_regclass($1) AS oid) AND c.attnum > 0 AND NOT c.attisdropped
    UNION ALL
    SELECT d.attnum, t.typbasetype, t.typtypmod, d.not_null OR t.typnotnull,
           d.has_default OR t.typdefault IS NOT NULL
    FROM domains AS d JOIN pg_catalog.pg_type AS t ON t.oid = d.type AND t.typtype = 'd'
)
SELECT c.attname::text AS name, {kind} AS kind, d.modifier,
       t.typtype IN ('r', 'm') AS is_range,
       NOT (c.attnotnull OR d.not_null) AS nullable,
       c.atthasdef OR c.attidentity <> '' OR d.has_default
           OR NOT (c.attnotnull OR d.not_null) AS optional,
       c.attgenerated <> '' AS generated,
       CASE WHEN c.attgenerated <> '' THEN 'same'
            WHEN c.attidentity <> '' OR NOT (c.atthasdef OR d.has_default) THEN 'new'
            WHEN (SELECT pg_catalog.strpos(pg_catalog.regexp_replace(
                      pg_catalog.pg_get_expr(f.adbin, f.adrelid), '''[^'']*''', '', 'g'), '(') > 0
                  FROM pg_catalog.pg_attrdef AS f
                  WHERE f.adrelid = c.attrelid AND f.adnum = c.attnum) THEN 'new'
            ELSE 'same' END AS absent
FROM domains AS d
JOIN pg_catalog.pg_type AS t ON t.oid = d.type AND t.typtype <> 'd'
JOIN pg_catalog.pg_attribute AS c ON c.attrelid = CAST(pg_catalog.to_regclass($1) AS oid) AND c.attnum = d.attnum
JOIN pg_catalog.pg_class AS r ON r.oid = c.attrelid AND r.relkind IN ('r', 'p', 'v', 'f')
ORDER BY c.attnum",
        kind = type_name("d.type", "-1"),
    )
}

/// Describes a table. A name with a dot is first looked up as a table's own, then as schema and
/// table.
pub(super) fn table<C>(conn: &mut C, name: &str) -> QueryResult<Option<TableDescription>>
where
    C: BackendConnection<Backend = Pg>,
{
    let quote = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    let in_schema = name.split_once('.');
    let in_schema = in_schema.map(|(schema, table)| format!("{}.{}", quote(schema), quote(table)));
    for table in [Some(quote(name)), in_schema].into_iter().flatten() {
        let found = quoted(conn, table)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Describes a table by its quoted name.
pub(super) fn quoted<C>(conn: &mut C, table: String) -> QueryResult<Option<TableDescription>>
where
    C: BackendConnection<Backend = Pg>,
{
    let columns = diesel::sql_query(columns())
        .bind::<Text, _>(&table)
        .load::<Column>(conn)?;
    let limits: Vec<_> = columns.iter().map(Column::limit).collect();
    let columns = columns.into_iter().map(|column| column.column);
    let found = TableDescription::of(table.clone(), columns.collect(), kind);
    if let Some(mut found) = found {
        for (column, limit) in found.columns.iter_mut().zip(limits) {
            column.limit = limit;
        }
        return Ok(Some(found));
    }
    let literal = table.replace('\'', "''");
    let is_table = format!(
        "EXISTS (SELECT FROM pg_catalog.pg_class
                 WHERE oid = CAST(pg_catalog.to_regclass('{literal}') AS oid)
                   AND relkind IN ('r', 'p', 'v', 'f'))"
    );
    let columns = Vec::new();
    let without_columns = TableDescription { table, columns };
    Ok(holds(conn, &is_table)?.then_some(without_columns))
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(embed)]
    column: CatalogueColumn,
    /// The type modifier, as `pg_attribute.atttypmod` has it.
    #[diesel(sql_type = Integer)]
    modifier: i32,
}

impl Column {
    /// Decodes the type modifier, whose form each type has for itself:
    /// <https://github.com/postgres/postgres/tree/REL_18_STABLE/src/backend/utils/adt>.
    fn limit(&self) -> Option<Limit> {
        /// The bytes of a value's length, which counts as part of it.
        const HEADER: i32 = 4;
        /// The bytes of PostgreSQL's names, but for the zero at the end.
        const NAME: usize = 63;
        let given = (self.modifier >= 0).then_some(self.modifier);
        let length = || usize::try_from(given? - HEADER).ok();
        match self.column.kind.as_str() {
            "\"char\"" => Some(Limit::Byte),
            "name" => Some(Limit::Bytes(NAME)),
            "character varying" => length().map(Limit::Characters),
            "bpchar" => length().map(Limit::Padded),
            "numeric" => {
                let given = given? - HEADER;
                // 11 bits with a sign.
                let fraction = ((given & 0x7ff) ^ 0x400) - 0x400;
                let whole = ((given >> 16) & 0xffff) - fraction;
                Some(Limit::Digits { whole, fraction })
            }
            "time without time zone"
            | "time with time zone"
            | "timestamp without time zone"
            | "timestamp with time zone" => u32::try_from(given?).ok().map(Limit::Seconds),
            "interval" => {
                let digits = u32::try_from(given?).ok()? & 0xffff;
                (digits <= 6).then_some(Limit::Seconds(digits))
            }
            _ => None,
        }
    }
}

fn kind(type_name: &str) -> ColumnKind {
    match type_name {
        "smallint" => ColumnKind::SmallInt,
        "integer" => ColumnKind::Integer,
        "bigint" => ColumnKind::BigInt,
        "real" => ColumnKind::Float,
        "double precision" => ColumnKind::Double,
        "boolean" => ColumnKind::Bool,
        "text" | "character varying" | "bpchar" => ColumnKind::Text,
        "bytea" => ColumnKind::Blob,
        "date" => ColumnKind::Date,
        "time without time zone" => ColumnKind::Time,
        "timestamp without time zone" => ColumnKind::Timestamp,
        "timestamp with time zone" => ColumnKind::Timestamptz,
        "json" => ColumnKind::Json,
        "jsonb" => ColumnKind::Jsonb,
        _ => ColumnKind::Other(type_name.into()),
    }
}

pub(super) fn visit_value<'b, V>(value: &'b ColumnValue, visitor: &mut V) -> QueryResult<()>
where
    V: ColumnVisitor<'b, Pg>,
{
    visit_value!(value, visitor, {
        ColumnValue::Date(value) => visitor.column::<Date, _>(value),
        ColumnValue::Null(ColumnKind::Date) => {
            visitor.column::<Nullable<Date>, Option<Days>>(const { &None })
        }
        ColumnValue::Time(value) => visitor.column::<Time, _>(value),
        ColumnValue::Null(ColumnKind::Time) => {
            visitor.column::<Nullable<Time>, Option<Micros>>(const { &None })
        }
        ColumnValue::Timestamp(value) => visitor.column::<Timestamp, _>(value),
        ColumnValue::Null(ColumnKind::Timestamp) => {
            visitor.column::<Nullable<Timestamp>, Option<Micros>>(const { &None })
        }
        ColumnValue::Timestamptz(value) => visitor.column::<Timestamptz, _>(value),
        ColumnValue::Null(ColumnKind::Timestamptz) => {
            visitor.column::<Nullable<Timestamptz>, Option<Micros>>(const { &None })
        }
        ColumnValue::Json(value) => visitor.column::<Json, _>(value),
        ColumnValue::Null(ColumnKind::Json) => {
            visitor.column::<Nullable<Json>, Option<JsonText<String>>>(const { &None })
        }
        ColumnValue::Jsonb(value) => visitor.column::<Jsonb, _>(value),
        ColumnValue::Null(ColumnKind::Jsonb) => {
            visitor.column::<Nullable<Jsonb>, Option<JsonText<String>>>(const { &None })
        }
        ColumnValue::Other(text, sql_type) => visitor.cast(text, &casts(sql_type)),
        ColumnValue::Null(ColumnKind::Other(sql_type) | ColumnKind::Range(sql_type)) => {
            visitor.cast(const { &None }, &[sql_type])
        }
        // No column of PostgreSQL is described with these kinds.
        ColumnValue::Null(
            ColumnKind::Flexible
            | ColumnKind::Number
            | ColumnKind::Any
            | ColumnKind::Affine,
        ) => visitor.column::<Nullable<Text>, Option<String>>(const { &None }),
    })
}

/// Returns the types to which a text is cast one after the other, so that it is read as the type
/// prints it. Only texts of the type `text` are looked up as the name of a relation, which `-`, no
/// relation at all, is not.
fn casts(sql_type: &str) -> Vec<&str> {
    match sql_type {
        "regclass" => vec!["pg_catalog.bpchar", sql_type],
        _ => vec![sql_type],
    }
}
