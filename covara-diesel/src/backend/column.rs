//! Tables and rows known only at run time, from the database's catalogue.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Text};

/// A table as the database describes it.
#[derive(Debug)]
pub struct TableDescription {
    /// The quoted name.
    pub table: String,
    /// The columns in table order.
    pub columns: Vec<TableColumn>,
}

/// A column as the database describes it.
#[derive(Debug, Clone)]
pub struct TableColumn {
    /// The unquoted name.
    pub name: String,
    /// The type of its values.
    pub kind: ColumnKind,
    /// `true` if the column accepts NULL.
    pub nullable: bool,
    /// `true` if an insert may leave the column out.
    pub optional: bool,
    /// `true` if the database computes the column, so that an insert must leave it out.
    pub generated: bool,
    /// The value of a row that is inserted without one.
    pub absent: Absent,
    /// The part of its type's values that the column takes; others are rounded, cut or refused.
    pub limit: Option<Limit>,
}

/// A limit of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// One byte.
    Byte,
    /// At most so many bytes of text.
    Bytes(usize),
    /// At most so many characters.
    Characters(usize),
    /// At most so many characters before the spaces at the end.
    Padded(usize),
    /// Numbers with at most so many digits.
    Digits {
        /// Before the point.
        whole: i32,
        /// Behind it; if it is negative, so many digits before the point are 0.
        fraction: i32,
    },
    /// Times with at most so many digits behind the second's point.
    Seconds(u32),
}

/// The value of a column in a row that is inserted without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The same in each row.
    Same,
    /// NULL, or computed for each row.
    New,
    /// A number that no row has, also in the place of NULL: SQLite's rowid.
    Rowid,
}

/// A column as the catalogue query returns it.
#[derive(Debug, QueryableByName)]
pub(crate) struct CatalogueColumn {
    #[diesel(sql_type = Text)]
    name: String,
    /// Name of the SQL type.
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    /// `true` if the type is one of ranges or of several ranges.
    #[diesel(sql_type = Bool)]
    is_range: bool,
    #[diesel(sql_type = Bool)]
    nullable: bool,
    #[diesel(sql_type = Bool)]
    optional: bool,
    #[diesel(sql_type = Bool)]
    generated: bool,
    /// `same`, `new` or `rowid`.
    #[diesel(sql_type = Text)]
    absent: String,
}

impl TableDescription {
    /// Builds the description of a table from its quoted name and its columns, or returns `None`
    /// without columns. `kind` returns the kind of an SQL type that is not one of ranges.
    pub(crate) fn of(
        table: String,
        columns: Vec<CatalogueColumn>,
        kind: impl Fn(&str) -> ColumnKind,
    ) -> Option<Self> {
        if columns.is_empty() {
            return None;
        }
        let columns = columns.into_iter().map(|column| TableColumn {
            kind: match column.is_range {
                true => ColumnKind::Range(column.kind.as_str().into()),
                false => kind(&column.kind),
            },
            name: column.name,
            nullable: column.nullable,
            optional: column.optional,
            generated: column.generated,
            absent: match column.absent.as_str() {
                "rowid" => Absent::Rowid,
                "new" => Absent::New,
                _ => Absent::Same,
            },
            limit: None,
        });
        Some(Self {
            table,
            columns: columns.collect(),
        })
    }
}

/// The type of a column's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnKind {
    /// 16 bits.
    SmallInt,
    /// 32 bits.
    Integer,
    /// 64 bits.
    BigInt,
    /// 64 bits, which may also encode a time or a Boolean: SQLite's INTEGER.
    Flexible,
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    /// An integer or a floating-point number, SQLite's NUMERIC.
    Number,
    /// A Boolean.
    Bool,
    /// Text.
    Text,
    /// Bytes.
    Blob,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A date and a time without a time zone.
    Timestamp,
    /// A point in time.
    Timestamptz,
    /// JSON as text.
    Json,
    /// JSON in binary form.
    Jsonb,
    /// Any type, stored as it is: SQLite's columns without a declared type, and those of a STRICT
    /// table that are declared as ANY.
    Any,
    /// Any type, where a text that looks like a number becomes one: SQLite's columns with a declared
    /// type that it does not know.
    Affine,
    /// Ranges, by the SQL name of their type. The server parses them from text.
    Range(Arc<str>),
    /// Any other type, by its SQL name. The server parses its values from text.
    Other(Arc<str>),
}

/// A value of a column. NULL keeps the kind of the column.
#[derive(Debug, Clone)]
pub enum ColumnValue {
    /// NULL.
    Null(ColumnKind),
    /// 16 bits.
    SmallInt(i16),
    /// 32 bits.
    Integer(i32),
    /// 64 bits.
    BigInt(i64),
    /// 32 bits.
    Float(f32),
    /// 64 bits.
    Double(f64),
    /// A Boolean.
    Bool(bool),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A date, for PostgreSQL.
    Date(Days),
    /// A time of day, for PostgreSQL.
    Time(Micros),
    /// A date and a time without a time zone, for PostgreSQL.
    Timestamp(Micros),
    /// A point in time, for PostgreSQL.
    Timestamptz(Micros),
    /// JSON as text.
    Json(JsonText<String>),
    /// JSON in binary form.
    Jsonb(JsonText<String>),
    /// A text that the server parses as the type with that SQL name.
    Other(Option<String>, Arc<str>),
}

/// JSON text exactly as it was written.
#[derive(Debug, Clone, Copy)]
pub struct JsonText<T>(pub T);

/// A date as PostgreSQL counts it: the days since 2000-01-01, the ends of the range being its
/// infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(pub i32);

/// A time as PostgreSQL counts it: the microseconds since midnight or since 2000-01-01, the ends of
/// the range being the infinities of the latter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Micros(pub i64);

/// Passes a [`ColumnValue`] to a visitor, for the kinds that the backend has under these names. The
/// caller adds arms for other kinds.
macro_rules! visit_value {
    ($value:expr, $visitor:expr, { $($more:tt)* }) => {
        $crate::backend::column::visit_value!(@arms $value, $visitor, { $($more)* },
            SmallInt(SmallInt, i16), Integer(Integer, i32), BigInt(BigInt, i64),
            Float(Float, f32), Double(Double, f64), Bool(Bool, bool), Text(Text, String),
            Blob(Binary, Vec<u8>))
    };
    (@arms $value:expr, $visitor:expr, { $($more:tt)* },
        $($kind:ident($sql:ident, $rust:ty)),*) => {
        match $value {
            $(
                ColumnValue::$kind(value) => $visitor.column::<diesel::sql_types::$sql, $rust>(value),
                ColumnValue::Null(ColumnKind::$kind) => $visitor.column::<
                    diesel::sql_types::Nullable<diesel::sql_types::$sql>,
                    Option<$rust>,
                >(const { &None }),
            )*
            $($more)*
        }
    };
}
pub(crate) use visit_value;
