//! Full-text search.

mod cities;
mod concurrency;
mod documents;
mod fields;
mod follow;
mod helpers;
mod highlights;
mod indexes;
mod lists;
mod odd;
mod orders;
mod queries;
mod random;
mod read_only;
mod transactions;
mod versions;

use helpers::{articles, found, found_by_syntax, ids, index_of, library, numbered, search};
