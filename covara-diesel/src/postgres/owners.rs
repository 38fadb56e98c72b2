//! Whose tables can be trusted.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text};

use crate::connection::DatabaseConnection;
use crate::engine::Stranger;

#[derive(QueryableByName)]
struct Owner {
    #[diesel(sql_type = Text)]
    owner: String,
}

/// Those of the roles $1 that could do harm anyway, or whose rights this role was given.
///
/// Before PostgreSQL 16 a role may make anybody a member of itself, so such a membership says
/// nothing.
const TRUSTED: &str = "
WITH RECURSIVE memberships AS (
    SELECT m.roleid FROM pg_catalog.pg_auth_members AS m
    JOIN pg_catalog.pg_roles AS me ON me.oid = m.member
    WHERE me.rolname = current_user AND m.grantor <> m.roleid
    UNION
    SELECT m.roleid FROM pg_catalog.pg_auth_members AS m
    JOIN memberships ON memberships.roleid = m.member
    WHERE m.grantor <> m.roleid
)
SELECT r.rolname::text AS owner FROM pg_catalog.pg_roles AS r
WHERE r.rolname = ANY($1) AND (
    r.rolsuper
    OR r.oid IN (SELECT roleid FROM memberships)
    OR r.oid = (SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database())
    OR r.oid = (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = current_schema()))";

/// Those of the tables whose owner is not to be trusted, neither by what the server knows nor
/// by the user's word.
pub(super) fn strangers<C>(
    conn: &mut C,
    mut suspects: Vec<Stranger>,
    trusted: &[String],
) -> QueryResult<Vec<Stranger>>
where
    C: DatabaseConnection<Backend = Pg>,
{
    suspects.retain(|suspect| !trusted.contains(&suspect.owner));
    if suspects.is_empty() {
        return Ok(suspects);
    }
    let owners: Vec<&str> = suspects.iter().map(|suspect| &*suspect.owner).collect();
    let known = diesel::sql_query(TRUSTED)
        .bind::<Array<Text>, _>(owners)
        .load::<Owner>(conn)?;
    suspects.retain(|suspect| !known.iter().any(|known| known.owner == suspect.owner));
    Ok(suspects)
}
