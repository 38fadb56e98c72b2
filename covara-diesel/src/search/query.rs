//! Queries and their results.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facet::{Facet, FacetCount};
use super::filter::Filter;

/// A query on an index.
///
/// ```
/// use covara_diesel::search::{Filter, Highlight, SearchQuery, Sort};
///
/// let query = SearchQuery::new("\"full text\" search* -slow")
///     .syntax()
///     .fields(["title", "body"])
///     .field_weight("title", 3.0)
///     .filter(Filter::is("tag", "databases"))
///     .filter(Filter::range("year", 2020..))
///     .highlight(Highlight::new())
///     .sort(Sort::descending("year"))
///     .from(20)
///     .size(10);
///
/// // The same as a struct:
/// let all = SearchQuery { query: "rust".into(), size: 100, ..SearchQuery::default() };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SearchQuery {
    /// The text that the user typed. A document is found if it contains all the words, each in one
    /// of the [`fields`](method@Self::fields), or [`any`](method@Self::any) of them. Without a word
    /// nothing is found.
    pub query: String,
    /// `true` if `"…"`, `…*` and `-…` are operators; see [`syntax`](method@Self::syntax).
    pub syntax: bool,
    /// The fields to search. Default, an empty list: all searched fields.
    pub fields: Vec<String>,
    /// Weights of fields in this query, which replace those in the index's definition.
    pub field_weights: BTreeMap<String, f64>,
    /// Conditions on the documents, all of which must hold.
    pub filters: Vec<Filter>,
    /// The fields whose values are counted; see [`facet`](method@Self::facet).
    pub facets: Vec<Facet>,
    /// The number of hits to skip. Default: 0.
    pub from: usize,
    /// The number of hits to return. Default: 20. With 0 only the total is computed.
    pub size: usize,
    /// The options of highlighting. Default: no highlighting.
    pub highlight: Option<Highlight>,
    /// The order of the hits; equal hits are ordered by id. Default, an empty list: by score,
    /// highest first.
    pub sort: Vec<Sort>,
    /// The position to continue from: [`SearchResult::cursor`] of the previous page. Default: the
    /// start.
    pub cursor: Option<String>,
    /// The maximum number of matches to consider; see [`bound`](method@Self::bound).
    pub bound: Option<usize>,
    /// `true` if one of the words suffices; see [`any`](method@Self::any). Default: `false`.
    pub any: bool,
    /// `true` if near words are found, too; see [`fuzzy`](method@Self::fuzzy). Default: `false`.
    pub fuzzy: bool,
    /// `true` to correct words that no document has; see
    /// [`did_you_mean`](method@Self::did_you_mean). Default: `false`.
    pub did_you_mean: bool,
    /// `true` if the last word may be only the beginning of a word; see
    /// [`as_you_type`](method@Self::as_you_type). Default: `false`.
    pub as_you_type: bool,
    /// `true` if documents that the query names come first; see
    /// [`exact_first`](method@Self::exact_first). Default: `true`.
    pub exact_first: bool,
}

impl Default for SearchQuery {
    fn default() -> Self {
        Self::new("")
    }
}

