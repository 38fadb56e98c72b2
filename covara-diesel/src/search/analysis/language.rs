use frostem::Algorithm;
use serde::{Deserialize, Serialize};

/// The language whose grammar determines the stem of a word: in English, `running`, `runs` and
/// `run` have the same one.
///
/// The stems are those of [Snowball](https://snowballstem.org/), computed by this library, so both
/// engines use the same. No word is omitted as too common. A word that a stemmer cannot process is
/// indexed as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Language {
    /// No language: words are searched as they are written. Suitable for names, codes, and texts in
    /// many languages.
    #[default]
    Unstemmed,
    /// Arabic.
    Arabic,
    /// Danish.
    Danish,
    /// Dutch, by the algorithm of Kraaij and Pohlmann.
    Dutch,
    /// English.
    English,
    /// Finnish.
    Finnish,
    /// French.
    French,
    /// German.
    German,
    /// Greek.
    Greek,
    /// Hungarian.
    Hungarian,
    /// Italian.
    Italian,
    /// Norwegian.
    Norwegian,
    /// Portuguese.
    Portuguese,
    /// Romanian.
    Romanian,
    /// Russian.
    Russian,
    /// Spanish.
    Spanish,
    /// Swedish.
    Swedish,
    /// Tamil.
    Tamil,
    /// Turkish.
    Turkish,
}

/// The names are stored in databases, so they must never change.
const LANGUAGES: [(Language, &str, Option<Algorithm>); 19] = {
    use Algorithm as A;
    use Language as L;
    [
        (L::Unstemmed, "unstemmed", None),
        (L::Arabic, "arabic", Some(A::Arabic)),
        (L::Danish, "danish", Some(A::Danish)),
        (L::Dutch, "dutch", Some(A::Dutch)),
        (L::English, "english", Some(A::English)),
        (L::Finnish, "finnish", Some(A::Finnish)),
        (L::French, "french", Some(A::French)),
        (L::German, "german", Some(A::German)),
        (L::Greek, "greek", Some(A::Greek)),
        (L::Hungarian, "hungarian", Some(A::Hungarian)),
        (L::Italian, "italian", Some(A::Italian)),
        (L::Norwegian, "norwegian", Some(A::Norwegian)),
        (L::Portuguese, "portuguese", Some(A::Portuguese)),
        (L::Romanian, "romanian", Some(A::Romanian)),
        (L::Russian, "russian", Some(A::Russian)),
        (L::Spanish, "spanish", Some(A::Spanish)),
        (L::Swedish, "swedish", Some(A::Swedish)),
        (L::Tamil, "tamil", Some(A::Tamil)),
        (L::Turkish, "turkish", Some(A::Turkish)),
    ]
};

impl Language {
    /// Returns an iterator over all languages.
    pub fn all() -> impl Iterator<Item = Self> {
        LANGUAGES.iter().map(|(language, ..)| *language)
    }

    /// Returns the name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        LANGUAGES
            .iter()
            .find(|(language, ..)| *language == self)
            .map_or("unstemmed", |(_, name, _)| name)
    }

    pub(super) fn algorithm(self) -> Option<Algorithm> {
        LANGUAGES
            .iter()
            .find(|(language, ..)| *language == self)
            .and_then(|(.., algorithm)| *algorithm)
    }
}
