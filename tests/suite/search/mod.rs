//! Full-text search.

mod accents;
mod any_words;
mod cities;
mod concurrency;
mod documents;
mod engine;
mod facets;
mod fields;
mod filters;
mod follow;
mod fuzzy;
mod helpers;
mod highlights;
mod indexes;
mod interleaved;
mod joins;
mod keys;
mod keywords;
mod lists;
mod mended;
mod model;
mod names;
mod odd;
mod orders;
mod overlap;
mod queries;
mod random;
mod rarity;
mod read_only;
mod transactions;
mod typing;
mod versions;

use helpers::{articles, found, found_by_syntax, ids, index_of, library, numbered, search};