impl SearchQuery {
    /// Creates a query for all words of `query`, whatever other characters it contains.
    #[must_use]
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            syntax: false,
            fields: Vec::new(),
            field_weights: BTreeMap::new(),
            filters: Vec::new(),
            facets: Vec::new(),
            from: 0,
            size: 20,
            highlight: None,
            sort: Vec::new(),
            cursor: None,
            bound: None,
            any: false,
            fuzzy: false,
            did_you_mean: false,
            as_you_type: false,
            exact_first: true,
        }
    }

    /// Enables phrases (`"new york"`), beginnings of words (`auto*`) and exclusions (`-slow`,
    /// `-"old york"`).
    ///
    /// Typographic quotation marks (`“new york”`, `„…“`, `«…»`) are quotation marks.
    ///
    /// No syntax is invalid: an unclosed quotation mark extends to the end of the query, and any
    /// other character separates words. A query that contains only exclusions finds nothing.
    #[must_use]
    pub fn syntax(mut self) -> Self {
        self.syntax = true;
        self
    }

    /// Searches only these fields.
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Sets another weight for a field than the index's definition does.
    #[must_use]
    pub fn field_weight(mut self, field: impl Into<String>, weight: f64) -> Self {
        self.field_weights.insert(field.into(), weight);
        self
    }

    /// Adds a condition on the documents.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Counts the values of a field among all matches, see [`Facet`] for an example. Each facet is one
    /// more query, if there is a match.
    #[must_use]
    pub fn facet(mut self, facet: Facet) -> Self {
        self.facets.push(facet);
        self
    }

    /// Skips this number of hits. For distant pages [`cursor`](method@Self::cursor) is faster, and
    /// keeps its position when documents are added or removed.
    #[must_use]
    pub fn from(mut self, hits: usize) -> Self {
        self.from = hits;
        self
    }

    /// Sets the number of hits to return.
    #[must_use]
    pub fn size(mut self, hits: usize) -> Self {
        self.size = hits;
        self
    }

    /// Highlights the matches in each hit.
    #[must_use]
    pub fn highlight(mut self, highlight: Highlight) -> Self {
        self.highlight = Some(highlight);
        self
    }

    /// Adds a sort criterion, for hits that are equal by the previous ones.
    #[must_use]
    pub fn sort(mut self, sort: Sort) -> Self {
        self.sort.push(sort);
        self
    }

    /// Continues after the page that returned this cursor. The order must be the same.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// Finds documents with any of the words, instead of all. Those with all words come first, after
    /// documents that the query [names](method@Self::exact_first), unless the hits are sorted by
    /// fields only.
    ///
    /// A phrase counts as a word, and excluded words stay excluded. The scores of documents with all
    /// words are 600,000 higher.
    ///
    /// ```
    /// use covara_diesel::pool;
    /// use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let conn = &mut pool.get()?;
    /// let dishes = IndexDefinition::new().field("name", Field::text());
    /// SqliteFts.create_index(conn, "dishes", &dishes)?;
    /// SqliteFts.index_many(conn, "dishes", [
    ///     ("1", json!({"name": "rice rice rice"})),
    ///     ("2", json!({"name": "beans, and in the end some rice with them"})),
    ///     ("3", json!({"name": "soup"})),
    /// ])?;
    ///
    /// let query = SearchQuery::new("rice beans").any();
    /// let found = SqliteFts.search(conn, "dishes", &query)?;
    /// let ids: Vec<&str> = found.hits.iter().map(|hit| hit.id.as_str()).collect();
    /// assert_eq!(ids, ["2", "1"]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn any(mut self) -> Self {
        self.any = true;
        self
    }

    /// Also finds words of [fuzzy fields](super::Field::fuzzy) that differ from the typed ones by a
    /// mistake: a letter that is missing, added or wrong, or two neighbours that are swapped. The letters
    /// are those of one script, such as Latin or Cyrillic. Words
    /// of 4 letters may have one mistake, those of 8 letters two, of which only one is among the first
    /// four letters. Documents with the words as they were typed come first, after documents that the
    /// query [names](method@Self::exact_first), and their scores are 600,000 higher. With
    /// [`any`](method@Self::any), these are the documents with any of the words as typed.
    ///
    /// Not corrected are words with digits, phrases, excluded words, beginnings of words, parts such as
    /// `e-mail`, and words after the eighth. Each word also finds the 20 nearest ones at most.
    ///
    /// ```
    /// use covara_diesel::pool;
    /// use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let conn = &mut pool.get()?;
    /// let shop = IndexDefinition::new().field("name", Field::text().fuzzy());
    /// SqliteFts.create_index(conn, "shop", &shop)?;
    /// SqliteFts.index(conn, "shop", "1", &json!({"name": "Red umbrella"}))?;
    ///
    /// let query = SearchQuery::new("rde umbrela").fuzzy();
    /// assert_eq!(SqliteFts.search(conn, "shop", &query)?.total, 0); // `rde` has three letters
    /// let query = SearchQuery::new("umbrela").fuzzy();
    /// assert_eq!(SqliteFts.search(conn, "shop", &query)?.total, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fuzzy(mut self) -> Self {
        self.fuzzy = true;
        self
    }

    /// Corrects words that no document has, for [`SearchResult::did_you_mean`]: by the nearest word of
    /// the [fuzzy fields](super::Field::fuzzy), and of equally near ones the most frequent.
    ///
    /// The words that may be corrected are those of [`fuzzy`](method@Self::fuzzy). A correction is in
    /// lower case and, unless the field keeps them, without accents. Filters are not considered. Each
    /// word that is looked up costs up to six small queries.
    ///
    /// ```
    /// use covara_diesel::pool;
    /// use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let conn = &mut pool.get()?;
    /// let shop = IndexDefinition::new().field("name", Field::text().fuzzy());
    /// SqliteFts.create_index(conn, "shop", &shop)?;
    /// SqliteFts.index(conn, "shop", "1", &json!({"name": "Red umbrella"}))?;
    ///
    /// let query = SearchQuery::new("red umbrela").did_you_mean();
    /// let found = SqliteFts.search(conn, "shop", &query)?;
    /// assert_eq!((found.total, found.did_you_mean.as_deref()), (0, Some("red umbrella")));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn did_you_mean(mut self) -> Self {
        self.did_you_mean = true;
        self
    }

    /// Takes the last word for the beginning of a word, because somebody is still typing it.
    ///
    /// A document that has a word is found from the first letter of it to the last, also in a field
    /// with a language. The word is complete when a space follows it. A `#` or `+` at the end is taken for
    /// that of *C#* and *C++*; in Korean, Khmer and Burmese a hit may be missing between two letters of a
    /// syllable. With
    /// [`syntax`](method@Self::syntax), so are excluded words and the last word of a phrase whose
    /// quotation mark is closed.
    ///
    /// ```
    /// use covara_diesel::pool;
    /// use covara_diesel::search::{
    ///     Field, IndexDefinition, Language, SearchAdapter, SearchQuery, SqliteFts,
    /// };
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let conn = &mut pool.get()?;
    /// let posts = IndexDefinition::new().field("text", Field::text().language(Language::English));
    /// SqliteFts.create_index(conn, "posts", &posts)?;
    /// SqliteFts.index(conn, "posts", "1", &json!({"text": "Running in circles"}))?;
    ///
    /// for typed in ["r", "runn", "running", "running ", "running in c", "circling"] {
    ///     let found = SqliteFts.search(conn, "posts", &SearchQuery::new(typed).as_you_type())?;
    ///     assert_eq!(found.total, 1, "{typed}");
    /// }
    /// assert_eq!(SqliteFts.search(conn, "posts", &SearchQuery::new("runn"))?.total, 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn as_you_type(mut self) -> Self {
        self.as_you_type = true;
        self
    }

    /// Sets whether documents that the query names come first. Default: `true`.
    ///
    /// A document that consists of the query's words, in the field with the highest weight, then
    /// comes before those that begin with these words there, and those before all others: `vim`
    /// finds the package *vim* first, then *vim-doc*, and then those about it. Whole words are
    /// compared, as they are written, without accents and upper case; of a list, the first item. If
    /// several fields have the highest weight, it is the first of them. Names of more than 250
    /// bytes, or 35 characters of a script without spaces, only begin with a query. It has no effect where another field is heavier in this query, the
    /// field is not searched, or the hits are not sorted by score.
    ///
    /// The scores of these documents are 2,000,000 and 1,000,000 higher. An index of an earlier
    /// version of this library orders all hits by their scores alone, until
    /// [`reindex`](super::reindex()) has brought it up to date.
    ///
    /// ```
    /// use covara_diesel::pool;
    /// use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery, SqliteFts};
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pool = pool::sqlite(":memory:")?;
    /// # let conn = &mut pool.get()?;
    /// let packages = IndexDefinition::new()
    ///     .field("name", Field::keyword().weight(3.0))
    ///     .field("about", Field::text());
    /// SqliteFts.create_index(conn, "packages", &packages)?;
    /// SqliteFts.index_many(conn, "packages", [
    ///     ("1", json!({"name": "rust-vim", "about": "Vim, vim and vim"})),
    ///     ("2", json!({"name": "vim-doc", "about": "Manuals"})),
    ///     ("3", json!({"name": "vim", "about": "A text editor, which some people like best"})),
    /// ])?;
    /// let found = SqliteFts.search(conn, "packages", &SearchQuery::new("Vim"))?;
    /// let ids: Vec<&str> = found.hits.iter().map(|hit| hit.id.as_str()).collect();
    /// assert_eq!(ids, ["3", "2", "1"]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn exact_first(mut self, exact_first: bool) -> Self {
        self.exact_first = exact_first;
        self
    }

    /// Considers at most this number of matches: those added last on SQLite, any on PostgreSQL.
    ///
    /// Wide queries are slow because every match must be counted, and ranked to find the best. With
    /// a bound, only that many are counted and ranked, and [`SearchResult::total`] does not exceed
    /// it. The best of them are returned.
    #[must_use]
    pub fn bound(mut self, matches: usize) -> Self {
        self.bound = Some(matches);
        self
    }
}

