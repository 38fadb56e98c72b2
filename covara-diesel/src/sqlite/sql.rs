//! Values of statements that are built when the program runs.

use diesel::QueryResult;
use diesel::query_builder::AstPass;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

use crate::backend::sql::{Bind, SqlValues};

impl SqlValues for Sqlite {
    fn push_value<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Bind<'_>) -> QueryResult<()> {
        match value {
            Bind::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text),
            Bind::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number),
            Bind::Double(number) => out.push_bind_param::<Nullable<Double>, _>(number),
            Bind::Texts(_) | Bind::Integers(_) | Bind::Doubles(_) => {
                Err(Error::QueryBuilderError("SQLite has no arrays".into()))
            }
        }
    }

    fn read_integer(mut value: SqliteValue<'_, '_, '_>) -> Option<i64> {
        (value.value_type() == Some(SqliteType::Long)).then(|| value.read_long())
    }
}
