//! Look-ups of the keys of rows by another unique column.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;

use crate::backend::connection::BackendConnection;
use crate::seed::look_up::{FoundKeyValue, LookUp, WantedKey, found};

pub(super) fn look_up<C>(
    conn: &mut C,
    wanted: &WantedKey,
    values: &dyn QueryFragment<Pg>,
) -> QueryResult<Vec<FoundKeyValue>>
where
    C: BackendConnection<Backend = Pg>,
{
    let WantedKey { table, by, key } = wanted;
    // JSON has times in the form of ISO 8601, whatever the session's `DateStyle`.
    let query = LookUp {
        before: "WITH __covara_given (n, v) AS (VALUES ",
        values,
        after: format!(
            ") SELECT given.n, false, pg_catalog.to_json(parent.{key}) #>> '{{}}'
               FROM __covara_given AS given JOIN {table} AS parent ON parent.{by} = given.v
               WHERE parent.{key} IS NOT NULL"
        ),
    };
    query.load::<(i32, bool, String)>(conn).map(found)
}
