//! Sessions by hand, through the library's `table!` modules.

use std::time::Duration;

use chrono::{DateTime, Utc};
use covara_diesel::{DatabaseConnection, Engine};
use diesel::prelude::*;

use crate::Outcome;

/// What differs between the backends is the type of a time.
pub(crate) trait SessionTable: Engine {
    fn insert<C>(
        conn: &mut C,
        id: &str,
        user: &str,
        now: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> QueryResult<usize>
    where
        C: DatabaseConnection<Backend = Self>;

    fn user<C>(conn: &mut C, id: &str, now: DateTime<Utc>) -> QueryResult<Option<String>>
    where
        C: DatabaseConnection<Backend = Self>;
}

macro_rules! session_table {
    ($backend:ty, $schema:ident, $time:expr) => {
        impl SessionTable for $backend {
            fn insert<C>(
                conn: &mut C,
                id: &str,
                user: &str,
                now: DateTime<Utc>,
                end: DateTime<Utc>,
            ) -> QueryResult<usize>
            where
                C: DatabaseConnection<Backend = Self>,
            {
                use covara_diesel::schema::$schema::auth_sessions::dsl;
                diesel::insert_into(dsl::auth_sessions)
                    .values((
                        dsl::id.eq(id),
                        dsl::user_id.eq(user),
                        dsl::created_at.eq($time(now)),
                        dsl::expires_at.eq($time(end)),
                    ))
                    .execute(conn)
            }

            fn user<C>(conn: &mut C, id: &str, now: DateTime<Utc>) -> QueryResult<Option<String>>
            where
                C: DatabaseConnection<Backend = Self>,
            {
                use covara_diesel::schema::$schema::auth_sessions::dsl;
                dsl::auth_sessions
                    .filter(dsl::id.eq(id))
                    .filter(dsl::expires_at.gt($time(now)))
                    .select(dsl::user_id)
                    .first(conn)
                    .optional()
            }
        }
    };
}

#[cfg(feature = "sqlite")]
session_table!(diesel::sqlite::Sqlite, sqlite, |time: DateTime<Utc>| time
    .timestamp());

#[cfg(feature = "postgres")]
session_table!(diesel::pg::Pg, postgres, |time: DateTime<Utc>| time
    .naive_utc());

/// Makes a session of an hour and returns its id: 192 random bits in hexadecimal.
pub(crate) fn create<C>(conn: &mut C, user: &str) -> Outcome<String>
where
    C: DatabaseConnection,
    C::Backend: SessionTable,
{
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = now();
    C::Backend::insert(conn, &id, user, now, now + Duration::from_secs(3600))?;
    Ok(id)
}

/// The user of a live session.
pub(crate) fn find<C>(conn: &mut C, id: &str) -> Outcome<Option<String>>
where
    C: DatabaseConnection,
    C::Backend: SessionTable,
{
    Ok(C::Backend::user(conn, id, now())?)
}

fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}
