//! Values in PostgreSQL's binary form.

use std::fmt::Debug;
use std::io::Write;

use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Date, Json, Jsonb, Time, Timestamp, Timestamptz};

use crate::backend::column::{Days, JsonText, Micros};

/// The only version of the binary format of JSONB: text after this byte.
pub(super) const JSONB_VERSION: u8 = 1;

impl<T: AsRef<str> + Debug> ToSql<Json, Pg> for JsonText<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_ref().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl<T: AsRef<str> + Debug> ToSql<Jsonb, Pg> for JsonText<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        ToSql::<Json, Pg>::to_sql(self, out)
    }
}

impl ToSql<Date, Pg> for Days {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.0.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

macro_rules! microseconds {
    ($($sql_type:ty),*) => {$(
        impl ToSql<$sql_type, Pg> for Micros {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(&self.0.to_be_bytes())?;
                Ok(IsNull::No)
            }
        }
    )*};
}
microseconds!(Time, Timestamp, Timestamptz);
