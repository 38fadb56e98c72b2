//! The implementation of `save_changes()`.

use diesel::associations::HasTable;
use diesel::dsl::{Find, Update};
use diesel::expression::{MixedAggregates, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AsChangeset, IntoUpdateTarget};
use diesel::query_dsl::UpdateAndFetchResults;
use diesel::query_dsl::methods::{ExecuteDsl, FindDsl, LoadQuery};
use diesel::result::QueryResult;

use super::{Driver, RemoteConnection};

/// Sends an UPDATE and a SELECT, as on a [`SqliteConnection`]: the `RETURNING` of an UPDATE does
/// not include the effects of its triggers.
impl<'b, D, Changes, Output> UpdateAndFetchResults<Changes, Output> for RemoteConnection<D>
where
    D: Driver,
    Changes: Copy + Identifiable,
    Changes: AsChangeset<Target = <Changes as HasTable>::Table> + IntoUpdateTarget,
    Changes::Table: FindDsl<Changes::Id>,
    Update<Changes, Changes>: ExecuteDsl<Self>,
    Find<Changes::Table, Changes::Id>: LoadQuery<'b, Self, Output>,
    <Changes::Table as Table>::AllColumns: ValidGrouping<()>,
    <<Changes::Table as Table>::AllColumns as ValidGrouping<()>>::IsAggregate:
        MixedAggregates<is_aggregate::No, Output = is_aggregate::No>,
{
    fn update_and_fetch(&mut self, changeset: Changes) -> QueryResult<Output> {
        diesel::update(changeset).set(changeset).execute(self)?;
        FindDsl::find(Changes::table(), changeset.id()).get_result(self)
    }
}
