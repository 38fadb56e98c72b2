//! One program, written once against Diesel's `Sqlite` backend, does the same on a local file,
//! on libSQL and on D1, row for row.

use std::fmt::Debug;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use covara_diesel::DatabaseConnection;
use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use diesel::sqlite::Sqlite;
use serde_json::json;
use support::{d1, sqld, sqlite};

diesel::table! {
    authors (id) {
        id -> BigInt,
        name -> Text,
        born -> Nullable<Date>,
    }
}

diesel::table! {
    books (id) {
        id -> BigInt,
        author_id -> BigInt,
        title -> Text,
        price -> Double,
        printed -> Nullable<Timestamp>,
        notes -> Nullable<Json>,
    }
}

diesel::table! {
    samples (id) {
        id -> BigInt,
        whole -> Nullable<BigInt>,
        medium -> Nullable<Integer>,
        small -> Nullable<SmallInt>,
        real -> Nullable<Double>,
        single -> Nullable<Float>,
        text -> Nullable<Text>,
        bytes -> Nullable<Binary>,
        flag -> Nullable<Bool>,
        day -> Nullable<Date>,
        hour -> Nullable<Time>,
        moment -> Nullable<Timestamp>,
        document -> Nullable<Json>,
        binary_document -> Nullable<Jsonb>,
    }
}

diesel::joinable!(books -> authors (author_id));
diesel::allow_tables_to_appear_in_same_query!(authors, books);

pub(super) const CREATE: &str = "
    CREATE TABLE authors (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, born DATE);
    CREATE TABLE books (
        id INTEGER PRIMARY KEY NOT NULL,
        author_id BIGINT NOT NULL REFERENCES authors (id),
        title TEXT NOT NULL CHECK (title <> ''),
        price DOUBLE PRECISION NOT NULL,
        printed TIMESTAMP,
        notes TEXT
    );
    CREATE INDEX books_author ON books (author_id);
    CREATE TABLE log (what TEXT NOT NULL);
    -- Its semicolons are its own.
    CREATE TRIGGER books_log AFTER INSERT ON books BEGIN
        INSERT INTO log VALUES ('book; ' || CASE WHEN new.price > 10 THEN 'dear' ELSE 'cheap' END);
        INSERT INTO log VALUES (new.title);
    END;
    CREATE TABLE samples (
        id INTEGER PRIMARY KEY NOT NULL, whole BIGINT, medium INTEGER, small SMALLINT,
        real DOUBLE PRECISION, single FLOAT, text TEXT, bytes BLOB, flag BOOLEAN, day DATE,
        hour TIME, moment TIMESTAMP, document TEXT, binary_document BLOB
    );";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Insertable)]
#[diesel(table_name = authors, treat_none_as_default_value = false)]
struct Author {
    id: i64,
    name: String,
    born: Option<NaiveDate>,
}

#[derive(
    Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Associations, Insertable,
)]
#[diesel(table_name = books, belongs_to(Author), treat_none_as_default_value = false)]
struct Book {
    id: i64,
    author_id: i64,
    title: String,
    price: f64,
    printed: Option<NaiveDateTime>,
    notes: Option<serde_json::Value>,
}

#[derive(AsChangeset)]
#[diesel(table_name = books)]
struct NewPrice {
    price: f64,
    notes: Option<Option<serde_json::Value>>,
}

#[derive(Debug, Clone, Default, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = samples, treat_none_as_default_value = false)]
struct Sample {
    id: i64,
    whole: Option<i64>,
    medium: Option<i32>,
    small: Option<i16>,
    real: Option<f64>,
    single: Option<f32>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    flag: Option<bool>,
    day: Option<NaiveDate>,
    hour: Option<NaiveTime>,
    moment: Option<NaiveDateTime>,
    document: Option<serde_json::Value>,
    binary_document: Option<serde_json::Value>,
}

#[derive(Debug, QueryableByName)]
#[expect(dead_code, reason = "all of it is shown")]
struct ByName {
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Text, column_name = "a \"name\"")]
    name: String,
    #[diesel(sql_type = Nullable<Double>)]
    total: Option<f64>,
}

/// What the program saw, step by step.
#[derive(Default)]
pub(super) struct Transcript(Vec<(String, String)>);

impl Transcript {
    pub(super) fn note(&mut self, step: impl Into<String>, seen: impl Debug) {
        self.0.push((step.into(), format!("{seen:?}")));
    }