/// A sort criterion. Documents without a value come last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The field; `None` is the score.
    pub(super) field: Option<String>,
    pub(super) descending: bool,
}

impl Sort {
    /// Sorts by score, highest first.
    #[must_use]
    pub fn score() -> Self {
        Self {
            field: None,
            descending: true,
        }
    }

    /// Sorts by a field that is neither [`Field::text`](super::Field::text) nor
    /// [`Field::keywords`](super::Field::keywords), lowest first. Texts are compared byte by byte.
    #[must_use]
    pub fn ascending(field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            descending: false,
        }
    }

    /// Sorts by such a field, highest first.
    #[must_use]
    pub fn descending(field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            descending: true,
        }
    }
}

/// The options of highlighting: fragments of the text around each match, as HTML, in which
/// everything except the tags given here is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlight {
    pub(super) before: String,
    pub(super) after: String,
    pub(super) fragment_length: usize,
    /// 0 is the whole field in one fragment.
    pub(super) fragments: usize,
}

impl Default for Highlight {
    fn default() -> Self {
        Self::new()
    }
}

impl Highlight {
    /// Creates options with `<em>` and `</em>`, and up to three fragments of 150 characters.
    #[must_use]
    pub fn new() -> Self {
        Self {
            before: "<em>".to_owned(),
            after: "</em>".to_owned(),
            fragment_length: 150,
            fragments: 3,
        }
    }

