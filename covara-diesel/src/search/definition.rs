//! The definition of an index.

mod stored;

use std::fmt::{self, Display};
use std::iter;

use serde::{Deserialize, Serialize};

use super::analysis::{Analyzer, Language, WORDS};
use super::error::SearchError;
use crate::backend::sql::Sql;

/// The maximum number of fields of an index.
pub(crate) const MOST_FIELDS: usize = 64;
/// The maximum number of searched fields of an index.
pub(crate) const MOST_SEARCHED: usize = 32;
/// The distance between the row versions of two words versions. It exceeds the number of versions
/// that one definition can have.
const ROWS_OF_A_WORDS_VERSION: i64 = 1 << 16;
/// What is added to the row version of documents that have a lead. It also exceeds the number of
/// versions that one definition can have.
const ROWS_WITH_LEAD: i64 = 1 << 15;
/// The maximum length of the name of an index or field.
const LONGEST_NAME: usize = 100;

/// The kind of value that a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FieldKind {
    /// Prose: a text, or a list of texts. It is searched, but cannot be filtered or sorted by.
    Text,
    /// A text that is also treated as a whole: a name, a code, a tag.
    Keyword,
    /// A list of such texts, or one of them: tags, authors. It is filtered and counted by, but cannot
    /// be sorted by.
    Keywords,
    /// A whole number of 64 bits.
    Integer,
    /// A number that may have a fraction.
    Float,
    /// True or false; also 1 and 0, as SQLite stores them.
    Boolean,
    /// A date and time: RFC 3339, or a date with or without a time, in UTC. It is stored to the
    /// microsecond.
    Date,
}

impl Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What of a field decides which words a text has: its language, whether accents are kept, and whether
/// words have other forms.
pub(super) type AnalyzerKey = (Language, bool, bool);

/// The way a field of a document is indexed.
///
/// ```
/// use covara_diesel::search::{Field, Language};
///
/// let title = Field::text().language(Language::English).weight(3.0);
/// let tag = Field::keyword().unsearched();
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    kind: FieldKind,
    language: Language,
    accents: bool,
    weight: f64,
    searched: bool,
    fuzzy: bool,
    joined: bool,
}

impl Field {
    fn new(kind: FieldKind) -> Self {
        Self {
            kind,
            language: Language::Unstemmed,
            accents: false,
            weight: 1.0,
            searched: matches!(
                kind,
                FieldKind::Text | FieldKind::Keyword | FieldKind::Keywords
            ),
            fuzzy: false,
            joined: false,
        }
    }

    /// Creates a field of prose, searched word by word.
    #[must_use]
    pub fn text() -> Self {
        Self::new(FieldKind::Text)
    }

    /// Creates a field of text that is searched word by word, and filtered and sorted by as a
    /// whole.
    #[must_use]
    pub fn keyword() -> Self {
        Self::new(FieldKind::Keyword)
    }

