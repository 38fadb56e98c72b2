//! `insert_into`, what it returns, and `on_conflict`.

use covara_diesel::DatabaseConnection;
use diesel::dsl;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;
use diesel::upsert::excluded;

use super::{NewUser, Post, Transcript, User, WholeUser, all_users, comments, followings, posts};

#[derive(Insertable)]
#[diesel(table_name = posts)]
struct NewPost<'a> {
    user_id: i64,
    title: &'a str,
}

pub(super) fn inserts<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    use super::users::dsl::{hair_color, id, name, users};

    let none = diesel::insert_into(users).default_values();
    seen.note("default values", none.execute(conn)?);
    let one = diesel::insert_into(users).values(name.eq("Sean"));
    seen.note("one column", one.execute(conn)?);
    let two = diesel::insert_into(users).values((name.eq("Tess"), hair_color.eq(Some("Brown"))));
    seen.note("two columns", two.execute(conn)?);
    let optional =
        diesel::insert_into(users).values((name.eq("Ruby"), None::<dsl::Eq<hair_color, &str>>));
    seen.note("a column that is left out", optional.execute(conn)?);
    let null = diesel::insert_into(users).values((name.eq("Bald"), hair_color.eq(None::<&str>)));
    seen.note("NULL", null.execute(conn)?);
    let form = NewUser {
        name: "Form",
        hair_color: None,
    };
    let inserted = diesel::insert_into(users).values(&form);
    seen.note("a struct", inserted.execute(conn)?);
    let more = diesel::insert_into(users).values((
        id.eq(70),
        NewUser {
            name: "More",
            hair_color: Some("Grey"),
        },
    ));
    seen.note("a struct and a column", more.execute(conn)?);
    let turned = form_of("Turned").insert_into(users);
    seen.note("from the struct's side", turned.execute(conn)?);
    let several = vec![name.eq("A"), name.eq("B")];
    let several = diesel::insert_into(users).values(&several);
    seen.note("several of one column", several.execute(conn)?);
    let several = [
        (name.eq("C"), hair_color.eq(Some("Black"))),
        (name.eq("D"), hair_color.eq(None)),
    ];
    let array = diesel::insert_into(users).values(&several);
    let shown = diesel::debug_query::<Sqlite, _>(&array).to_string();
    seen.note("the SQL", shown);
    seen.note("several of two columns", array.execute(conn)?);
    let whole = ["E", "F", "G"].map(|new| WholeUser {
        name: new,
        hair_color: (new != "F").then_some("Grey"),
    });
    let several = diesel::insert_into(users).values(&whole);
    seen.note("several structs without defaults", several.execute(conn)?);
    let nobody = diesel::insert_into(users).values(Vec::<WholeUser<'_>>::new());
    // Diesel's count on a file is that of the statement before.
    seen.note("no structs", nobody.execute(conn).is_ok());
    let back: User = diesel::insert_into(users)
        .values(name.eq("Back"))
        .get_result(conn)?;
    seen.note("get_result", back);
    let back: Option<String> = diesel::insert_into(users)
        .values(name.eq("Hair"))
        .returning(hair_color)
        .get_result(conn)?;
    seen.note("returning a column", back);
    let back: Vec<(i64, String)> = diesel::insert_into(users)
        .values(name.eq("Some"))
        .returning((id, name))
        .get_results(conn)?;
    seen.note("get_results of one row", back);
    seen.note("users", all_users(conn)?);

    for (user_id, title) in [(1, "one"), (2, "two"), (3, "three"), (1, "four")] {
        let post: Post = diesel::insert_into(posts::table)
            .values(&NewPost { user_id, title })
            .returning(Post::as_returning())
            .get_result(conn)?;
        seen.note("as_returning", post);
    }
    let from_select = posts::table
        .filter(posts::user_id.le(2))
        .select((posts::id, posts::title))
        .insert_into(comments::table)
        .into_columns((comments::post_id, comments::body));
    seen.note("from a select", from_select.execute(conn)?);
    let from_select = diesel::insert_into(followings::table)
        .values(posts::table.select((posts::user_id, posts::id)))
        .into_columns((followings::user_id, followings::post_id));
    seen.note("values of a select", from_select.execute(conn)?);
    Ok(())
}

fn form_of(name: &str) -> NewUser<'_> {
    NewUser {
        name,
        hair_color: Some("Red"),
    }
}

pub(super) fn upserts<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    use super::users::dsl::{hair_color, id, name, users};

    let pascal = (id.eq(1), name.eq("Pascal"));
    let nothing = diesel::insert_into(users)
        .values(pascal)
        .on_conflict_do_nothing();
    seen.note("do nothing", nothing.execute(conn)?);
    let nothing = diesel::insert_into(users)
        .values(pascal)
        .on_conflict(id)
        .do_nothing();
    seen.note("do nothing on a column", nothing.execute(conn)?);
    let nothing = diesel::insert_into(users)
        .values((name.eq("Tess"), hair_color.eq("Brown")))
        .on_conflict((name, hair_color))
        .do_nothing();
    seen.note("do nothing on two", nothing.execute(conn)?);
    let update = diesel::insert_into(users)
        .values(pascal)
        .on_conflict(id)
        .do_update()
        .set(name.eq("I DONT KNOW ANYMORE"));
    seen.note("do update", update.execute(conn)?);
    let changed = User {
        id: 1,
        name: "Pascal".to_owned(),
        hair_color: None,
    };
    let update = diesel::insert_into(users)
        .values(&changed)
        .on_conflict(id)
        .do_update()
        .set(&changed);
    seen.note("do update by a struct", update.execute(conn)?);
    for (number, new) in [(1, "P"), (2, "S"), (71, "new")] {
        let update = diesel::insert_into(users)
            .values((id.eq(number), name.eq(new)))
            .on_conflict(id)
            .do_update()
            .set(name.eq(excluded(name)));
        let update = diesel::query_dsl::methods::FilterDsl::filter(update, id.ne(2));
        seen.note("do update with excluded", update.execute(conn)?);
    }
    let back: User = diesel::insert_into(users)
        .values((id.eq(71), name.eq("newer")))
        .on_conflict(id)
        .do_update()
        .set((name.eq(excluded(name)), hair_color.eq("Red")))
        .returning(User::as_returning())
        .get_result(conn)?;
    seen.note("do update returning", back);
    let none: Option<User> = diesel::insert_into(users)
        .values((id.eq(71), name.eq("newest")))
        .on_conflict_do_nothing()
        .get_result(conn)
        .optional()?;
    seen.note("do nothing returning", none);
    let several = [
        (id.eq(71), name.eq("seventy-one"), hair_color.eq("Blue")),
        (id.eq(72), name.eq("seventy-two"), hair_color.eq("Blue")),
    ];
    let several = diesel::insert_into(users)
        .values(&several)
        .on_conflict(id)
        .do_update()
        .set(name.eq(excluded(name)));
    seen.note("several", several.execute(conn)?);
    let whole = ["E", "new E"].map(|new| WholeUser {
        name: new,
        hair_color: Some("Grey"),
    });
    let several = diesel::insert_into(users)
        .values(&whole)
        .on_conflict_do_nothing();
    seen.note("several structs without defaults", several.execute(conn)?);
    let ignored = diesel::insert_or_ignore_into(users).values((id.eq(1), name.eq("x")));
    seen.note("insert or ignore", ignored.execute(conn)?);
    let replaced = diesel::replace_into(users).values((id.eq(71), name.eq("replaced")));
    seen.note("replace", replaced.execute(conn)?);
    seen.note("users after upserts", all_users(conn)?);
    Ok(())
}
