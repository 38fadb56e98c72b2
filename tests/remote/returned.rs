//! Which inserts return their rows, and on which connections that does not compile.

use std::marker::PhantomData;

use covara_diesel::remote::{D1Connection, LibsqlConnection};
use diesel::prelude::*;
use diesel::query_dsl::methods::LoadQuery;

use super::forms::{User, users};

#[derive(Insertable)]
#[diesel(table_name = users)]
struct Named<'a> {
    name: &'a str,
}

/// A query and a connection, to ask whether rows can be loaded from it: by a method of
/// [`Loads`] if they can, else by that of [`LoadsNot`], which is further away.
struct Probe<C, Q>(Q, PhantomData<C>);

impl<C, Q> Probe<C, Q> {
    fn of(query: Q) -> Self {
        Self(query, PhantomData)
    }
}

trait Loads {
    fn loads(&self) -> bool;
}

impl<C, Q: LoadQuery<'static, C, User>> Loads for Probe<C, Q> {
    fn loads(&self) -> bool {
        true
    }
}

trait LoadsNot {
    fn loads(&self) -> bool;
}

impl<C, Q> LoadsNot for &Probe<C, Q> {
    fn loads(&self) -> bool {
        false
    }
}

/// Whether rows come back on a file, on libSQL and on D1.
macro_rules! loads {
    ($query:expr) => {
        (
            (&Probe::<SqliteConnection, _>::of($query)).loads(),
            (&Probe::<LibsqlConnection, _>::of($query)).loads(),
            (&Probe::<D1Connection, _>::of($query)).loads(),
        )
    };
}

#[test]
fn returning_several_rows_does_not_compile() {
    const ON_A_FILE: (bool, bool, bool) = (true, false, false);
    let into = || diesel::insert_into(users::table);
    let one = (users::id.eq(1), users::name.eq("a"));
    let structs = || [Named { name: "a" }];
    assert_eq!(loads!(into().values(one)), (true, true, true));
    assert_eq!(
        loads!(into().values(Named { name: "a" })),
        (true, true, true)
    );
    let returning = || User::as_returning();
    assert_eq!(
        loads!(into().values(one).returning(returning())),
        (true, true, true)
    );

    assert_eq!(loads!(into().values(vec![one])), ON_A_FILE);
    assert_eq!(loads!(into().values(structs())), ON_A_FILE);
    assert_eq!(
        loads!(into().values(vec![one]).returning(returning())),
        ON_A_FILE
    );
    assert_eq!(
        loads!(into().values(structs()).returning(returning())),
        ON_A_FILE
    );
    assert_eq!(
        loads!(into().values(vec![one]).on_conflict_do_nothing()),
        ON_A_FILE
    );
    assert_eq!(
        loads!(into().values(structs()).on_conflict(users::id).do_nothing()),
        ON_A_FILE
    );
}

#[derive(diesel::MultiConnection)]
enum Several {
    File(SqliteConnection),
    Libsql(LibsqlConnection),
    D1(D1Connection),
}

mod files {
    use diesel::prelude::*;

    #[derive(diesel::MultiConnection)]
    pub(super) enum Files {
        File(SqliteConnection),
        Postgres(PgConnection),
    }
}

#[test]
fn as_returning_is_for_connections_of_one_type() {
    let insert = || diesel::insert_into(users::table).values(users::name.eq("a"));
    let all = || insert().returning(users::all_columns);
    type Of<C> = <C as Connection>::Backend;
    assert!(Probe::<Several, _>::of(all()).loads());
    assert!(
        !(&Probe::<Several, _>::of(
            insert().returning(<User as SelectableHelper<Of<Several>>>::as_returning())
        ))
            .loads()
    );
    assert!(
        !(&Probe::<files::Files, _>::of(
            insert().returning(<User as SelectableHelper<Of<files::Files>>>::as_returning())
        ))
            .loads()
    );
}
