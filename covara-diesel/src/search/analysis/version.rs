//! The version of an index's words.

/// The version of the words that this library produces. It is raised whenever a text yields other
/// words than before, such as with another version of the stemmers. An index with an older version
/// is brought up to date before it is searched.
///
/// Version 1: rust-stemmers 1.2. Version 2: frostem 2.20261016. Version 3: accents
/// are removed before stemming; documents have a lead. Version 4: words that their stem does not
/// tell are found by their beginnings; signs of names and emoji are words.
pub(in crate::search) const WORDS: i64 = 4;

#[cfg(test)]
mod tests;
