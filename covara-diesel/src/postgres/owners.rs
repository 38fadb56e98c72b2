//! Decides whose tables and functions are trusted.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text};

use super::objects::kind_of;
use crate::backend::connection::BackendConnection;
use crate::backend::stranger::Stranger;
use crate::internal_tables::quoted_table_names;

/// Returns a condition for whether the role `r` of `pg_roles` could do harm in that schema anyway,
/// or has granted its rights to this role.
///
/// Before PostgreSQL 16 a role may make anybody a member of itself, so such a membership proves
/// nothing.
///
/// Here, as in every query that a superuser may send where untrusted roles may create functions,
/// all functions are named with their schema, and both sides of an operator have exactly the types
/// of the server's own operator. Of several matching operators PostgreSQL calls the exact match,
/// whoever owns it.
pub(super) fn is_trusted(schema: &str) -> String {
    format!(
        "(r.rolsuper
    OR r.oid IN (
        WITH RECURSIVE memberships AS (
            SELECT m.roleid FROM pg_catalog.pg_auth_members AS m
            JOIN pg_catalog.pg_roles AS me ON me.oid = m.member
            WHERE me.rolname = current_user AND m.grantor <> m.roleid
            UNION
            SELECT m.roleid FROM pg_catalog.pg_auth_members AS m
            JOIN memberships ON memberships.roleid = m.member
            WHERE m.grantor <> m.roleid
        )
        SELECT roleid FROM memberships
    )
    OR r.oid = (SELECT datdba FROM pg_catalog.pg_database
                WHERE datname = pg_catalog.current_database())
    OR r.oid = (SELECT nspowner FROM pg_catalog.pg_namespace WHERE oid = {schema}))"
    )
}

/// Returns an expression for the owner's name, if the owner is another role and any role may create
/// objects in the schema, else NULL. Both arguments are SQL expressions of an oid.
pub(super) fn suspect(owner: &str, schema: &str) -> String {
    format!(
        "CASE WHEN pg_catalog.pg_get_userbyid({owner}) <> current_user
             AND pg_catalog.has_schema_privilege('public', {schema}, 'CREATE')
         THEN CAST(pg_catalog.pg_get_userbyid({owner}) AS text) END"
    )
}

/// An expression for the oid of the schema where tables are created.
pub(super) const CURRENT_SCHEMA: &str =
    "(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema)";

#[derive(QueryableByName)]
struct Owner {
    #[diesel(sql_type = Text)]
    owner: String,
}

/// Returns those of the tables in the current schema whose owner is trusted neither by the server's
/// roles nor by the user's list.
pub(super) fn strangers<C>(
    conn: &mut C,
    mut suspects: Vec<Stranger>,
    trusted: &[String],
) -> QueryResult<Vec<Stranger>>
where
    C: BackendConnection<Backend = Pg>,
{
    suspects.retain(|suspect| !trusted.contains(&suspect.owner));
    if suspects.is_empty() {
        return Ok(suspects);
    }
    let owners: Vec<&str> = suspects.iter().map(|suspect| &*suspect.owner).collect();
    let known = diesel::sql_query(format!(
        "SELECT CAST(r.rolname AS text) AS owner FROM pg_catalog.pg_roles AS r
         WHERE CAST(r.rolname AS text) = ANY ($1) AND {}",
        is_trusted(CURRENT_SCHEMA)
    ))
    .bind::<Array<Text>, _>(owners)
    .load::<Owner>(conn)?;
    suspects.retain(|suspect| !known.iter().any(|known| known.owner == suspect.owner));
    Ok(suspects)
}

/// Returns the internal tables, and the tables and functions of search indexes, in the current
/// schema that another role owns although not every role may create objects there. Somebody granted
/// it that.
pub(crate) fn others<C: BackendConnection<Backend = Pg>>(
    conn: &mut C,
) -> QueryResult<Vec<Stranger>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Text)]
        owner: String,
    }
    let rows = diesel::sql_query(format!(
        "SELECT o.name, CAST(r.rolname AS text) AS owner FROM (
             SELECT CASE WHEN t.relkind IN ('r', 'p') THEN '' ELSE {} || ' ' END
                 || CAST(t.relname AS text) AS name, t.relowner AS owner, t.relnamespace AS schema
             FROM pg_catalog.pg_class AS t
             WHERE t.relkind IN ('r', 'p', 'v', 'm', 'f') AND (
                 t.relname IN ({}, '__covara_migrations', '__diesel_schema_migrations')
                 OR t.relname >= '__covara_search_' AND t.relname < '__covara_search`'
             )
             UNION ALL
             SELECT CAST(f.proname AS text) || '()', f.proowner, f.pronamespace
             FROM pg_catalog.pg_proc AS f
             WHERE f.proname >= '__covara_search_' AND f.proname < '__covara_search`'
         ) AS o JOIN pg_catalog.pg_roles AS r ON r.oid = o.owner
         WHERE o.schema = {CURRENT_SCHEMA} AND r.rolname <> current_user
             AND NOT pg_catalog.has_schema_privilege('public', o.schema, 'CREATE')
             AND NOT {} ORDER BY 1",
        kind_of("t"),
        quoted_table_names(),
        is_trusted("o.schema")
    ))
    .load::<Row>(conn)?;
    let strangers = rows.into_iter().map(|row| Stranger {
        table: row.name,
        owner: row.owner,
    });
    Ok(strangers.collect())
}
