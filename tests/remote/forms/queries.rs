//! Joins, aggregates, subqueries, and queries that are put together when the program runs.

use covara_diesel::DatabaseConnection;
use diesel::dsl::{self, exists, not};
use diesel::prelude::*;
use diesel::query_dsl::positional_order_dsl::PositionalOrderDsl;
use diesel::result::QueryResult;
use diesel::sql_types::Bool;
use diesel::sqlite::Sqlite;

use super::posts::dsl as p;
use super::users::dsl as u;
use super::{Post, Transcript, User, comments, followings, posts, users};

/// With its comment, if it has one.
type Commented = (Post, Option<(i64, i64, String)>);

pub(super) fn joins<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let joined: Vec<(User, Post)> = users::table
        .inner_join(posts::table)
        .order(p::id)
        .select((User::as_select(), Post::as_select()))
        .load(conn)?;
    seen.note("inner join", joined);
    let left: Vec<(User, Option<Post>)> = users::table
        .left_join(posts::table)
        .order((u::id, p::id))
        .select((User::as_select(), Option::<Post>::as_select()))
        .load(conn)?;
    seen.note("left join", left);
    let on: Vec<(String, Option<String>)> = users::table
        .left_outer_join(posts::table.on(p::user_id.eq(u::id).and(p::draft)))
        .order((u::id, p::id))
        .select((u::name, p::title.nullable()))
        .load(conn)?;
    seen.note("left join on", on);
    let three: Vec<(String, String, String)> = users::table
        .inner_join(posts::table.inner_join(comments::table))
        .select((u::name, p::title, comments::body))
        .order(comments::id)
        .load(conn)?;
    seen.note("three tables", three);
    let several: Vec<(String, bool)> = followings::table
        .inner_join(users::table)
        .inner_join(posts::table)
        .select((u::name, followings::email))
        .order(followings::post_id)
        .load(conn)?;
    seen.note("two joins", several);
    let all: Vec<(User, Option<Commented>)> = users::table
        .left_join(posts::table.left_join(comments::table))
        .order((u::id, p::id, comments::id))
        .load(conn)?;
    seen.note("nested left joins", all);
    let other = diesel::alias!(users as other);
    let pairs: Vec<(i64, i64)> = users::table
        .inner_join(other.on(other.field(u::hair_color).eq(u::hair_color)))
        .filter(u::id.lt(other.field(u::id)))
        .order((u::id, other.field(u::id)))
        .select((u::id, other.field(u::id)))
        .load(conn)?;
    seen.note("alias", pairs);
    let mine: Vec<User> = users::table.order(u::id).limit(3).load(conn)?;
    let theirs: Vec<Post> = Post::belonging_to(&mine).order(p::id).load(conn)?;
    seen.note("belonging_to", theirs.grouped_by(&mine));
    if let Some(first) = mine.first() {
        let count: i64 = Post::belonging_to(first).count().get_result(conn)?;
        seen.note("belonging_to of one", count);
    }
    Ok(())
}

pub(super) fn aggregates<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let grouped: Vec<(Option<String>, i64, Option<i64>)> = users::table
        .group_by(u::hair_color)
        .having(dsl::count(u::id).gt(0))
        .select((u::hair_color, dsl::count_star(), dsl::max(u::id)))
        .order(u::hair_color)
        .load(conn)?;
    seen.note("group by", grouped);
    let some: Vec<(i64, i64)> = users::table
        .inner_join(posts::table)
        .group_by(u::id)
        .having(dsl::count(p::id).gt(1))
        .select((u::id, dsl::count(p::id)))
        .order(dsl::count(p::id).desc())
        .load(conn)?;
    seen.note("group by over a join, having", some);
    let sums: (Option<i64>, Option<i32>, Option<i32>) = posts::table
        .select((
            dsl::sum(p::visits),
            dsl::min(p::visits),
            dsl::max(p::visits),
        ))
        .first(conn)?;
    seen.note("aggregates", sums);
    let counts: (i64, i64, i64) = posts::table
        .select((
            dsl::count_star(),
            dsl::count(p::publish_at),
            dsl::count(p::user_id).aggregate_distinct(),
        ))
        .first(conn)?;
    seen.note("counts", counts);
    let filtered: i64 = posts::table
        .select(dsl::count(p::id).aggregate_filter(p::visits.gt(100)))
        .first(conn)?;
    seen.note("an aggregate's filter", filtered);
    let none: Option<i64> = posts::table
        .filter(p::id.lt(0))
        .select(dsl::max(p::id))
        .first(conn)?;
    seen.note("max of nothing", none);
    let windows: Vec<(i64, i64, Option<i64>)> = posts::table
        .select((
            p::id,
            dsl::count(p::id)
                .over()
                .partition_by(p::user_id)
                .window_order(p::id),
            dsl::lag(p::id).over().window_order(p::id),
        ))
        .order(p::id)
        .load(conn)?;
    seen.note("window functions", windows);
    seen.note("count", users::table.count().get_result::<i64>(conn)?);
    Ok(())
}

