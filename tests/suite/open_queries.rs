//! Own queries, transactions and searches on a connection whose database the URL decides.

use covara_diesel::any::AnyPool;
use covara_diesel::auth::{AuthError, NewSession, SessionStore};
use covara_diesel::search::{self, Followed, Fts, SearchError, SearchQuery, Searchable};
use covara_diesel::{
    AnyConnection, Seed, SeedError, Seedable, auto_migrate, open, write_transaction,
};
use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;

use super::helpers::url_to_open;
use crate::backend::{self, TestDb};

diesel::table! {
    people (id) {
        id -> BigInt,
        name -> Text,
        role -> Nullable<Text>,
        weight -> Nullable<Double>,
        picture -> Nullable<Binary>,
        born -> Nullable<Timestamp>,
    }
}

const CREATE: &str = "CREATE TABLE people (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT, weight DOUBLE PRECISION, picture BLOB, born TIMESTAMP)";

/// A type of the application's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
enum Role {
    Admin,
    Reader,
}

impl<DB> ToSql<Text, DB> for Role
where
    DB: Backend,
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        match self {
            Self::Admin => "admin".to_sql(out),
            Self::Reader => "reader".to_sql(out),
        }
    }
}

impl<DB> FromSql<Text, DB> for Role
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        match String::from_sql(bytes)?.as_str() {
            "admin" => Ok(Self::Admin),
            "reader" => Ok(Self::Reader),
            other => Err(format!("{other} is no role").into()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Identifiable)]
#[diesel(table_name = people)]
struct Person {
    id: i64,
    name: String,
    role: Option<Role>,
    weight: Option<f64>,
    picture: Option<Vec<u8>>,
    born: Option<chrono::NaiveDateTime>,
}

fn person(id: i64) -> Person {
    Person {
        id,
        name: format!("person {id}"),
        role: (id % 2 == 0).then_some(Role::Admin),
        weight: Some(0.1 + 0.2),
        picture: Some(vec![0, 1, 255]),
        born: chrono::DateTime::from_timestamp(1_700_000_000, 0).map(|at| at.naive_utc()),
    }
}

fn prepared() -> (TestDb, AnyPool) {
    let db = TestDb::new();
    let pool = open(url_to_open(db.url())).unwrap();
    let mut conn = pool.get().unwrap();
    auto_migrate(&mut conn).unwrap();
    conn.batch_execute(&CREATE.replace("BLOB", backend::BLOB))
        .unwrap();
    (db, pool)
}

/// A function of the application's, for whichever database.
fn rename(conn: &mut AnyConnection, id: i64, name: &str) -> QueryResult<usize> {
    diesel::update(people::table.find(id))
        .set(people::name.eq(name))
        .execute(conn)
}

#[test]
fn an_any_connection_takes_the_applications_queries() {
    let (_db, pool) = prepared();
    let mut conn = pool.get().unwrap();
    let rows = vec![person(1), person(2), person(3)];
    let inserted = diesel::insert_into(people::table)
        .values(&rows[0])
        .execute(&mut conn);
    assert_eq!(inserted, Ok(1));
    for row in &rows[1..] {
        let back: Person = diesel::insert_into(people::table)
            .values(row)
            .returning(people::all_columns)
            .get_result(&mut conn)
            .unwrap();
        assert_eq!(&back, row);
    }
    let found: Vec<Person> = people::table
        .filter(people::weight.gt(0.25).and(people::name.like("person%")))
        .order(people::id)
        .select(Person::as_select())
        .load(&mut conn)
        .unwrap();
    assert_eq!(found, rows);
    let admins = people::table.filter(people::role.eq(Role::Admin));
    assert_eq!(admins.count().get_result(&mut conn), Ok(1));
    let none = people::table.filter(people::role.eq(Role::Reader));
    assert_eq!(none.first::<Person>(&mut conn).optional(), Ok(None));

    assert_eq!(rename(&mut conn, 3, "Grace"), Ok(1));
    let twice = rename(&mut conn, 2, "Grace").unwrap_err();
    let is_unique = matches!(
        twice,
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    );
    assert!(is_unique, "{twice:?}");
    let mut changed = person(1);
    changed.weight = None;
    // Diesel leaves out what is `None`.
    changed.name = "Ada".to_owned();
    diesel::update(&changed)
        .set(&changed)
        .execute(&mut conn)
        .unwrap();
    let name = people::table
        .find(1)
        .select(people::name)
        .first::<String>(&mut conn);
    assert_eq!(name.unwrap(), "Ada");
    assert_eq!(
        diesel::delete(people::table.find(2)).execute(&mut conn),
        Ok(1)
    );
    assert_eq!(people::table.count().get_result(&mut conn), Ok(2));
}

/// An error of the application's, of whatever went wrong.
#[derive(Debug)]
enum SignUpError {
    Query(Error),
    Auth(AuthError),
}

impl From<Error> for SignUpError {
    fn from(error: Error) -> Self {
        Self::Query(error)
    }
}

impl From<AuthError> for SignUpError {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl std::fmt::Display for SignUpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Query(error) => error.fmt(f),
            Self::Auth(error) => error.fmt(f),
        }
    }
}

