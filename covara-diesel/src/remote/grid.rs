//! The rows of an answer in a single list. A list for each row would take many times the space of
//! its values.

use std::fmt;
use std::marker::PhantomData;

use diesel::result::QueryResult;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::error::malformed;

/// The cells of rows, one after the other. All rows have the same width.
pub(super) struct Grid<T> {
    width: Option<usize>,
    pub(super) cells: Vec<T>,
}

impl<T> Grid<T> {
    /// Returns the cells, after checking that each row has `width` of them.
    pub(super) fn into_cells(self, width: usize) -> QueryResult<Vec<T>> {
        match self.width {
            Some(found) if found != width => Err(malformed("rows and columns differ")),
            _ => Ok(self.cells),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Grid<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for RowsVisitor<T> {
            type Value = Grid<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Self::Value, A::Error> {
                let mut grid = Grid {
                    width: None,
                    cells: Vec::new(),
                };
                while rows.next_element_seed(RowVisitor(&mut grid))?.is_some() {}
                Ok(grid)
            }
        }

        deserializer.deserialize_seq(RowsVisitor(PhantomData))
    }
}

struct RowVisitor<'g, T>(&'g mut Grid<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for RowVisitor<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for RowVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<(), A::Error> {
        let grid = self.0;
        let before = grid.cells.len();
        while let Some(cell) = row.next_element()? {
            grid.cells.push(cell);
        }
        let width = grid.cells.len() - before;
        match grid.width.replace(width) {
            // How many such rows there are could not be told from their cells.
            _ if width == 0 => Err(de::Error::custom("a row without values")),
            Some(first) if first != width => Err(de::Error::custom("rows of different widths")),
            _ => Ok(()),
        }
    }
}
