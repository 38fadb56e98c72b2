//! Checks the rows of an answer without keeping any of them.

use std::fmt;

use diesel::result::{Error, QueryResult};
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::api::{Received, cell_of};
use crate::remote::error::{malformed, not_of_protocol};

/// Counts the rows of `width` values in `text`, and checks that all of them can be read.
pub(super) fn rows(text: &str, width: usize, real: &[bool]) -> QueryResult<usize> {
    let mut check = RowsCheck {
        width,
        real,
        rows: 0,
        error: None,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let checked = json.deserialize_seq(&mut check);
    match check.error {
        Some(error) => Err(error),
        None => checked
            .map(|()| check.rows)
            .map_err(|error| not_of_protocol(&error)),
    }
}

struct RowsCheck<'c> {
    width: usize,
    real: &'c [bool],
    rows: usize,
    /// The error for text that is well-formed but cannot be read.
    error: Option<Error>,
}

impl<'de> Visitor<'de> for &mut RowsCheck<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(RowCheck(self))?.is_some() {
            self.rows += 1;
        }
        Ok(())
    }
}

struct RowCheck<'r, 'c>(&'r mut RowsCheck<'c>);

impl<'de> DeserializeSeed<'de> for RowCheck<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowCheck<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<(), A::Error> {
        let mut width = 0;
        while let Some(cell) = row.next_element::<Received<'_>>()? {
            let is_real = self.0.real.get(width).copied().unwrap_or(false);
            if let Err(error) = cell_of(cell, is_real, "") {
                self.0.error = Some(error);
                return Err(de::Error::custom("a value that cannot be read"));
            }
            width += 1;
        }
        if width != self.0.width {
            self.0.error = Some(malformed("rows and columns differ"));
            return Err(de::Error::custom("a row of another width"));
        }
        Ok(())
    }
}
