//! The rows of an answer, which are decoded from its text one after the other.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use diesel::pg::{Pg, PgValue, TypeOidLookup};
use diesel::result::{Error, QueryResult};
use diesel::row::{PartialRow, Row, RowIndex, RowSealed};

use super::api::{Field, StatementResult};
use super::value::{Catalogue, Kind, decode};
use crate::remote::error::malformed;
use crate::remote::range::range_in;

/// An answer whose types may have to be looked up.
pub(super) struct Answer {
    body: String,
    /// Position after the bracket that begins the rows.
    at: usize,
    fields: Vec<Field>,
    types: Arc<Catalogue>,
}

/// What an answer to a single statement begins with.
#[derive(serde::Deserialize)]
struct Head {
    fields: Vec<Field>,
}

impl Answer {
    /// Reads the rows of a statement, or of the last one of a batch.
    pub(super) fn of(body: String, in_batch: bool) -> QueryResult<Self> {
        let head = if in_batch { None } else { head(&body) };
        let (at, fields) = match head {
            Some(head) => head,
            None => {
                let result = StatementResult::of(&body, in_batch)?;
                let rows = range_in(&body, result.rows.get());
                let rows = rows.filter(|rows| body[rows.clone()].starts_with('['));
                let rows = rows.ok_or_else(|| malformed("no list of rows"))?;
                (rows.start + 1, result.fields)
            }
        };
        Ok(Self {
            at,
            fields,
            types: Arc::default(),
            body,
        })
    }

    pub(super) fn oids(&self) -> Vec<u32> {
        self.fields.iter().map(|field| field.oid).collect()
    }

    pub(super) fn read_with(mut self, types: &Arc<Catalogue>) -> Self {
        self.types = Arc::clone(types);
        self
    }
}

/// Returns where the rows begin, and the columns, if these precede them as in the answers of Neon's
/// proxy. What follows is read when it is its turn, and not twice.
fn head(body: &str) -> Option<(usize, Vec<Field>)> {
    // No text has this in it: its quotes would have a backslash before them.
    const ROWS: &str = "\"rows\":[";
    let rows = body.find(ROWS)?;
    let head = body[..rows].trim_end().strip_suffix(',')?;
    let head: Head = serde_json::from_str(&format!("{head}}}")).ok()?;
    Some((rows + ROWS.len(), head.fields))
}

/// The columns of an answer.
struct Columns {
    names: Vec<String>,
    kinds: Vec<(u32, Kind)>,
}

/// An iterator over the rows of an answer.
pub struct NeonCursor {
    body: Arc<String>,
    at: usize,
    columns: Arc<Columns>,
    types: Arc<Catalogue>,
    /// The value that is being decoded.
    value: Vec<u8>,
}

/// Shows nothing, as Diesel's own cursor cannot be shown.
impl fmt::Debug for NeonCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeonCursor").finish_non_exhaustive()
    }
}

impl From<Answer> for NeonCursor {
    fn from(answer: Answer) -> Self {
        let kind = |oid| answer.types.kind(oid).unwrap_or(Kind::Unknown);
        let kinds = answer
            .fields
            .iter()
            .map(|field| (field.oid, kind(field.oid)));
        let kinds = kinds.collect();
        let names = answer.fields.into_iter().map(|field| field.name).collect();
        Self {
            body: Arc::new(answer.body),
            at: answer.at,
            columns: Arc::new(Columns { names, kinds }),
            types: answer.types,
            value: Vec::new(),
        }
    }
}

/// A cell as it stands in the answer.
enum Written<'b> {
    Null,
    /// A text without escapes, at this position.
    Plain(usize, &'b str),
    Escaped(String),
}

/// Returns the cell that begins at a position, and where it ends.
fn cell(body: &str, at: usize) -> Option<(Written<'_>, usize)> {
    let rest = body.get(at..)?;
    let Some(text) = rest.strip_prefix('"') else {
        rest.strip_prefix("null")?;
        return Some((Written::Null, at + 4));
    };
    let mut end = 0;
    let mut is_escaped = false;
    loop {
        let bytes = text.as_bytes().get(end..)?;
        end += bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if text.as_bytes()[end] == b'"' {
            break;
        }
        is_escaped = true;
        end += 2;
    }
    let whole = end + 2;
    let written = match is_escaped {
        true => Written::Escaped(serde_json::from_str(rest.get(..whole)?).ok()?),
        false => Written::Plain(at + 1, text.get(..end)?),
    };
    Some((written, at + whole))
}

/// Skips spaces, and then this character if it comes next.
fn skip(body: &str, at: &mut usize, expected: u8) -> bool {
    let bytes = body.as_bytes();
    while bytes.get(*at).is_some_and(u8::is_ascii_whitespace) {
        *at += 1;
    }
    let is_next = bytes.get(*at) == Some(&expected);
    *at += usize::from(is_next);
    is_next
}