    /// Creates a field of lists of keywords, such as `"tags": ["new", "cheap"]`. A document satisfies
    /// a filter if one of its values does, and a [`Facet`](super::Facet) counts it for each of them.
    ///
    /// One text is a list of one, a repeated value counts once, and NULL and an empty list are no
    /// value. A followed column has an array, JSON, or the text of a JSON array; a text
    /// that [`index_rows`](super::SearchAdapter::index_rows) gets is one keyword.
    ///
    /// ```
    /// use covara_diesel::pool;
    /// use covara_diesel::search::{
    ///     Facet, Field, Filter, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts,
    /// };
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let conn = &mut pool.get()?;
    /// let shop = IndexDefinition::new()
    ///     .field("name", Field::text())
    ///     .field("tags", Field::keywords().unsearched());
    /// SqliteFts.create_index(conn, "shop", &shop)?;
    /// SqliteFts.index_many(conn, "shop", [
    ///     ("1", json!({"name": "Red shoes", "tags": ["new", "cheap"]})),
    ///     ("2", json!({"name": "Blue shoes", "tags": ["cheap"]})),
    /// ])?;
    ///
    /// let query = SearchQuery::new("shoes").facet(Facet::values("tags"));
    /// let found = SqliteFts.search(conn, "shop", &query)?;
    /// assert_eq!(found.facets[0][0].value, Some("cheap".into()));
    /// assert_eq!((found.facets[0][0].count, found.facets[0][1].count), (2, 1));
    ///
    /// let new = SearchQuery::new("shoes").filter(Filter::is("tags", "new"));
    /// assert_eq!(SqliteFts.search(conn, "shop", &new)?.total, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn keywords() -> Self {
        Self::new(FieldKind::Keywords)
    }

    /// Creates a field of whole numbers to filter and sort by.
    #[must_use]
    pub fn integer() -> Self {
        Self::new(FieldKind::Integer)
    }

    /// Creates a field of numbers to filter and sort by.
    #[must_use]
    pub fn float() -> Self {
        Self::new(FieldKind::Float)
    }

    /// Creates a field of booleans to filter and sort by.
    #[must_use]
    pub fn boolean() -> Self {
        Self::new(FieldKind::Boolean)
    }

    /// Creates a field of dates and times to filter and sort by.
    #[must_use]
    pub fn date() -> Self {
        Self::new(FieldKind::Date)
    }

    /// Reduces words to their stems by a language's grammar. Default: no stemming.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Distinguishes `são` from `sao`, and `straße` from `STRASSE`. Default: each finds both.
    #[must_use]
    pub fn keep_accents(mut self) -> Self {
        self.accents = true;
        self
    }

    /// Sets the weight of a match in this field relative to those in other fields. Default: 1.
    #[must_use]
    pub fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// Learns the words of the field, so that misspelt ones are found by
    /// [`SearchQuery::fuzzy`](method@super::SearchQuery::fuzzy) and corrected by
    /// [`SearchQuery::did_you_mean`](method@super::SearchQuery::did_you_mean). Default: no.
    ///
    /// The index then has a table of its words, `__covara_search_…_vocabulary`, to which documents add
    /// theirs. It has words of 3 to 40 letters without digits. Of languages that are written without
    /// spaces it has none.
    #[must_use]
    pub fn fuzzy(mut self) -> Self {
        self.fuzzy = true;
        self
    }

    /// Finds words that are joined in another way than in the query. Default: no.
    ///
    /// `wifi` finds *wi-fi*, `nodejs` finds *Node.js*, `user` and `get_user_name` find *getUserName*, and
    /// each the other way round. `0301234567` finds the telephone number *(030) 123-45 67*; a country's
    /// prefix makes another number. Up to 8 words are joined, between which there is no space, except in
    /// telephone numbers of 7 to 15 digits. Write these without spaces in a query, where spaces separate
    /// words. A word of more than 64 pieces between upper-case letters is not split. What is found by another form is not highlighted.
    ///
    /// ```
    /// use covara_diesel::pool;
    /// use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let conn = &mut pool.get()?;
    /// let notes = IndexDefinition::new().field("text", Field::text().joined());
    /// SqliteFts.create_index(conn, "notes", &notes)?;
    /// SqliteFts.index(conn, "notes", "1", &json!({"text": "Node.js on Wi-Fi: getUserName"}))?;
    /// for words in ["nodejs", "node.js", "wifi", "get_user_name", "user name"] {
    ///     assert_eq!(SqliteFts.search(conn, "notes", &SearchQuery::new(words))?.total, 1, "{words}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn joined(mut self) -> Self {
        self.joined = true;
        self
    }

    /// Excludes keywords from search; they are only filtered, sorted and counted by.
    #[must_use]
    pub fn unsearched(mut self) -> Self {
        self.searched = false;
        self
    }

    /// Returns the kind of value that the field holds.
    #[must_use]
    pub fn kind(&self) -> FieldKind {
        self.kind
    }

    /// Returns whether the field's value is stored in a column.
    pub(crate) fn has_column(&self) -> bool {
        self.kind != FieldKind::Text
    }

    /// Returns whether the index learns the words of the field.
    pub(super) fn is_fuzzy(&self) -> bool {
        self.fuzzy && self.searched
    }

    pub(crate) fn default_weight(&self) -> f64 {
        self.weight
    }

    pub(super) fn analyzer(&self) -> Analyzer {
        Analyzer::new(self.language, !self.accents)
    }

    /// Returns a key that is equal for fields that yield the same words for a text.
    pub(super) fn analyzer_key(&self) -> AnalyzerKey {
        (self.language, self.accents, self.joined)
    }

    pub(super) fn is_joined(&self) -> bool {
        self.joined
    }
}

/// The fields of an index. Other fields of a document are kept only in its source.
///
/// ```
/// use covara_diesel::search::{Field, IndexDefinition, Language};
///
/// let articles = IndexDefinition::new()
///     .field("title", Field::text().language(Language::English).weight(3.0))
///     .field("body", Field::text().language(Language::English))
///     .field("tag", Field::keyword())
///     .field("published", Field::date());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct IndexDefinition {
    pub(crate) fields: Vec<(String, Field)>,
    /// The version, which starts at 1 and is raised whenever fields are added.
    pub(crate) version: i64,
    pub(crate) table: Option<FollowedTable>,
    /// The version of the words that all documents have.
    words: i64,
    /// The version to which the words are being brought.
    becoming: Option<i64>,
    /// `true` if its documents have a [lead](super::lead).
    lead: bool,
}

impl Default for IndexDefinition {
    fn default() -> Self {
        Self::new()
    }
}

/// The table that an index follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowedTable {
    /// The table's name as SQL.
    pub(crate) table: String,
    /// The name of its key, unquoted.
    pub(crate) key: String,
    /// The name of each field's column, unquoted.
    pub(crate) columns: Vec<String>,
}

