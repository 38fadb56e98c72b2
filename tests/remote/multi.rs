//! One connection type of the application's own over files, libSQL, D1 and PostgreSQL, by Diesel's
//! derive.

use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{Error, QueryResult};
use support::{d1, sqld, sqlite};

#[derive(diesel::MultiConnection)]
enum OwnConnection {
    File(SqliteConnection),
    Libsql(LibsqlConnection),
    D1(D1Connection),
    Postgres(PgConnection),
}

diesel::table! {
    users (id) {
        id -> BigInt,
        name -> Text,
        score -> Nullable<Double>,
        data -> Nullable<Binary>,
        at -> Nullable<Timestamp>,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Insertable)]
struct User {
    id: i64,
    name: String,
    score: Option<f64>,
    data: Option<Vec<u8>>,
    at: Option<chrono::NaiveDateTime>,
}

const CREATE: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, score DOUBLE PRECISION, data BLOB, at TIMESTAMP)";

fn user(id: i64) -> User {
    User {
        id,
        name: format!("user {id}"),
        score: Some(0.1 + 0.2),
        data: Some(vec![0, 1, 255]),
        at: chrono::DateTime::from_timestamp(1_700_000_000, 123_000).map(|at| at.naive_utc()),
    }
}

fn works(conn: &mut OwnConnection) {
    conn.batch_execute(CREATE).unwrap();
    let insert = diesel::insert_into(users::table).values(user(1));
    assert_eq!(insert.execute(conn), Ok(1));
    let back: User = diesel::insert_into(users::table)
        .values(user(2))
        // Diesel has no `as_returning()` for such a connection.
        .returning(users::all_columns)
        .get_result(conn)
        .unwrap();
    assert_eq!(back, user(2));
    let all: Vec<User> = users::table
        .filter(users::score.gt(0.25).and(users::name.like("user%")))
        .order(users::id.desc())
        .select(User::as_select())
        .load(conn)
        .unwrap();
    assert_eq!(all, [user(2), user(1)]);
    let renamed: Vec<String> = diesel::update(users::table.find(1))
        .set(users::name.eq("new"))
        .returning(users::name)
        .get_results(conn)
        .unwrap();
    assert_eq!(renamed, ["new"]);
    let twice = diesel::insert_into(users::table)
        .values(user(2))
        .execute(conn);
    assert!(
        matches!(
            twice,
            Err(Error::DatabaseError(
                diesel::result::DatabaseErrorKind::UniqueViolation,
                _
            ))
        ),
        "{twice:?}"
    );
    assert_eq!(diesel::delete(&user(1)).execute(conn), Ok(1));
}

fn transactions_work(conn: &mut OwnConnection) {
    let undone: QueryResult<()> = conn.transaction(|conn| {
        diesel::insert_into(users::table)
            .values(user(8))
            .execute(conn)?;
        Err(Error::RollbackTransaction)
    });
    assert_eq!(undone, Err(Error::RollbackTransaction));
    let count: i64 = conn
        .transaction(|conn| {
            diesel::insert_into(users::table)
                .values(user(9))
                .execute(conn)?;
            let inner: QueryResult<()> = conn.transaction(|conn| {
                diesel::insert_into(users::table)
                    .values(user(10))
                    .execute(conn)?;
                Err(Error::RollbackTransaction)
            });
            assert_eq!(inner, Err(Error::RollbackTransaction));
            users::table.count().get_result(conn)
        })
        .unwrap();
    assert_eq!(count, 2);
}

#[test]
fn a_multi_connection_works_on_a_file() {
    let db = sqlite::TestDb::new();
    let mut conn = OwnConnection::File(db.connect());
    works(&mut conn);
    transactions_work(&mut conn);
}

#[test]
fn a_multi_connection_works_on_libsql() {
    let db = sqld::TestDb::new();
    let conn = LibsqlConnection::establish(&db.url()).unwrap();
    let mut conn = OwnConnection::Libsql(conn);
    works(&mut conn);
    transactions_work(&mut conn);
}

#[test]
fn a_multi_connection_works_on_d1() {
    let db = d1::TestDb::new();
    let conn = D1Connection::establish(&db.url()).unwrap();
    let mut conn = OwnConnection::D1(conn);
    works(&mut conn);
    let refused: QueryResult<()> = conn.transaction(|_| Ok(()));
    let error = refused.unwrap_err();
    assert!(error.to_string().contains("batch()"), "{error}");
}

#[test]
fn a_multi_connection_can_be_pooled() {
    use diesel::r2d2::{ConnectionManager, Pool};

    let db = sqlite::TestDb::new();
    let manager = ConnectionManager::<OwnConnection>::new(db.url());
    let pool = Pool::builder().max_size(1).build(manager).unwrap();
    works(&mut pool.get().unwrap());
}
