//! Positions in an answer's text.

use std::ops::Range;

/// Returns the range of `part` in `whole`, if it lies in it.
pub(super) fn range_in(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    (range.end <= whole.len()).then_some(range)
}