impl FollowedTable {
    /// Returns a query that fails unless all columns exist. `table` is the table as SQL.
    pub(crate) fn select_nothing(&self, table: &str, quoted: fn(&str) -> String) -> Sql<'static> {
        let columns = iter::once(&self.key).chain(&self.columns);
        let columns: Vec<String> = columns
            .map(|column| format!("t.{}", quoted(column)))
            .collect();
        let columns = columns.join(", ");
        Sql::once(format!("SELECT {columns} FROM {table} AS t LIMIT 0"))
    }
}

impl IndexDefinition {
    /// Creates a definition without fields.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fields: Vec::new(),
            version: 1,
            table: None,
            words: WORDS,
            becoming: None,
            lead: true,
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, field: Field) -> Self {
        self.fields.push((name.into(), field));
        self
    }

    /// Returns the fields and their names, in the order in which they were added.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.fields
            .iter()
            .map(|(name, field)| (name.as_str(), field))
    }

    /// Returns the version of the index's words, which identifies the stemmers that produced them.
    /// Version 1 is that of earlier versions of this library, which used rust-stemmers.
    #[must_use]
    pub fn words_version(&self) -> i64 {
        self.words
    }

    /// Returns whether this version would produce other words than the index holds.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.words < WORDS
    }

    /// Returns whether the index is being brought up to date.
    pub(super) fn is_becoming_current(&self) -> bool {
        self.becoming == Some(WORDS)
    }

    /// Returns the same definition, marked as being brought up to date. `lead` tells whether its
    /// documents are given a lead.
    pub(super) fn becoming_current(&self, lead: bool) -> Self {
        Self {
            becoming: Some(WORDS),
            lead: self.lead || lead,
            ..self.clone()
        }
    }

    pub(crate) fn has_lead(&self) -> bool {
        self.lead
    }

    /// Returns the field whose first words are a document's lead, by its number among the searched
    /// fields: the first of those with the highest weight.
    pub(super) fn lead_slot(&self) -> Option<usize> {
        let weights = || self.searched().map(|(_, field)| field.weight);
        let heaviest = weights().fold(0.0, f64::max);
        weights().position(|weight| weight >= heaviest)
    }

    /// Returns the same definition, marked as up to date.
    pub(super) fn current(&self) -> Self {
        Self {
            words: WORDS,
            becoming: None,
            ..self.clone()
        }
    }

    /// Returns whether a later version of this library produced the words.
    pub(super) fn is_of_later_version(&self) -> bool {
        self.words.max(self.becoming.unwrap_or(0)) > WORDS
    }

    /// Returns the number that marks the rows of its documents, to tell them from rows with an
    /// older definition or older words. A program with an older version of this library marks them
    /// with the definition's version only.
    pub(crate) fn row_version(&self) -> i64 {
        let lead = if self.lead { ROWS_WITH_LEAD } else { 0 };
        self.version + lead + (WORDS - 1) * ROWS_OF_A_WORDS_VERSION
    }

    /// Returns a field and its number.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Field)> {
        let mut fields = self.fields.iter().enumerate();
        let (number, (_, field)) = fields.find(|(_, (known, _))| known == name)?;
        Some((number, field))
    }

    /// Returns the searched fields with their names. Their order is that of the columns and
    /// prefixes by which the engines distinguish them.
    pub(crate) fn searched(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.fields().filter(|(_, field)| field.searched)
    }

    /// Returns the number and name of each field that has a column, and the field.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (usize, &str, &Field)> {
        let fields = self.fields().enumerate();
        fields
            .filter(|(_, (_, field))| field.has_column())
            .map(|(number, (name, field))| (number, name, field))
    }

    /// Returns whether the index has a table of words if it has the fields up to number `end`.
    pub(crate) fn has_vocabulary(&self, end: usize) -> bool {
        let mut fields = self.fields.iter().take(end);
        fields.any(|(_, field)| field.is_fuzzy())
    }

    pub(super) fn check(&self) -> Result<(), SearchError> {
        for (number, (name, field)) in self.fields.iter().enumerate() {
            check_name(name, "field")?;
            if self
                .fields
                .iter()
                .take(number)
                .any(|(known, _)| known == name)
            {
                return Err(SearchError::FieldTwice {
                    field: name.clone(),
                });
            }
            if !field.weight.is_finite() || field.weight < 0.0 {
                return Err(SearchError::Weight {
                    field: name.clone(),
                });
            }
        }
        let searched = self.searched().count();
        if self.fields.len() > MOST_FIELDS || searched > MOST_SEARCHED {
            return Err(SearchError::TooManyFields {
                fields: self.fields.len(),
                searched,
            });
        }
        Ok(())
    }
}

/// Checks that a name consists of ASCII letters, digits and `_`.
pub(super) fn check_name(name: &str, what: &'static str) -> Result<(), SearchError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(allowed) {
        return Err(SearchError::Name {
            name: name.to_owned(),
            what,
        });
    }
    Ok(())
}