    /// Without the step, which must be there.
    pub(super) fn take(&mut self, step: &str) -> String {
        let at = self.0.iter().position(|(name, _)| name == step);
        self.0.remove(at.expect(step)).1
    }
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn all_books() -> Vec<Book> {
    (1..=6)
        .map(|id| Book {
            id,
            author_id: id % 3 + 1,
            title: format!("Book «{id}» of O'Brien; --"),
            price: 2.5 * id as f64 + 0.1,
            printed: (id % 2 == 0).then(|| {
                day(1900 + id as i32, 2, 28)
                    .and_hms_micro_opt(23, 59, 59, 123_456)
                    .unwrap()
            }),
            notes: (id % 3 != 0).then(|| json!({"tags": ["a", null, id], "ünïcode": "\u{1F469}"})),
        })
        .collect()
}

/// The rows of one sample each, named by what is special in it.
fn all_samples() -> Vec<(&'static str, Sample)> {
    let mut all: Vec<(&'static str, Sample)> = Vec::new();
    let mut add = |name: &'static str, change: &dyn Fn(&mut Sample)| {
        let mut sample = Sample {
            id: i64::try_from(all.len()).unwrap() + 1,
            ..Sample::default()
        };
        change(&mut sample);
        all.push((name, sample));
    };
    add("nothing", &|_| {});
    for whole in [0, 1, -1, (1 << 53) - 1, -((1 << 53) - 1), 1 << 31] {
        add("whole", &|s| s.whole = Some(whole));
    }
    add("medium", &|s| s.medium = Some(i32::MIN));
    add("medium", &|s| s.medium = Some(i32::MAX));
    add("small", &|s| s.small = Some(i16::MIN));
    for real in [
        0.0,
        1.0,
        -1.5,
        0.1,
        1e15,
        1e16,
        1e300,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        f64::EPSILON,
        9_007_199_254_740_993.0,
        9.223_372_036_854_776e18,
        123_456_789.123_456_79,
    ] {
        add("real", &|s| s.real = Some(real));
    }
    for single in [0.1, f32::MAX, f32::MIN_POSITIVE] {
        add("single", &|s| s.single = Some(single));
    }
    // SQLite has no NaN.
    add("NaN", &|s| s.real = Some(f64::NAN));
    for text in [
        "",
        " ",
        "a\0b",
        "\0",
        "O'Brien \"the\" `best` \\ back\\\\",
        "'; DROP TABLE samples; --",
        "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467} \u{5E9}\u{5DC}\u{5D5}\u{5DD}",
        "\u{FEFF}\u{200B}\u{10FFFF}\r\n\t\u{7F}\u{1}\u{2028}",
        "$1 ?1 :name @x NULL null {\"type\":\"text\"}",
        "123",
        "1e5",
    ] {
        add("text", &|s| s.text = Some(text.to_owned()));
    }
    add("a megabyte", &|s| {
        s.text = Some("0123456789abcdé\n".repeat(1 << 16))
    });
    for bytes in [vec![], vec![0], (0..=255).collect(), b"text".to_vec()] {
        add("bytes", &|s| s.bytes = Some(bytes.clone()));
    }
    add("100 kB", &|s| s.bytes = Some(vec![0xAB; 100_000]));
    add("flag", &|s| s.flag = Some(true));
    add("flag", &|s| s.flag = Some(false));
    for (year, micro) in [
        (1, 0),
        (1969, 999_999),
        (1970, 0),
        (2038, 500_000),
        (9999, 1),
    ] {
        add("time", &|s| {
            s.day = Some(day(year, 12, 31));
            s.hour = NaiveTime::from_hms_micro_opt(23, 59, 59, micro);
            s.moment = s.day.unwrap().and_hms_micro_opt(0, 0, 1, micro);
        });
    }
    for document in [
        json!(null),
        json!([1, -2.5, "x", {"b": 1, "a": []}]),
        json!({"z": 9_007_199_254_740_993_i64, "text": "\u{0}\"\\/\u{2028}"}),
    ] {
        add("JSON", &|s| {
            s.document = Some(document.clone());
            s.binary_document = Some(document.clone());
        });
    }
    all
}

/// The program. What it sees goes into the transcript; only what no engine may refuse is
/// unwrapped.
fn user_code<C>(conn: &mut C) -> QueryResult<Transcript>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut seen = Transcript::default();
    conn.batch_execute(CREATE)?;
    write(conn, &mut seen)?;
    read(conn, &mut seen)?;
    refused(conn, &mut seen);
    values(conn, &mut seen)?;
    odd_results(conn, &mut seen)?;
    Ok(seen)
}

