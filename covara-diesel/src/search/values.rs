//! How words and values go to an engine and come back.

use diesel::QueryResult;
use diesel::query_builder::AstPass;

use super::sql::Bind;
use crate::backend::engine::Engine;

/// Writes the words of a document down as the engine takes them, one field's after the other's.
pub trait WordSink: Default {
    /// Whether each field's words are a text of their own.
    const PER_FIELD: bool;

    /// The next word of a searched field, given by its number among them.
    fn word(&mut self, slot: usize, word: &str, to: &mut String);

    /// No phrase goes on here.
    fn gap(&mut self, slot: usize, to: &mut String);

    /// Makes the words from `start` on as few as the engine takes; false if it cannot.
    fn fit(_words: &mut String, _start: usize) -> bool {
        true
    }
}

/// An engine that takes the words and values of documents.
pub trait SearchValues: Engine {
    /// How words are written for it.
    #[doc(hidden)]
    type Words: WordSink;

    /// What stands before and after a [`list`](Self::list) of values of which one is enough.
    #[doc(hidden)]
    const ONE_OF: (&'static str, &'static str);

    /// Values of one kind as one bind, so that a statement is the same for any number of them.
    #[doc(hidden)]
    fn list<'a>(values: Vec<Bind<'a>>) -> Bind<'a>;

    #[doc(hidden)]
    fn push_value<'b>(out: &mut AstPass<'_, 'b, Self>, value: &'b Bind<'_>) -> QueryResult<()>;

    #[doc(hidden)]
    fn read_integer(value: Self::RawValue<'_>) -> Option<i64>;

    #[doc(hidden)]
    fn read_double(value: Self::RawValue<'_>) -> Option<f64>;
}
