//! The order of tables that their foreign keys want.

use diesel::QueryResult;

use super::engine::SeedEngine;
use crate::backend::connection::BackendConnection;

/// Returns the positions of the tables (quoted) in groups: tables that others refer to come before
/// these. The tables of a group refer to each other, directly or through others, and keep their
/// order. A table that is there twice is so in the order given.
pub(super) fn groups<C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    tables: &[String],
) -> QueryResult<Vec<Vec<usize>>> {
    let keys = C::Backend::foreign_keys(conn, tables)?;
    let parents: Vec<Vec<usize>> = keys
        .iter()
        .enumerate()
        .map(|(table, keys)| {
            let parents = keys.iter().filter_map(|key| key.position);
            let parents = parents.filter(|parent| tables[*parent] != tables[table]);
            parents
                .flat_map(|parent| {
                    (0..tables.len()).filter(move |at| tables[*at] == tables[parent])
                })
                .collect()
        })
        .collect();
    Ok(sorted(&parents))
}

/// Sorts positions so that parents come first, in groups of those that are parents of each other.
fn sorted(parents: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut left: Vec<usize> = (0..parents.len()).collect();
    while !left.is_empty() {
        let ancestors: Vec<Vec<usize>> = left
            .iter()
            .map(|table| ancestors(parents, &left, *table))
            .collect();
        let of = |table: usize| left.iter().position(|it| *it == table);
        // Every ancestor is also a descendant. There is always such a table.
        let first = (0..left.len()).find(|at| {
            let mut all = ancestors[*at].iter().filter_map(|it| of(*it));
            all.all(|ancestor| ancestors[ancestor].contains(&left[*at]))
        });
        let first = first.unwrap_or_default();
        let in_group = |table: &usize| *table == left[first] || ancestors[first].contains(table);
        let (group, others) = left.iter().copied().partition(in_group);
        groups.push(group);
        left = others;
    }
    groups
}

/// Returns those of `left` that a table refers to, directly or through others; itself too if it is
/// one of them.
fn ancestors(parents: &[Vec<usize>], left: &[usize], table: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut next = vec![table];
    while let Some(table) = next.pop() {
        for parent in &parents[table] {
            if left.contains(parent) && !found.contains(parent) {
                found.push(*parent);
                next.push(*parent);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn parents_come_first_and_cycles_keep_their_order() {
        // 0 refers to the cycle of 1 and 3, which refers to 4; 2 is alone.
        let parents = [vec![1], vec![3], vec![], vec![1, 4], vec![]];
        let groups = sorted(&parents);
        assert_eq!(groups, [vec![2], vec![4], vec![1, 3], vec![0]]);
        assert!(sorted(&[]).is_empty());
        assert_eq!(sorted(&[vec![0], vec![]]), [vec![0], vec![1]]);
    }
}
