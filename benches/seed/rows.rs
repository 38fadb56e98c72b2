//! The rows that are seeded, the same on both engines.

pub type Fields = (String, String, Option<String>, Option<i32>, i64);

/// The same for each number on each run, and another for each number: the modulus is prime.
pub fn scattered(number: i64) -> i64 {
    number * 2_654_435_761 % 100_000_007
}

/// The values of the row of that number: a tenth of the names and a seventh of the ages
/// are NULL.
pub fn fields(number: i64, key: i64) -> Fields {
    (
        format!("user-{key:09}"),
        format!("person.{key:09}@example.com"),
        (number % 10 != 0).then(|| format!("Person Number {number}")),
        (number % 7 != 0).then_some((number % 90) as i32),
        1_700_000_000 + number,
    )
}

/// Hands streamed rows on, `size` at a time. Returns how many of them were inserted.
pub fn in_chunks<T>(
    rows: impl Iterator<Item = T>,
    size: usize,
    mut insert: impl FnMut(&[T]) -> usize,
) -> usize {
    let mut rows = rows.fuse();
    let mut chunk = Vec::with_capacity(size);
    let mut inserted = 0;
    loop {
        chunk.extend(rows.by_ref().take(size));
        if chunk.is_empty() {
            return inserted;
        }
        inserted += insert(&chunk);
        chunk.clear();
    }
}
