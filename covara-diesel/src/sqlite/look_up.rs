//! Look-ups of the keys of rows by another unique column.

use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sqlite::Sqlite;

use crate::backend::connection::BackendConnection;
use crate::seed::look_up::{FoundKeyValue, LookUp, WantedKey, found};

pub(super) fn look_up<C>(
    conn: &mut C,
    wanted: &WantedKey,
    values: &dyn QueryFragment<Sqlite>,
) -> QueryResult<Vec<FoundKeyValue>>
where
    C: BackendConnection<Backend = Sqlite>,
{
    let WantedKey { table, by, key } = wanted;
    // `quote` writes all digits of a real.
    let query = LookUp {
        before: "WITH __covara_given (n, v) AS (VALUES ",
        values,
        after: format!(
            ") SELECT given.n, typeof(parent.{key}) IN ('integer', 'real'),
                      CASE typeof(parent.{key}) WHEN 'blob' THEN '\\x' || hex(parent.{key})
                          WHEN 'real' THEN quote(parent.{key})
                          ELSE CAST(parent.{key} AS TEXT) END
               FROM __covara_given AS given CROSS JOIN {table} AS parent ON parent.{by} = given.v
               WHERE parent.{key} IS NOT NULL"
        ),
    };
    query.load::<(i32, bool, String)>(conn).map(found)
}