    /// Sets the text before and after a matching word. Default: `<em>` and `</em>`.
    #[must_use]
    pub fn tags(mut self, before: impl Into<String>, after: impl Into<String>) -> Self {
        self.before = before.into();
        self.after = after.into();
        self
    }

    /// Sets the length of a fragment in characters, without tags. Default: 150. A fragment is longer
    /// if a phrase that matches would be cut.
    #[must_use]
    pub fn fragment_length(mut self, characters: usize) -> Self {
        self.fragment_length = characters;
        self
    }

    /// Sets the maximum number of fragments per field. Default: 3. Those with the most parts of the
    /// query come first, of these the ones with the most matches, and then those that are first in the
    /// text. With 0 the whole field is shown,
    /// as with [`whole`](Self::whole).
    #[must_use]
    pub fn fragments(mut self, fragments: usize) -> Self {
        self.fragments = fragments;
        self
    }

    /// Shows the whole of each field that contains a match.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.fragments = 0;
        self
    }
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SearchResult {
    /// The hits of the requested page.
    pub hits: Vec<SearchHit>,
    /// The number of matching documents on all pages, but at most
    /// [`SearchQuery::bound`](method@SearchQuery::bound).
    pub total: usize,
    /// `true` if there may be more than `total`, because the bound was reached.
    pub more: bool,
    /// The counts of each of the query's [facets](method@SearchQuery::facet), in their order.
    pub facets: Vec<Vec<FacetCount>>,
    /// The query with other words for those that no document has, if there are near ones and
    /// [`SearchQuery::did_you_mean`](method@SearchQuery::did_you_mean) is set.
    pub did_you_mean: Option<String>,
    /// The cursor for the next page, if this one is full.
    pub cursor: Option<String>,
}

/// A matching document.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchHit {
    /// The document's id.
    pub id: String,
    /// The score: the higher, the better the match. It is comparable only within one query and
    /// engine, and 0 if the score is not part of the order.
    pub score: f64,
    /// The document, as it was given.
    pub source: Value,
    /// Fragments of the fields that contain a match, if
    /// [`SearchQuery::highlight`](method@SearchQuery::highlight) is set.
    pub highlights: BTreeMap<String, Vec<String>>,
}
