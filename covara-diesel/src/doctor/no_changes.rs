//! Without the feature `changes` nothing is known of a log.

use super::Finding;

pub(super) fn look<C>(_: &mut C) -> Vec<Finding> {
    Vec::new()
}
