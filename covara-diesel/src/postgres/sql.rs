//! Values of statements that are built when the program runs.

use diesel::QueryResult;
use diesel::deserialize::FromSql;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text};

use crate::backend::sql::{Bind, SqlValues};

impl SqlValues for Pg {
    fn push_value<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Bind<'_>) -> QueryResult<()> {
        match value {
            Bind::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text),
            Bind::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number),
            Bind::Double(number) => out.push_bind_param::<Nullable<Double>, _>(number),
            Bind::Texts(texts) => out.push_bind_param::<Array<Nullable<Text>>, _>(texts),
            Bind::Integers(numbers) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(numbers),
            Bind::Doubles(numbers) => out.push_bind_param::<Array<Nullable<Double>>, _>(numbers),
        }
    }

    fn read_integer(value: PgValue<'_>) -> Option<i64> {
        FromSql::<BigInt, Pg>::from_sql(value).ok()
    }
}
