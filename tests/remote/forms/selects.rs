//! Expressions, SQL of one's own, and the ways to load rows.

use covara_diesel::DatabaseConnection;
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::{self, case_when, sql};
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::sqlite::Sqlite;

use super::posts::dsl as p;
use super::users::dsl as u;
use super::{Transcript, User, posts, users};

#[diesel::declare_sql_function]
extern "SQL" {
    fn upper(text: Text) -> Text;
    fn coalesce(a: Nullable<Text>, b: Text) -> Text;
}

pub(super) fn expressions<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let cases: Vec<String> = users::table
        .select(
            case_when(u::id.lt(3), "low".into_sql::<Text>())
                .when(u::id.lt(5), "middle".into_sql::<Text>())
                .otherwise("high".into_sql::<Text>()),
        )
        .order(u::id)
        .limit(5)
        .offset(1)
        .load(conn)?;
    seen.note("case when", cases);
    let colors: Vec<Option<String>> = users::table
        .select(u::hair_color)
        .distinct()
        .order(u::hair_color.asc())
        .load(conn)?;
    seen.note("distinct", colors);
    let is: Vec<i64> = users::table
        .filter(u::hair_color.is(None::<String>))
        .or_filter(u::hair_color.is_not("Green").and(u::id.ne(1)))
        .select(u::id)
        .order(u::id)
        .load(conn)?;
    seen.note("is and is_not", is);
    let likes: Vec<String> = users::table
        .filter(u::name.like("S\\_an").escape('\\'))
        .or_filter(u::name.not_like("%e%"))
        .or_filter(u::id.not_between(2, 70))
        .or_filter(u::id.eq_any(vec![2, 3]))
        .select(u::name)
        .order(u::id)
        .load(conn)?;
    seen.note("like, escape, between, eq_any", likes);
    let sums: Vec<(i64, i32, i32)> = posts::table
        .select((p::id + 1, p::visits * 2 - 1, p::visits / 3))
        .order((p::visits.desc(), p::id.asc()))
        .load(conn)?;
    seen.note("arithmetic", sums);
    let calls: Vec<(String, String)> = users::table
        .select((upper(u::name), coalesce(u::hair_color, "none")))
        .order(u::id)
        .load(conn)?;
    seen.note("functions", calls);
    let casts: Vec<(String, Option<String>)> = users::table
        .select((
            u::id.cast::<Text>(),
            u::id.nullable().cast::<Nullable<Text>>(),
        ))
        .order(u::id)
        .limit(3)
        .load(conn)?;
    seen.note("casts", casts);
    let sure: Vec<String> = users::table
        .filter(u::hair_color.is_not_null())
        .select(u::hair_color.assume_not_null())
        .order(u::id)
        .load(conn)?;
    seen.note("assume_not_null", sure);
    let before: i64 = posts::table
        .filter(p::publish_at.lt(dsl::now.nullable()))
        .count()
        .get_result(conn)?;
    seen.note("now", before);
    let today: bool =
        diesel::select(dsl::date(dsl::now).le(dsl::date(dsl::now))).get_result(conn)?;
    seen.note("date", today);
    let picked = diesel::select(("a".into_sql::<Text>(), 1_i64.into_sql::<BigInt>()));
    seen.note("select", picked.get_result::<(String, i64)>(conn)?);
    Ok(())
}

#[derive(Debug, HasQuery)]
#[diesel(table_name = users)]
#[expect(dead_code, reason = "all of it is shown")]
struct Named {
    id: i64,
    name: String,
}

#[derive(Debug, QueryableByName)]
#[expect(dead_code, reason = "all of it is shown")]
struct Counted {
    #[diesel(embed)]
    user: User,
    #[diesel(sql_type = BigInt)]
    posts: i64,
}

pub(super) fn by_sql<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let counted: Vec<Counted> = diesel::sql_query(
        "SELECT users.*, count(posts.id) AS posts FROM users LEFT JOIN posts ON user_id = users.id
         WHERE users.id < ? AND name <> ? GROUP BY users.id ORDER BY users.id",
    )
    .bind::<BigInt, _>(9)
    .bind::<Text, _>("Tess")
    .load(conn)?;
    seen.note("sql_query", counted);
    let mut boxed = diesel::sql_query("SELECT * FROM users WHERE id > ?")
        .into_boxed::<Sqlite>()
        .bind::<BigInt, _>(3);
    boxed = boxed.sql(" AND name LIKE ?").bind::<Text, _>("%o%");
    seen.note("a boxed sql_query", boxed.load::<User>(conn)?);
    let changed = diesel::sql_query("UPDATE users SET name = name || ? WHERE id IN (?, ?)")
        .bind::<Text, _>("'")
        .bind::<BigInt, _>(2)
        .bind::<BigInt, _>(404);
    seen.note("execute of a sql_query", changed.execute(conn)?);
    let fragment: Vec<i64> = users::table
        .filter(
            sql::<Bool>("length(name) > ")
                .bind::<BigInt, _>(3)
                .sql(" AND id < 50"),
        )
        .select(sql::<BigInt>("id * ").bind::<BigInt, _>(2))
        .order(sql::<BigInt>("id DESC"))
        .load(conn)?;
    seen.note("fragments with binds", fragment);
    let whole: Vec<(i64, String)> = sql::<(BigInt, Text)>("SELECT id, name FROM users WHERE id = ")
        .bind::<BigInt, _>(2)
        .load(conn)?;
    seen.note("a query by sql()", whole);
    Ok(())
}

pub(super) fn ways_to_load<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let nobody = users::table.filter(u::name.eq("nobody at all"));
    seen.note("optional", nobody.first::<User>(conn).optional()?);
    seen.note("not found", nobody.first::<User>(conn));
    seen.note("no rows", nobody.load::<User>(conn)?);
    let one: User = users::table.find(2).get_result(conn)?;
    seen.note("get_result", &one);
    let many: User = users::table.order(u::id.desc()).get_result(conn)?;
    seen.note("get_result of many", many);
    let two: Vec<(i64, String)> = users::table
        .select((u::id, u::name))
        .order(u::id)
        .limit(2)
        .get_results(conn)?;
    seen.note("get_results", two);
    let first: String = users::table.select(u::name).order(u::name).first(conn)?;
    seen.note("first", first);
    let only_offset: Vec<i64> = users::table
        .select(u::id)
        .order(u::id)
        .limit(-1)
        .offset(3)
        .load(conn)?;
    seen.note("limit and offset", only_offset);
    let rows: Vec<String> = users::table
        .select(u::name)
        .order(u::id)
        .load_iter::<String, DefaultLoadingMode>(conn)?
        .collect::<QueryResult<_>>()?;
    seen.note("load_iter", rows);
    let keys = Identifiable::id(&one);
    seen.note("the row's key", keys);
    let selected: Vec<Named> = Named::query().order(u::id).limit(1).load(conn)?;
    seen.note("a struct that has its query", selected);
    Ok(())
}