fn sign_up(conn: &mut AnyConnection, id: i64) -> Result<String, SignUpError> {
    conn.transaction(|conn| {
        let session = SessionStore::new().create(conn, NewSession::new(id.to_string()))?;
        diesel::insert_into(people::table)
            .values(person(id))
            .execute(conn)?;
        Ok(session.id.expose().to_owned())
    })
}

#[test]
fn writes_and_stores_share_an_any_connections_transactions() {
    let (db, pool) = prepared();
    let mut conn = pool.get().unwrap();
    let mut outside = db.connect();
    let sessions = |outside: &mut _| super::count(outside, "auth_sessions");
    let id = sign_up(&mut conn, 1).unwrap();
    assert!(SessionStore::new().find(&mut conn, &id).unwrap().is_some());
    // The session goes with the row that fails.
    let twice = sign_up(&mut conn, 1);
    assert!(matches!(
        twice,
        Err(SignUpError::Query(Error::DatabaseError(..)))
    ));
    assert_eq!(sessions(&mut outside), 1);

    let kept: Result<i64, AuthError> = conn.transaction(|conn| {
        SessionStore::new().create(conn, NewSession::new("kept"))?;
        let undone: Result<(), AuthError> = conn.transaction(|conn| {
            SessionStore::new().create(conn, NewSession::new("undone"))?;
            Err(Error::RollbackTransaction.into())
        });
        undone.unwrap_err();
        write_transaction(conn, |conn| {
            SessionStore::new().create(conn, NewSession::new("inner"))?;
            Ok(people::table.count().get_result(conn)?)
        })
    });
    assert_eq!(kept.unwrap(), 1);
    assert_eq!(sessions(&mut outside), 3);

    let seeded: Result<(), SeedError> = write_transaction(&mut conn, |conn| {
        Row::seed(
            conn,
            &[Row {
                id: 7,
                name: "seven".to_owned(),
            }],
        )?;
        assert_eq!(people::table.count().get_result(conn), Ok(2));
        Err(Error::RollbackTransaction.into())
    });
    seeded.unwrap_err();
    assert_eq!(super::count(&mut outside, "people"), 1);
}

#[derive(Seedable, Searchable)]
#[diesel(table_name = people)]
struct Row {
    #[searchable(id)]
    id: i64,
    #[searchable(text)]
    name: String,
}

#[test]
fn search_and_follow_work_on_an_any_connection() {
    let (db, pool) = prepared();
    let mut conn = pool.get().unwrap();
    Row::seed(
        &mut conn,
        &[Row {
            id: 1,
            name: "Ada Lovelace".to_owned(),
        }],
    )
    .unwrap();
    let followed = Fts.follow::<_, Row>(&mut conn).unwrap();
    assert_eq!(followed, Followed::Created);
    Seed::new()
        .rows([Row {
            id: 2,
            name: "Grace Hopper".to_owned(),
        }])
        .run(&mut conn)
        .unwrap();
    let ids = |conn: &mut AnyConnection, text: &str| -> Result<Vec<String>, SearchError> {
        let found = Fts.search(conn, "people", &SearchQuery::new(text))?;
        Ok(found.hits.into_iter().map(|hit| hit.id).collect())
    };
    assert_eq!(ids(&mut conn, "hopper").unwrap(), ["2"]);
    rename(&mut conn, 2, "Grace Murray").unwrap();
    assert_eq!(ids(&mut conn, "hopper").unwrap(), [""; 0]);
    assert_eq!(ids(&mut conn, "murray").unwrap(), ["2"]);
    let undone: Result<(), SearchError> = conn.transaction(|conn| {
        rename(conn, 1, "Augusta")?;
        assert_eq!(ids(conn, "augusta")?, ["1"]);
        Err(Error::RollbackTransaction.into())
    });
    undone.unwrap_err();
    assert_eq!(ids(&mut conn, "augusta").unwrap(), [""; 0]);
    assert_eq!(ids(&mut conn, "ada").unwrap(), ["1"]);
    assert!(Fts.index_exists(&mut conn, "people").unwrap());
    assert_eq!(Fts.rebuild(&mut conn, "people").unwrap(), 2);
    assert_eq!(search::reindex(&mut conn, "people").unwrap().documents, 0);
    // A typed connection is one of these, too.
    let mut typed = db.connect();
    rename(&mut conn, 2, "Grace Hopper").unwrap();
    assert_eq!(Fts.refresh(&mut typed, "people").unwrap(), 1);
    assert_eq!(Fts.refresh(&mut conn, "people").unwrap(), 0);
    assert!(Fts.delete_index(&mut typed, "people").unwrap());
    assert!(!Fts.delete_index(&mut conn, "people").unwrap());
}

#[test]
fn a_transaction_left_open_is_rolled_back_when_its_connection_goes_back() {
    let (db, pool) = prepared();
    drop(pool.get().unwrap().batch_execute("BEGIN"));
    let mut conn = pool.get().unwrap();
    diesel::insert_into(people::table)
        .values(person(1))
        .execute(&mut conn)
        .unwrap();
    assert_eq!(super::count(&mut db.connect(), "people"), 1);
}
