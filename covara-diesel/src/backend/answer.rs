//! Questions that a database answers with yes or no.

use diesel::prelude::*;
use diesel::query_builder::SqlQuery;
use diesel::query_dsl::methods::LoadQuery;
use diesel::sql_types::Bool;

/// The row of a query with the one column `yes`.
#[derive(Debug, QueryableByName)]
pub(crate) struct Answer {
    #[diesel(sql_type = Bool)]
    pub(crate) yes: bool,
}

/// Returns whether an SQL condition holds.
pub(crate) fn holds<C>(conn: &mut C, condition: &str) -> QueryResult<bool>
where
    SqlQuery: for<'q> LoadQuery<'q, C, Answer>,
{
    let answer = diesel::sql_query(format!("SELECT {condition} AS yes"));
    Ok(answer.get_result::<Answer>(conn)?.yes)
}
