//! The columns of a `table!`.

use diesel::query_source::Column;
use diesel::sql_types::Nullable;

/// The name that the engine `DB` gives an SQL type of a `table!`.
pub(crate) trait TypeName<DB> {
    const NAME: &'static str;
    const NULLABLE: bool = false;
}

impl<DB, T: TypeName<DB>> TypeName<DB> for Nullable<T>
where
    T: diesel::sql_types::SqlType<IsNull = diesel::sql_types::is_nullable::NotNull>,
{
    const NAME: &'static str = T::NAME;
    const NULLABLE: bool = true;
}

/// The columns of a `table!`.
pub(crate) trait Columns {
    const NAMES: &'static [&'static str];
}

/// The engine `DB`'s names for the types of all columns, each with whether the column holds NULL.
pub(crate) trait ColumnTypes<DB>: Columns {
    const TYPES: &'static [(&'static str, bool)];
}

macro_rules! columns_of_tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<$first: Column, $($rest: Column),*> Columns for ($first, $($rest,)*) {
            const NAMES: &'static [&'static str] = &[$first::NAME, $($rest::NAME),*];
        }

        impl<DB, $first, $($rest),*> ColumnTypes<DB> for ($first, $($rest,)*)
        where
            $first: Column<SqlType: TypeName<DB>>,
            $($rest: Column<SqlType: TypeName<DB>>,)*
        {
            const TYPES: &'static [(&'static str, bool)] = &[
                (
                    <$first::SqlType as TypeName<DB>>::NAME,
                    <$first::SqlType as TypeName<DB>>::NULLABLE,
                ),
                $((
                    <$rest::SqlType as TypeName<DB>>::NAME,
                    <$rest::SqlType as TypeName<DB>>::NULLABLE,
                ),)*
            ];
        }

        columns_of_tuples!($($rest)*);
    };
}
columns_of_tuples!(A B C D E F G H I J K L M N O P);