fn write<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let ada = Author {
        id: 1,
        name: "Ada".to_owned(),
        born: Some(day(1815, 12, 10)),
    };
    let one = diesel::insert_into(authors::table).values(&ada);
    seen.note("insert one", one.execute(conn)?);
    let others = [("Grace", None), ("Zoë \u{1F469}", Some(day(2024, 2, 29)))];
    let others: Vec<Author> = (2..)
        .zip(others)
        .map(|(id, (name, born))| Author {
            id,
            name: name.to_owned(),
            born,
        })
        .collect();
    let many = diesel::insert_into(authors::table).values(&others);
    seen.note("insert many", many.execute(conn)?);
    let back: Vec<Book> = all_books()
        .iter()
        .map(|book| {
            diesel::insert_into(books::table)
                .values(book)
                .returning(Book::as_returning())
                .get_result(conn)
        })
        .collect::<QueryResult<_>>()?;
    seen.note("insert returning", &back);
    assert_eq!(back, all_books());

    let again = diesel::insert_into(authors::table)
        .values(&ada)
        .on_conflict_do_nothing();
    seen.note("insert or ignore", again.execute(conn)?);
    let renamed = (authors::id.eq(1), authors::name.eq("Ada Lovelace"));
    let upsert: Author = diesel::insert_into(authors::table)
        .values(renamed)
        .on_conflict(authors::id)
        .do_update()
        .set(authors::name.eq("Ada Lovelace"))
        .returning(Author::as_returning())
        .get_result(conn)?;
    seen.note("upsert", upsert);
    // The trigger's rows do not count.
    let dear = Book {
        id: 50,
        author_id: 1,
        title: "one with a trigger".to_owned(),
        price: 99.0,
        printed: None,
        notes: None,
    };
    let dear = diesel::insert_into(books::table).values(&dear);
    seen.note("changes beside a trigger", dear.execute(conn)?);
    let new = NewPrice {
        price: 1e-7,
        notes: Some(None),
    };
    let update = diesel::update(books::table.filter(books::id.le(3))).set(&new);
    seen.note("update", update.execute(conn)?);
    let nothing = diesel::update(books::table.filter(books::id.eq(404))).set(books::price.eq(1.0));
    seen.note("update nothing", nothing.execute(conn)?);
    let create = diesel::sql_query("CREATE TABLE more (x)");
    seen.note("changes of DDL after a write", create.execute(conn)?);
    let raised: Vec<(i64, f64)> = diesel::update(books::table.filter(books::price.gt(10.0)))
        .set(books::price.eq(books::price * 2.0))
        .returning((books::id, books::price))
        .get_results(conn)?;
    seen.note("update returning", raised);
    let gone = diesel::delete(books::table.find(50)).returning(books::title);
    seen.note("delete returning", gone.get_results::<String>(conn)?);
    let replace = diesel::replace_into(authors::table).values(Author {
        id: 9,
        name: "Nobody".to_owned(),
        born: None,
    });
    seen.note("replace", replace.execute(conn)?);
    seen.note(
        "delete",
        diesel::delete(authors::table.find(9)).execute(conn)?,
    );
    Ok(())
}

