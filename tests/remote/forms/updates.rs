//! `update`, `save_changes` and `delete`.

use covara_diesel::DatabaseConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use super::{Post, Transcript, User, comments, followings, users};

#[derive(Identifiable, AsChangeset)]
#[diesel(table_name = super::posts)]
pub(super) struct PostForm<'a> {
    id: i64,
    title: Option<&'a str>,
    visits: Option<i32>,
}

#[derive(AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
struct Hair<'a> {
    hair_color: Option<&'a str>,
}

#[derive(Debug, Queryable, Identifiable, AsChangeset)]
#[diesel(table_name = followings, primary_key(user_id, post_id))]
pub(super) struct Following {
    user_id: i64,
    post_id: i64,
    email: bool,
}

/// `save_changes` of the three structs, of which a generic connection does not know that it has
/// it.
pub(super) struct Save<C> {
    pub(super) user: fn(&User, &mut C) -> QueryResult<User>,
    pub(super) post: fn(&PostForm<'_>, &mut C) -> QueryResult<Post>,
    pub(super) following: fn(&Following, &mut C) -> QueryResult<Following>,
}

macro_rules! save {
    () => {
        crate::remote::forms::updates::Save {
            user: |user, conn| user.save_changes(conn),
            post: |post, conn| post.save_changes(conn),
            following: |following, conn| following.save_changes(conn),
        }
    };
}

pub(super) use save;

pub(super) fn updates<C>(conn: &mut C, save: &Save<C>, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    use super::posts::dsl::{draft, posts, publish_at, title, user_id, visits};

    let all = diesel::update(posts).set(draft.eq(false));
    seen.note("update all", all.execute(conn)?);
    let time = chrono::DateTime::from_timestamp(1_000_000_000, 0).unwrap_or_default();
    let some = diesel::update(posts.filter(publish_at.is_null()))
        .set((draft.eq(true), publish_at.eq(time.naive_utc())));
    seen.note("update some", some.execute(conn)?);
    let filtered = diesel::update(posts)
        .filter(user_id.eq(3))
        .set(visits.eq(7));
    seen.note("filter after update", filtered.execute(conn)?);
    let more = diesel::update(posts.find(1)).set(visits.eq(visits + 1));
    seen.note("by its old value", more.execute(conn)?);
    let optional =
        diesel::update(posts.find(1)).set((Some(visits.eq(visits * 2)), None::<EqTitle<'_>>));
    seen.note("a column that is left out", optional.execute(conn)?);
    let nested =
        diesel::update(users::table.find(70)).set(users::name.eq(users::name.concat(" and more")));
    seen.note("by an expression", nested.execute(conn)?);
    let post: Post = posts.find(1).select(Post::as_select()).first(conn)?;
    let same = diesel::update(&post).set(title.eq("Repost: one"));
    seen.note("update a row", same.execute(conn)?);
    let back: Post = diesel::update(&post)
        .set((title.eq("again"), draft.eq(false)))
        .returning(Post::as_returning())
        .get_result(conn)?;
    seen.note("update returning", back);
    let back: Vec<(i64, i32)> = diesel::update(posts.filter(visits.lt(100)))
        .set(visits.eq(visits + 10))
        .returning((super::posts::id, visits))
        .get_results(conn)?;
    seen.note("update several returning", back);
    let mut boxed = diesel::update(posts).into_boxed();
    boxed = boxed.filter(user_id.eq(2));
    seen.note(
        "a boxed update",
        boxed.set(visits.eq(visits + 1)).execute(conn)?,
    );
    let null =
        diesel::update(users::table.filter(users::name.eq("Tess"))).set(Hair { hair_color: None });
    seen.note("None as NULL", null.execute(conn)?);
    let set = diesel::update(posts.find(3)).set(&PostForm {
        id: 3,
        title: None,
        visits: Some(9),
    });
    seen.note("AsChangeset", set.execute(conn)?);
    let set = diesel::update(posts.find(3)).set((
        draft.eq(true),
        &PostForm {
            id: 3,
            title: Some("both"),
            visits: None,
        },
    ));
    seen.note("a column and a struct", set.execute(conn)?);
    saved(conn, save, seen)?;
    seen.note("posts", posts.order(super::posts::id).load::<Post>(conn)?);
    Ok(())
}

type EqTitle<'a> = diesel::dsl::Eq<super::posts::title, &'a str>;

fn saved<C>(conn: &mut C, save: &Save<C>, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    let form = PostForm {
        id: 2,
        title: Some("saved"),
        visits: None,
    };
    let saved = (save.post)(&form, conn)?;
    seen.note("save_changes, with what a trigger did", saved);
    let mut user: User = users::table.find(1).first(conn)?;
    user.hair_color = Some("saved".to_owned());
    let saved = (save.user)(&user, conn)?;
    seen.note("save_changes of a row", saved);
    user.id = 404;
    let gone = (save.user)(&user, conn);
    seen.note("save_changes of a row that is gone", gone);
    let nothing = PostForm {
        id: 2,
        title: None,
        visits: None,
    };
    let nothing = (save.post)(&nothing, conn);
    seen.note("save_changes of nothing", nothing);
    let twice = PostForm {
        id: 2,
        title: Some("again"),
        visits: None,
    };
    // Who else would name the constraint does not say where.
    let twice = (save.post)(&twice, conn);
    seen.note("save_changes of a title that is taken", twice);
    let mut following: Following = followings::table.find((2, 2)).first(conn)?;
    following.email = true;
    let saved = (save.following)(&following, conn)?;
    seen.note("save_changes by a key of two columns", saved);
    Ok(())
}

pub(super) fn deletes<C>(conn: &mut C, seen: &mut Transcript) -> QueryResult<()>
where
    C: DatabaseConnection<Backend = Sqlite>,
{
    use super::posts::dsl::{posts, visits};

    let back: Vec<(i64, String)> = diesel::delete(comments::table.filter(comments::post_id.eq(2)))
        .returning((comments::post_id, comments::body))
        .get_results(conn)?;
    seen.note("delete returning", back);
    let following = diesel::delete(followings::table.find((3, 3)));
    seen.note("delete by a key", following.execute(conn)?);
    let gone: Post = posts.find(3).first(conn)?;
    seen.note("delete a row", diesel::delete(&gone).execute(conn)?);
    let none = diesel::delete(posts.filter(visits.lt(0)));
    seen.note("delete nothing", none.execute(conn)?);
    let or = diesel::delete(users::table)
        .filter(users::name.eq("F"))
        .or_filter(users::name.eq("G"));
    seen.note("filter and or_filter", or.execute(conn)?);
    let boxed = diesel::delete(users::table)
        .into_boxed()
        .filter(users::id.gt(71));
    seen.note("a boxed delete", boxed.execute(conn)?);
    let refused = diesel::delete(users::table.find(1)).execute(conn);
    seen.note("a row that others refer to", refused.is_err());
    let all = diesel::delete(followings::table.filter(followings::email.eq(false)));
    seen.note("delete some", all.execute(conn)?);
    Ok(())
}
