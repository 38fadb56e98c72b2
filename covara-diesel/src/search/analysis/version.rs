//! Which version of the words an index has.

use super::language::Language;

/// The version of the words that this library makes. It is raised whenever a text gives other
/// words than before, as with another version of the stemmers; an index of an older one is
/// brought up to date before it is searched.
///
/// 1: rust-stemmers 1.2. 2: frostem 2.20261016.
pub(in crate::search) const WORDS: i64 = 2;

impl Language {
    /// The version in which its words changed last. Of those in version 1 the stemmers of
    /// version 2 make the same stems, tried with millions of words made of all their suffixes.
    pub(in crate::search) fn words_since(self) -> i64 {
        match self {
            Self::Unstemmed | Self::Arabic | Self::Portuguese | Self::Tamil | Self::Turkish => 1,
            Self::Danish
            | Self::Dutch
            | Self::English
            | Self::Finnish
            | Self::French
            | Self::German
            | Self::Greek
            | Self::Hungarian
            | Self::Italian
            | Self::Norwegian
            | Self::Romanian
            | Self::Russian
            | Self::Spanish
            | Self::Swedish => 2,
        }
    }
}

#[cfg(test)]
mod tests;