fn read<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let authors: Vec<Author> = authors::table
        .select(Author::as_select())
        .order(authors::id)
        .load(conn)?;
    seen.note("load", &authors);
    let joined: Vec<(Book, Author)> = books::table
        .inner_join(authors::table)
        .filter(authors::name.like("%Ad%").or(books::price.lt(1.0)))
        .order((authors::name, books::id.desc()))
        .select((Book::as_select(), Author::as_select()))
        .load(conn)?;
    seen.note("join", joined);
    let left: Vec<(String, Option<String>)> = authors::table
        .left_join(books::table.on(books::author_id.eq(authors::id).and(books::id.gt(4))))
        .order((authors::id, books::id))
        .select((authors::name, books::title.nullable()))
        .load(conn)?;
    seen.note("left join", left);
    let theirs: Vec<Book> = Book::belonging_to(&authors)
        .select(Book::as_select())
        .order(books::id)
        .load(conn)?;
    let grouped: Vec<(Author, Vec<Book>)> = theirs
        .grouped_by(&authors)
        .into_iter()
        .zip(authors)
        .map(|(books, author)| (author, books))
        .collect();
    seen.note("belonging to", grouped);
    for ids in [vec![], vec![2], vec![1, 2, 404], (0..90).collect()] {
        let some: Vec<String> = books::table
            .filter(books::id.eq_any(&ids))
            .order(books::id)
            .select(books::title)
            .load(conn)?;
        seen.note(format!("eq_any of {}", ids.len()), some);
    }
    for (dear, title) in [(true, None), (false, Some("%3%")), (true, Some("nothing"))] {
        let mut query = books::table.select(Book::as_select()).into_boxed();
        if dear {
            query = query.filter(books::price.gt(5.0));
        }
        if let Some(title) = title {
            query = query.filter(books::title.like(title));
        }
        let found: Vec<Book> = query.order(books::id).limit(10).load(conn)?;
        seen.note(format!("boxed {dear} {title:?}"), found);
    }
    let by_name: Vec<ByName> = diesel::sql_query(
        "SELECT sum(price) AS total, a.name AS \"a \"\"name\"\"\", max(title) AS title
         FROM books JOIN authors a ON a.id = author_id WHERE author_id <> ? GROUP BY a.id ORDER BY a.id",
    )
    .bind::<BigInt, _>(2)
    .load(conn)?;
    seen.note("by name", by_name);
    let aggregates: (i64, Option<f64>, Option<f64>) = books::table
        .select((
            diesel::dsl::count_star(),
            diesel::dsl::max(books::price),
            diesel::dsl::avg(books::price),
        ))
        .first(conn)?;
    seen.note("aggregates", aggregates);
    seen.note(
        "exists",
        diesel::select(diesel::dsl::exists(books::table.find(3))).get_result::<bool>(conn)?,
    );
    let none = books::table.find(404).select(Book::as_select());
    seen.note("no row", none.first(conn).optional()?);
    seen.note("not found", none.first(conn));
    let recursive =
        "WITH RECURSIVE up (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < 9)
        SELECT group_concat(n, ';') AS title, 'x' AS \"a \"\"name\"\"\", 1.0 AS total FROM up";
    seen.note(
        "with",
        diesel::sql_query(recursive).get_result::<ByName>(conn)?,
    );
    Ok(())
}

/// What SQLite refuses is refused in the same words and of the same kind.
fn refused<C>(conn: &mut C, seen: &mut Transcript)
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let mut error = |step: &str, result: QueryResult<usize>| match result {
        Err(diesel::result::Error::DatabaseError(kind, information)) => {
            // Some add at which byte.
            let message = information.message();
            let message = message.split(" at offset ").next().unwrap_or(message);
            seen.note(step, (kind, message.to_owned()));
        }
        other => seen.note(step, other),
    };
    for (step, sql) in [
        (
            "unique",
            "INSERT INTO authors (id, name) VALUES (77, 'Grace')",
        ),
        (
            "primary key",
            "INSERT INTO authors (id, name) VALUES (1, 'new')",
        ),
        ("not null", "INSERT INTO authors (id) VALUES (78)"),
        (
            "check",
            "INSERT INTO books (author_id, title, price) VALUES (1, '', 1)",
        ),
        (
            "foreign key",
            "INSERT INTO books (author_id, title, price) VALUES (404, 'x', 1)",
        ),
        (
            "foreign key of a parent",
            "DELETE FROM authors WHERE id = 1",
        ),
        ("no table", "DELETE FROM nowhere"),
        ("no column", "UPDATE books SET no_such_column = 1"),
    ] {
        error(step, diesel::sql_query(sql).execute(conn));
    }
    let kept: QueryResult<i64> = authors::table.count().get_result(conn);
    seen.note("nothing of it is kept", kept);
}

fn values<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    for (name, sample) in all_samples() {
        let step = format!("{name}, sample {}", sample.id);
        diesel::insert_into(samples::table)
            .values(&sample)
            .execute(conn)?;
        let stored: Sample = samples::table.find(sample.id).first(conn)?;
        if sample.real.is_none_or(|real| !real.is_nan()) {
            assert!(stored == sample, "{step} came back as something else");
        }
        seen.note(format!("{step}, read"), &stored);
        // As the database itself has it: types, signs and every digit.
        let quoted: String = diesel::sql_query(
            "SELECT typeof(whole) || typeof(real) || typeof(single) || typeof(bytes)
                 || iif(length(text) > 1000, length(text), hex(text))
                 || coalesce(whole, '') || quote(medium) || quote(bytes) || quote(flag)
                 || quote(day) || quote(hour) || quote(moment) || quote(document)
                 || hex(binary_document) AS title,
                 '' AS \"a \"\"name\"\"\", NULL AS total
             FROM samples WHERE id = ?",
        )
        .bind::<BigInt, _>(sample.id)
        .get_result::<ByName>(conn)?
        .title;
        seen.note(format!("{step}, stored"), quoted);
        // What is bound finds what is stored.
        let found: i64 = samples::table
            .filter(samples::id.eq(sample.id))
            .filter(
                samples::whole
                    .is(sample.whole)
                    .and(samples::text.is(sample.text.clone()))
                    .and(samples::bytes.is(sample.bytes.clone()))
                    .and(samples::real.is(sample.real))
                    .and(samples::single.is(sample.single))
                    .and(samples::day.is(sample.day))
                    .and(samples::moment.is(sample.moment)),
            )
            .count()
            .get_result(conn)?;
        assert_eq!(found, 1, "{step}");
    }
    // Arithmetic on what is bound is that of its type.
    let halves: (i64, f64) = diesel::select((
        diesel::dsl::sql::<BigInt>("7 / ").bind::<BigInt, _>(2),
        diesel::dsl::sql::<Double>("7 / ").bind::<Double, _>(2.0),
    ))
    .get_result(conn)?;
    seen.note("division", halves);
    Ok(())
}

