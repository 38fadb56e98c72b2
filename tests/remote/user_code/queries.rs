//! Queries, and results that are odd: columns of one name, many rows, iterators left early.

use covara_diesel::DatabaseConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use super::library::{Author, Book, ByName, authors, books};
use crate::remote::transcript::Transcript;

pub(super) fn read<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
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

pub(super) fn odd_results<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
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
