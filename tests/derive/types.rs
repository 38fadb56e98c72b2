//! Structs with lifetimes, types and constants as parameters.

use covara_diesel::seed::SeedRow;
use covara_diesel::{Seed, Seedable};
use diesel::prelude::*;
use diesel::serialize::ToSql;
use diesel::sql_types::{Binary, Text};
use diesel::sqlite::Sqlite;

use crate::database;

diesel::table! {
    items (id) {
        id -> BigInt,
        name -> Text,
        label -> Nullable<Text>,
        hash -> Nullable<Binary>,
    }
}

const CREATE: &str =
    "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT NOT NULL, label TEXT, hash BLOB)";

type Row = (i64, String, Option<String>, Option<Vec<u8>>);

fn stored(conn: &mut SqliteConnection) -> Vec<Row> {
    items::table.order(items::id).load(conn).expect("the items")
}

fn row(id: i64, name: &str, label: Option<&str>, hash: Option<&[u8]>) -> Row {
    (
        id,
        name.into(),
        label.map(str::to_owned),
        hash.map(<[u8]>::to_vec),
    )
}

#[test]
fn lifetimes() {
    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Item<'name, 'label: 'name> {
        id: i64,
        name: &'name str,
        label: Option<&'label str>,
        hash: &'name [u8],
    }

    let mut conn = database(CREATE);
    let label = String::from("first");
    {
        let name = String::from("one");
        let items = [
            Item {
                id: 1,
                name: &name,
                label: Some(&label),
                hash: &[1, 2],
            },
            Item {
                id: 2,
                name: "two",
                label: None,
                hash: &[],
            },
        ];
        Item::seed(&mut conn, &items).expect("a seed");
    }
    assert_eq!(
        stored(&mut conn),
        [
            row(1, "one", Some("first"), Some(&[1, 2])),
            row(2, "two", None, Some(&[])),
        ]
    );
}

/// Bounds that differ only in a lifetime are more than the compiler can tell apart.
#[test]
fn lifetimes_of_one_type() {
    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Item<'a, 'b> {
        id: i64,
        name: std::borrow::Cow<'a, str>,
        #[diesel(serialize_as = &'b str)]
        label: &'b str,
        #[diesel(embed)]
        hash: Hash<'a, 'b>,
    }

    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Hash<'a, 'b> {
        hash: &'a [u8],
        #[diesel(skip_insertion)]
        #[expect(dead_code, reason = "never inserted")]
        comment: &'b str,
    }

    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Pair<'a> {
        id: i64,
        name: &'static str,
        label: &'a str,
    }

    let mut conn = database(CREATE);
    let item = Item {
        id: 1,
        name: "one".into(),
        label: "first",
        hash: Hash {
            hash: &[1],
            comment: "",
        },
    };
    let pair = Pair {
        id: 2,
        name: "two",
        label: "second",
    };
    Seed::new()
        .table(&[item])
        .table(&[pair])
        .run(&mut conn)
        .expect("a seed");

    assert_eq!(
        stored(&mut conn),
        [
            row(1, "one", Some("first"), Some(&[1])),
            row(2, "two", Some("second"), None),
        ]
    );
}

#[test]
fn type_parameters() {
    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Item<N, L: AsRef<str>, H = Vec<u8>>
    where
        N: Clone + Into<Name<N>>,
        H: Clone,
    {
        id: i64,
        #[diesel(serialize_as = Name<N>)]
        name: N,
        label: Option<L>,
        hash: H,
    }

    #[derive(Debug)]
    struct Name<N>(String, std::marker::PhantomData<N>);

    impl<N: std::fmt::Display> From<N> for Name<N> {
        fn from(number: N) -> Self {
            Self(format!("number {number}"), std::marker::PhantomData)
        }
    }

    impl<N: std::fmt::Debug> ToSql<Text, Sqlite> for Name<N> {
        fn to_sql<'b>(
            &'b self,
            out: &mut diesel::serialize::Output<'b, '_, Sqlite>,
        ) -> diesel::serialize::Result {
            <String as ToSql<Text, Sqlite>>::to_sql(&self.0, out)
        }
    }

    let mut conn = database(CREATE);
    let owned = Item {
        id: 1,
        name: 7_u8,
        label: Some(String::from("first")),
        hash: vec![1],
    };
    let borrowed = Item {
        id: 2,
        name: 2.5_f32,
        label: None::<&str>,
        hash: [1_u8, 2].as_slice(),
    };
    Seed::new()
        .table(&[owned])
        .table(&[borrowed])
        .run(&mut conn)
        .expect("a seed");

    assert_eq!(
        stored(&mut conn),
        [
            row(1, "number 7", Some("first"), Some(&[1])),
            row(2, "number 2.5", None, Some(&[1, 2])),
        ]
    );
}

/// The embedded row is the caller's choice.
#[test]
fn embedded_type_parameter() {
    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Item<P>
    where
        P: Seedable<Table = items::table>,
    {
        id: i64,
        #[diesel(embed)]
        rest: P,
    }

    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Named<'a> {
        name: &'a str,
    }

    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Labelled<'a> {
        label: &'a str,
        name: &'a str,
    }

    fn seed<P>(conn: &mut SqliteConnection, id: i64, rest: P)
    where
        P: SeedRow<Sqlite, Table = items::table>,
    {
        Item::seed(conn, &[Item { id, rest }]).expect("a seed");
    }

    let mut conn = database(CREATE);
    seed(&mut conn, 1, Named { name: "one" });
    seed(
        &mut conn,
        2,
        Labelled {
            label: "second",
            name: "two",
        },
    );

    assert_eq!(
        stored(&mut conn),
        [
            row(1, "one", None, None),
            row(2, "two", Some("second"), None)
        ]
    );
}

#[test]
fn const_parameters() {
    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Item<'a, T, const N: usize, const LOUD: bool>
    where
        [u8; N]: ToSql<Binary, Sqlite>,
    {
        id: i64,
        name: &'a str,
        hash: [u8; N],
        #[diesel(skip_insertion)]
        tag: std::marker::PhantomData<T>,
    }

    let mut conn = database(CREATE);
    let short = Item::<(), 2, false> {
        id: 1,
        name: "short",
        hash: [1, 2],
        tag: std::marker::PhantomData,
    };
    let long = Item::<u8, 4, true> {
        id: 2,
        name: "long",
        hash: [1, 2, 3, 4],
        tag: std::marker::PhantomData,
    };
    Seed::new()
        .table(&[short])
        .table(&[long])
        .run(&mut conn)
        .expect("a seed");

    assert_eq!(
        stored(&mut conn),
        [
            row(1, "short", None, Some(&[1, 2])),
            row(2, "long", None, Some(&[1, 2, 3, 4])),
        ]
    );
}

/// A field's type may name the struct itself.
#[test]
fn self_in_a_type() {
    #[derive(Seedable)]
    #[diesel(table_name = items)]
    struct Item {
        id: i64,
        name: <Self as Texts>::Text,
    }

    trait Texts {
        type Text;
    }

    impl Texts for Item {
        type Text = &'static str;
    }

    let mut conn = database(CREATE);
    Item::seed(&mut conn, &[Item { id: 1, name: "one" }]).expect("a seed");
    assert_eq!(stored(&mut conn), [row(1, "one", None, None)]);
}
