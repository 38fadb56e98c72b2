//! Tables wider than the 32 columns that the library itself asks of Diesel.

use covara_diesel::{Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

/// Table and struct of any width, written by a macro that is given columns and types.
macro_rules! wide {
    ($ty:ty: $($column:ident)*) => {
        wide!(@ $($column: $ty,)*);
    };
    (@ $($column:ident: $ty:ty,)*) => {
        diesel::table! {
            wide (id) {
                id -> Integer,
                $($column -> Nullable<Integer>,)*
            }
        }

        #[derive(Debug, PartialEq, Seedable, Queryable)]
        #[diesel(table_name = wide)]
        struct Wide {
            id: i32,
            $(
                #[diesel(serialize_as = $ty)]
                $column: $ty,
            )*
        }

        impl Wide {
            fn new(id: i32, mut next: impl FnMut() -> Option<i32>) -> Self {
                Self { id, $($column: next(),)* }
            }

            fn create() -> String {
                let columns = [$(stringify!($column)),*].join(" INTEGER, ");
                format!("CREATE TABLE wide (id INTEGER PRIMARY KEY, {columns} INTEGER)")
            }
        }
    };
}

wide! {
    Option<i32>:
    c01 c02 c03 c04 c05 c06 c07 c08 c09 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19 c20
    c21 c22 c23 c24 c25 c26 c27 c28 c29 c30 c31 c32 c33 c34 c35 c36 c37 c38 c39
}

/// Rows of 40 columns, in statements that the bind limit cuts.
#[test]
fn forty_columns() {
    let mut value = 0;
    let rows: Vec<_> = (1..=1000)
        .map(|id| {
            Wide::new(id, || {
                value += 1;
                (value % 7 != 0).then_some(value)
            })
        })
        .collect();
    let mut conn = SqliteConnection::establish(":memory:").expect("SQLite in memory");
    conn.batch_execute(&Wide::create()).expect("valid SQL");
    let summary = Seed::new().table(&rows).run(&mut conn).expect("a seed");

    assert_eq!(summary.inserted(), 1000);
    let stored: Vec<Wide> = wide::table.order(wide::id).load(&mut conn).expect("rows");
    assert!(stored == rows, "a value is in another column or row");
}
