//! Inserts, updates and deletes.

use covara_diesel::DatabaseConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use super::library::{Author, Book, all_books, authors, books, day};
use crate::remote::transcript::Transcript;

#[derive(AsChangeset)]
#[diesel(table_name = books)]
struct NewPrice {
    price: f64,
    notes: Option<Option<serde_json::Value>>,
}

pub(super) fn write<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
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