pub(super) fn subqueries<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let authors: Vec<String> = users::table
        .filter(u::id.eq_any(posts::table.select(p::user_id)))
        .filter(exists(posts::table.filter(p::user_id.eq(u::id))))
        .filter(not(u::name.like("%x%")).and(u::id.between(0, 50)))
        .or_filter(u::name.eq("C").and(u::hair_color.is_not_null()))
        .order(u::id.desc())
        .select(u::name.concat("!"))
        .load(conn)?;
    seen.note("subqueries", authors);
    let others: Vec<i64> = users::table
        .filter(u::id.ne_all(posts::table.select(p::user_id)))
        .select(u::id)
        .order(u::id)
        .load(conn)?;
    seen.note("ne_all", others);
    let best: Vec<(String, Option<i32>)> = users::table
        .select((
            u::name,
            posts::table
                .filter(p::user_id.eq(u::id))
                .select(p::visits)
                .order(p::visits.desc())
                .limit(1)
                .single_value(),
        ))
        .order(u::id)
        .limit(4)
        .load(conn)?;
    seen.note("single_value", best);
    let has_ruby: bool =
        diesel::select(exists(users::table.filter(u::name.eq("Ruby")))).get_result(conn)?;
    seen.note("select exists", has_ruby);
    let low = || users::table.filter(u::id.lt(5)).select(u::name);
    let high = || users::table.filter(u::id.gt(3)).select(u::name);
    let both: Vec<String> = low().union(high()).positional_order_by(1).load(conn)?;
    seen.note("union", both);
    let both: Vec<String> = low().union_all(high()).positional_order_by(1).load(conn)?;
    seen.note("union all", both);
    let some: Vec<String> = low().intersect(high()).positional_order_by(1).load(conn)?;
    seen.note("intersect", some);
    let some: Vec<String> = low()
        .except(high())
        .positional_order_by(1)
        .limit(2)
        .offset(1)
        .load(conn)?;
    seen.note("except, limit and offset", some);
    Ok(())
}

pub(super) fn boxed<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    for (hair, least, page) in [
        (None, None, None),
        (Some("Green"), None, Some((3, 0))),
        (Some("Green"), Some(3), Some((2, 1))),
        (None, Some(5), None),
    ] {
        let mut query = users::table.into_boxed();
        if let Some(hair) = hair {
            query = query.filter(u::hair_color.eq(hair));
        }
        if let Some(least) = least {
            query = query
                .filter(u::id.ge(least))
                .or_filter(u::name.eq("More and more"));
        }
        query = match page {
            Some((limit, offset)) => query.limit(limit).offset(offset).order(u::id.desc()),
            None => query.order(u::id).then_order_by(u::name),
        };
        seen.note(
            format!("boxed {hair:?} {least:?} {page:?}"),
            query.load::<User>(conn)?,
        );
    }
    let joined = users::table
        .inner_join(posts::table)
        .select((u::name, p::title))
        .order(p::id)
        .into_boxed::<Sqlite>();
    seen.note("a boxed join", joined.load::<(String, String)>(conn)?);
    type Condition = Box<dyn BoxableExpression<users::table, Sqlite, SqlType = Bool>>;
    for condition in [
        Box::new(u::name.like("%a%")) as Condition,
        Box::new(u::id.gt(3).and(u::id.lt(6))),
    ] {
        let found = users::table.filter(condition).select(u::id).order(u::id);
        seen.note("a boxed condition", found.load::<i64>(conn)?);
    }
    Ok(())
}