fn odd_results<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    #[derive(Debug, QueryableByName)]
    #[expect(dead_code, reason = "it is shown")]
    struct Two {
        #[diesel(sql_type = BigInt)]
        x: i64,
    }

    // Two columns of one name: each has its own value by position.
    let twice: Vec<(i64, String, i64)> = books::table
        .inner_join(authors::table)
        .select((books::id, authors::name, authors::id))
        .order(books::id)
        .load(conn)?;
    seen.note("columns of one name", twice);
    let first: Vec<Two> = diesel::sql_query("SELECT 1 AS x, 2 AS x").load(conn)?;
    seen.note("by name of two columns", first);
    seen.note(
        "no rows",
        books::table
            .filter(books::id.lt(0))
            .select(Book::as_select())
            .load::<Book>(conn)?,
    );
    // More rows than the bridge's numbers, and than any bind limit.
    let many = "WITH RECURSIVE up (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < 5000)
        INSERT INTO books SELECT n + 1000, n % 3 + 1, 'title ' || n, n / 8.0, NULL, NULL FROM up";
    // On D1, `WITH … INSERT` counts what it inserts as well.
    seen.note("insert from select", diesel::sql_query(many).execute(conn)?);
    let many: Vec<Book> = books::table
        .select(Book::as_select())
        .order(books::id)
        .load(conn)?;
    assert_eq!(many.len(), 5_006);
    seen.note("5,000 rows", many);
    let log: Vec<Two> = diesel::sql_query("SELECT count(*) AS x FROM log").load(conn)?;
    seen.note("what the trigger did", log);
    // Left before its end.
    let some: Vec<String> = books::table
        .select(books::title)
        .order(books::id.desc())
        .load_iter::<String, diesel::connection::DefaultLoadingMode>(conn)?
        .take(3)
        .collect::<QueryResult<_>>()?;
    seen.note("an iterator left early", some);
    let wrong = books::table.select(diesel::dsl::sql::<BigInt>("title"));
    seen.note("after a wrong type", wrong.first::<i64>(conn).ok());
    Ok(())
}

pub(super) fn on_a_file<R>(work: impl FnOnce(&mut SqliteConnection) -> R) -> R {
    let db = sqlite::TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF")
        .unwrap();
    work(&mut conn)
}

pub(super) fn assert_same(found: &Transcript, expected: &Transcript) {
    for (found, expected) in found.0.iter().zip(&expected.0) {
        assert_eq!(found.0, expected.0);
        // In full it may be a megabyte.
        let at = found
            .1
            .bytes()
            .zip(expected.1.bytes())
            .position(|(a, b)| a != b);
        let at = at.unwrap_or(found.1.len().min(expected.1.len()));
        let around = |text: &str| {
            let bytes = text.as_bytes();
            let range = at.saturating_sub(200)..(at + 200).min(bytes.len());
            String::from_utf8_lossy(&bytes[range]).into_owned()
        };
        assert!(
            found.1 == expected.1,
            "{}: {}\n  on a file: {}",
            found.0,
            around(&found.1),
            around(&expected.1)
        );
    }
    assert_eq!(found.0.len(), expected.0.len());
}

#[test]
fn libsql_does_what_a_file_does() {
    let db = sqld::TestDb::new();
    let mut conn = LibsqlConnection::establish(&db.url()).unwrap();
    let found = user_code(&mut conn).unwrap();
    assert_same(&found, &on_a_file(user_code).unwrap());
    assert!(found.0.len() > 150, "{}", found.0.len());
}

#[test]
fn d1_does_what_a_file_does() {
    let db = d1::TestDb::new();
    let mut conn = D1Connection::establish(&db.url()).unwrap();
    let found = user_code(&mut conn).unwrap();
    assert_same(&found, &on_a_file(user_code).unwrap());
}
