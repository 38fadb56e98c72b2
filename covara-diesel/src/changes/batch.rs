use super::change::Change;
use super::engine::ChangeDatabase;
use super::error::ChangeError;
use super::read;
use crate::backend::typed::with_typed;

/// Changes that a [`Feed`](super::Feed) returned, oldest first.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "the feed returns the changes again unless `done` is called"]
pub struct ChangeBatch {
    feed: String,
    changes: Vec<Change>,
}

impl ChangeBatch {
    pub(super) fn new(feed: String, changes: Vec<Change>) -> Self {
        Self { feed, changes }
    }

    /// Returns the changes.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the number of changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Returns whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Moves the feed past these changes. It never moves it back.
    ///
    /// # Errors
    ///
    /// Errors of the database.
    pub fn done<C: ChangeDatabase>(&self, conn: &mut C) -> Result<(), ChangeError> {
        match self.changes.last() {
            Some(last) => with_typed!(conn, |conn| read::advance(conn, &self.feed, last.number)),
            None => Ok(()),
        }
    }
}

impl<'b> IntoIterator for &'b ChangeBatch {
    type Item = &'b Change;
    type IntoIter = std::slice::Iter<'b, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.iter()
    }
}

impl IntoIterator for ChangeBatch {
    type Item = Change;
    type IntoIter = std::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}
