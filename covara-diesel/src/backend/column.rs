//! Tables and rows that are known only at run time, from the database's catalogue.

use std::rc::Rc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Bool, Text};

use crate::backend::values::JsonText;
/// A table as the database describes it.
#[derive(Debug)]
pub struct TableDescription {
    /// Its name as SQL, quoted.
    pub table: String,
    /// Its columns in their order.
    pub columns: Vec<TableColumn>,
}

/// A column as the database describes it.
#[derive(Debug, Clone)]
pub struct TableColumn {
    /// Its name, unquoted.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Whether an insert may leave it out.
    pub optional: bool,
    /// Whether the database computes it, so that an insert must leave it out.
    pub generated: bool,
}

/// A column as a catalogue's query yields it.
#[derive(Debug, QueryableByName)]
pub(crate) struct CatalogueColumn {
    #[diesel(sql_type = Text)]
    name: String,
    /// Name of the type.
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
    #[diesel(sql_type = Bool)]
    optional: bool,
    #[diesel(sql_type = Bool)]
    generated: bool,
}

impl TableDescription {
    /// The table with that quoted name, if it has columns; `kind` knows the types' names.
    pub(crate) fn of(
        table: String,
        columns: Vec<CatalogueColumn>,
        kind: fn(&str) -> ColumnKind,
    ) -> Option<Self> {
        if columns.is_empty() {
            return None;
        }
        let columns = columns.into_iter().map(|column| TableColumn {
            name: column.name,
            kind: kind(&column.kind),
            nullable: column.nullable,
            optional: column.optional,
            generated: column.generated,
        });
        Some(Self {
            table,
            columns: columns.collect(),
        })
    }
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnKind {
    /// 16 bits.
    SmallInt,
    /// 32 bits.
    Integer,
    /// 64 bits.
    BigInt,
    /// 64 bits, which may stand for a time or a truth value: SQLite's INTEGER.
    Flexible,
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    /// An integer or a floating-point number, SQLite's NUMERIC.
    Number,
    /// A truth value.
    Bool,
    /// Characters.
    Text,
    /// Bytes.
    Blob,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A day and a time without zone.
    Timestamp,
    /// An instant.
    Timestamptz,
    /// JSON as text.
    Json,
    /// JSON in binary form.
    Jsonb,
    /// Anything, SQLite's columns without a type.
    Any,
    /// A type by its SQL name, which the server reads from text.
    Other(Rc<str>),
}

/// A value of a column, NULL with its kind.
#[derive(Debug, Clone)]
pub enum ColumnValue {
    /// No value.
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
    /// A truth value.
    Bool(bool),
    /// Characters.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A day.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A day and a time without zone.
    Timestamp(NaiveDateTime),
    /// An instant.
    Timestamptz(DateTime<Utc>),
    /// JSON as text.
    Json(JsonText<String>),
    /// JSON in binary form.
    Jsonb(JsonText<String>),
    /// A text that the server is to read as a type of that SQL name.
    Other(Option<String>, Rc<str>),
}

/// Shows a [`ColumnValue`] to a visitor, for the kinds that the backend has by these names;
/// further arms follow for others.
macro_rules! visit_value {
    ($value:expr, $visitor:expr, { $($more:tt)* }) => {
        $crate::backend::column::visit_value!(@arms $value, $visitor, { $($more)* },
            SmallInt(SmallInt, i16), Integer(Integer, i32), BigInt(BigInt, i64),
            Float(Float, f32), Double(Double, f64), Bool(Bool, bool), Text(Text, String),
            Blob(Binary, Vec<u8>), Date(Date, chrono::NaiveDate), Time(Time, chrono::NaiveTime),
            Timestamp(Timestamp, chrono::NaiveDateTime))
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