impl NeonCursor {
    fn row(&mut self) -> QueryResult<NeonRow> {
        let not_a_row = || malformed("a row does not have a text or null for each column");
        let Self {
            body,
            at,
            columns,
            types,
            value,
        } = self;
        let mut cells = Vec::with_capacity(columns.kinds.len());
        let mut long = Vec::new();
        if !skip(body, at, b'[') {
            return Err(not_a_row());
        }
        for (position, (oid, kind)) in columns.kinds.iter().enumerate() {
            if position > 0 && !skip(body, at, b',') {
                return Err(not_a_row());
            }
            // Only skips spaces.
            skip(body, at, b' ');
            let (written, end) = cell(body, *at).ok_or_else(not_a_row)?;
            *at = end;
            let text = match &written {
                Written::Null => {
                    cells.push(Cell::Null);
                    continue;
                }
                Written::Plain(start, text) if *kind == Kind::Text => {
                    cells.push(Cell::InBody(*start..*start + text.len()));
                    continue;
                }
                Written::Plain(_, text) => text,
                Written::Escaped(text) => text.as_str(),
            };
            value.clear();
            decode(text, *oid, kind, types, value).map_err(|problem| {
                types.doubt();
                let column = &columns.names[position];
                Error::DeserializationError(format!("column {column:?}: {problem}").into())
            })?;
            cells.push(Cell::of(value, &mut long));
        }
        if !skip(body, at, b']') {
            return Err(not_a_row());
        }
        Ok(NeonRow {
            columns: Arc::clone(columns),
            body: Arc::clone(body),
            long,
            cells,
        })
    }
}

impl Iterator for NeonCursor {
    type Item = QueryResult<NeonRow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.body.len() {
            return None;
        }
        skip(&self.body, &mut self.at, b',');
        if skip(&self.body, &mut self.at, b']') {
            let is_whole = self.body.trim_end().ends_with('}');
            self.at = self.body.len();
            return (!is_whole).then(|| Err(malformed("it ends too early")));
        }
        let row = self.row();
        if row.is_err() {
            self.at = self.body.len();
        }
        Some(row)
    }
}

/// Where a value is.
enum Cell {
    Null,
    /// In the answer, whose text it is.
    InBody(Range<usize>),
    /// Here, with this length.
    Short([u8; SHORT], u8),
    /// Among the long values of the row.
    Long(Range<usize>),
}

/// The length in bytes of the longest value that is kept without an allocation: a UUID.
const SHORT: usize = 16;

impl Cell {
    fn of(value: &[u8], long: &mut Vec<u8>) -> Self {
        let mut short = [0; SHORT];
        match (short.get_mut(..value.len()), u8::try_from(value.len())) {
            (Some(part), Ok(length)) => {
                part.copy_from_slice(value);
                Self::Short(short, length)
            }
            _ => {
                let start = long.len();
                long.extend_from_slice(value);
                Self::Long(start..long.len())
            }
        }
    }
}

/// A row of an answer.
pub struct NeonRow {
    columns: Arc<Columns>,
    body: Arc<String>,
    long: Vec<u8>,
    cells: Vec<Cell>,
}

/// Shows nothing, as Diesel's own row cannot be shown.
impl fmt::Debug for NeonRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeonRow").finish_non_exhaustive()
    }
}

impl RowSealed for NeonRow {}

impl<'a> Row<'a, Pg> for NeonRow {
    type Field<'f>
        = NeonField<'f>
    where
        'a: 'f,
        Self: 'f;
    type InnerPartialRow = Self;

    fn field_count(&self) -> usize {
        self.cells.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let column = self.idx(index)?;
        Some(NeonField { row: self, column })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self::InnerPartialRow> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for NeonRow {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.cells.len()).then_some(index)
    }
}

impl<'a> RowIndex<&'a str> for NeonRow {
    fn idx(&self, name: &'a str) -> Option<usize> {
        self.columns.names.iter().position(|known| known == name)
    }
}

/// A value of a row.
#[derive(Debug)]
pub struct NeonField<'r> {
    row: &'r NeonRow,
    column: usize,
}

impl<'r> diesel::row::Field<'r, Pg> for NeonField<'r> {
    fn field_name(&self) -> Option<&str> {
        self.row.columns.names.get(self.column).map(String::as_str)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        let bytes = match self.row.cells.get(self.column)? {
            Cell::Null => return None,
            Cell::InBody(range) => self.row.body.as_bytes().get(range.clone())?,
            Cell::Short(bytes, length) => bytes.get(..usize::from(*length))?,
            Cell::Long(range) => self.row.long.get(range.clone())?,
        };
        Some(PgValue::new(bytes, self))
    }

    fn is_null(&self) -> bool {
        matches!(self.row.cells.get(self.column), None | Some(Cell::Null))
    }
}

impl TypeOidLookup for NeonField<'_> {
    fn lookup(&self) -> NonZeroU32 {
        let kind = self.row.columns.kinds.get(self.column);
        // No column has the type 0.
        let oid = kind.and_then(|(oid, _)| NonZeroU32::new(*oid));
        oid.unwrap_or(NonZeroU32::MIN)
    }
}
