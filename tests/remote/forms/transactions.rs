//! What the guides do in transactions, where there are any.

use covara_diesel::DatabaseConnection;
use diesel::prelude::*;
use diesel::result::{Error, QueryResult};
use diesel::sqlite::Sqlite;

use super::{NewUser, Transcript, User, all_users};

pub(super) fn transactions<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    use super::users::dsl::{id, name, users};

    let insert = |conn: &mut C, new: &str| {
        diesel::insert_into(users)
            .values(name.eq(new))
            .execute(conn)
    };
    let kept = conn.transaction(|conn| {
        insert(conn, "kept")?;
        let inner: QueryResult<()> = conn.transaction(|conn| {
            insert(conn, "inner")?;
            Err(Error::RollbackTransaction)
        });
        seen.note("inner", inner);
        insert(conn, "too")
    });
    seen.note("outer", kept);
    let undone: QueryResult<()> = conn.transaction(|conn| {
        insert(conn, "undone")?;
        Err(Error::RollbackTransaction)
    });
    seen.note("undone", undone);
    let failed = conn.transaction(|conn| {
        insert(conn, "undone too")?;
        diesel::insert_into(users)
            .values((id.eq(1), name.eq("twice")))
            .execute(conn)
    });
    seen.note("an error in the middle", failed.is_err());
    let own: Result<i32, String> = conn
        .transaction(|_| Err(Own("own".to_owned())))
        .map_err(|error: Own| error.0);
    seen.note("an error of one's own", own);
    let read: User = conn.transaction(|conn| users.find(1).first(conn))?;
    seen.note("a value out of it", read);
    let shown = conn.test_transaction(|conn| insert(conn, "in a test"));
    seen.note("test_transaction", shown);
    let defaults = [
        NewUser {
            name: "with",
            hair_color: None,
        },
        NewUser {
            name: "defaults",
            hair_color: Some("Blue"),
        },
    ];
    let several = diesel::insert_into(users).values(&defaults);
    seen.note("several with defaults", several.execute(conn)?);
    let wrong = [
        NewUser {
            name: "never kept",
            hair_color: None,
        },
        NewUser {
            name: "defaults",
            hair_color: Some("Blue"),
        },
    ];
    let several = diesel::insert_into(users).values(&wrong);
    seen.note(
        "several of which one is refused",
        several.execute(conn).is_err(),
    );
    seen.note("users after transactions", all_users(conn)?);
    conn.begin_test_transaction()?;
    insert(conn, "never kept")?;
    seen.note("users in a test transaction", all_users(conn)?.len());
    Ok(())
}

struct Own(String);

impl From<Error> for Own {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}
