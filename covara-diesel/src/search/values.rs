//! Encoding of words and values for an engine, and their decoding.

use crate::backend::sql::{Bind, SqlValues};

/// A writer of a document's words in the form that the engine takes, one field after another.
pub trait WordSink: Default {
    /// `true` if each field's words are a separate text.
    const PER_FIELD: bool;

    /// Writes the next word of a searched field, given by its number among the searched fields.
    fn word(&mut self, slot: usize, word: &str, to: &mut String);

    /// Writes a word that is found by its beginnings only, in no phrase.
    fn beginning(&mut self, slot: usize, word: &str, to: &mut String);

    /// Writes a gap that no phrase matches across.
    fn gap(&mut self, slot: usize, to: &mut String);

    /// Reduces the words from `start` on to what the engine takes, and returns whether that
    /// succeeded.
    fn fit(_words: &mut String, _start: usize) -> bool {
        true
    }
}

/// An engine that stores the words and values of documents.
pub trait SearchValues: SqlValues {
    /// The writer of words for the engine.
    #[doc(hidden)]
    type Words: WordSink;

    /// The SQL before and after a [`list`](Self::list) of values, one of which must match.
    #[doc(hidden)]
    const ONE_OF: (&'static str, &'static str);

    /// Combines values of one kind into one bind, so that a statement is the same for any number of
    /// them.
    #[doc(hidden)]
    fn list<'a>(values: Vec<Bind<'a>>) -> Bind<'a>;

    /// The SQL before and after a column of keywords whose items become rows `e`.
    #[doc(hidden)]
    const EACH: (&'static str, &'static str);

    /// The item of such a row as SQL, compared byte by byte.
    #[doc(hidden)]
    const ITEM: &'static str;

    #[doc(hidden)]
    fn read_double(value: Self::RawValue<'_>) -> Option<f64>;
}
