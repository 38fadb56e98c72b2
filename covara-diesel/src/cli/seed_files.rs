//! The files of `covara seed`, and the options that say how to read them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments;
use super::outcome::Failure;
use crate::fixture::{Encoding, FixtureSource, Format};
use crate::seed::Name;

/// The options that say how the files are written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub(super) struct FileOptions {
    /// The format of the files, if their names do not end with it: csv or ndjson.
    #[arg(long, value_parser = parse_format)]
    format: Option<Format>,

    /// The character between the fields of CSV, \t for a tab.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_character, default_value = ",")]
    delimiter: u8,

    /// The character around the fields of CSV that hold others.
    #[arg(long, value_name = "CHARACTER", value_parser = parse_character, default_value = "\"")]
    quote: u8,

    /// A text that is NULL in CSV where it has no quotes, instead of nothing; may be given several
    /// times.
    #[arg(long = "null", value_name = "TEXT", allow_hyphen_values = true)]
    nulls: Vec<String>,

    /// The encoding of the files, such as latin1 or windows-1250. UTF-8, and UTF-16 with a byte
    /// order mark, need none.
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,

    /// The column that a name in the file stands for; #3 is the third field of CSV. With several
    /// files the name comes after a table: TABLE:NAME=COLUMN.
    #[arg(long = "column", value_name = "NAME=COLUMN", value_parser = parse_pair)]
    columns: Vec<(String, String)>,

    /// A name in the file that is not read; #3 is the third field of CSV. With several files it
    /// comes after a table: TABLE:NAME.
    #[arg(long = "leave-out", value_name = "NAME")]
    left_out: Vec<String>,
}

pub(super) fn parse_format(text: &str) -> Result<Format, String> {
    match text {
        "csv" => Ok(Format::Csv),
        "ndjson" | "jsonl" => Ok(Format::Ndjson),
        _ => Err("the formats are csv and ndjson".to_owned()),
    }
}

fn parse_character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("give one ASCII character, or \\t for a tab".to_owned()),
    }
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((name, column)) if !column.is_empty() => Ok((name.to_owned(), column.to_owned())),
        _ => Err("give a name in the file and a column, as NAME=COLUMN".to_owned()),
    }
}

/// The files to seed, each with its table.
pub(super) struct SeedFiles {
    pub(super) tables: Vec<(String, FixtureSource<'static>)>,
    /// Files of the directory that are not read.
    pub(super) left_out: Vec<String>,
}

/// A table and the file of its rows; no path is standard input.
type TableFile = (String, Option<PathBuf>);

impl SeedFiles {
    pub(super) fn of(arguments: &arguments::Seed) -> Result<Self, Failure> {
        let options = &arguments.files;
        let (files, left_out) = match arguments.paths.as_slice() {
            [] => (of_arguments(arguments)?, Vec::new()),
            paths => of_paths(paths, options)?,
        };
        let names: Vec<String> = files.iter().map(|(table, _)| table.clone()).collect();
        let scope = Scope::of(&names);
        let columns = options.columns.iter().map(|(name, _)| name);
        for given in columns.chain(&options.left_out) {
            scope.check(given)?;
        }
        let sources = files.into_iter().map(|(table, path)| {
            let source = match path {
                Some(path) => FixtureSource::from(path),
                None => FixtureSource::reader("standard input", io::stdin()),
            };
            let source = options.of_table(source, &table, &scope);
            (table, source)
        });
        Ok(Self {
            tables: sources.collect(),
            left_out,
        })
    }
}

impl FileOptions {
    fn of_table(
        &self,
        source: FixtureSource<'static>,
        table: &str,
        scope: &Scope<'_>,
    ) -> FixtureSource<'static> {
        let mut source = source.delimiter(self.delimiter).quote(self.quote);
        if let Some(format) = self.format {
            source = source.format(format);
        }
        if let Some(encoding) = self.encoding {
            source = source.encoding(encoding);
        }
        for text in &self.nulls {
            source = source.null(text);
        }
        for (given, column) in &self.columns {
            if let Some(name) = scope.name(given, table) {
                source = source.rename(name, column);
            }
        }
        for given in &self.left_out {
            if let Some(name) = scope.name(given, table) {
                source = source.leave_out(name);
            }
        }
        source
    }
}

/// The tables that names in files can be of. A name is of the only file, or comes after a table.
enum Scope<'a> {
    One,
    Several(&'a [String]),
}

impl<'a> Scope<'a> {
    fn of(tables: &'a [String]) -> Self {
        match tables.len() {
            0 | 1 => Self::One,
            _ => Self::Several(tables),
        }
    }

    fn check(&self, given: &str) -> Result<(), Failure> {
        match self {
            Self::One => Ok(()),
            Self::Several(tables)
                if tables.iter().any(|table| self.name(given, table).is_some()) =>
            {
                Ok(())
            }
            Self::Several(_) => Err(Failure::usage(format!(
                "{given:?} does not say of which file it is; with several files give the table \
                 first, as TABLE:NAME"
            ))),
        }
    }

    /// Returns the name, if it is one of the table's file.
    fn name<'g>(&self, given: &'g str, table: &str) -> Option<&'g str> {
        match self {
            Self::One => Some(given),
            Self::Several(_) => given.strip_prefix(table)?.strip_prefix(':'),
        }
    }
}

fn of_arguments(arguments: &arguments::Seed) -> Result<Vec<TableFile>, Failure> {
    let mut files = Vec::new();
    let mut has_input = false;
    for pair in arguments.tables.chunks_exact(2) {
        let [name, file] = pair else { continue };
        let name = name
            .to_str()
            .ok_or_else(|| Failure::usage("the name of a table is not UTF-8"))?;
        let is_input = file == OsStr::new("-");
        if is_input && std::mem::replace(&mut has_input, true) {
            return Err(Failure::usage(
                "standard input has the rows of one table only",
            ));
        }
        if is_input && arguments.files.format.is_none() {
            return Err(Failure::usage(
                "standard input has no name that tells its format: give --format csv or --format \
                 ndjson",
            ));
        }
        files.push((name.to_owned(), (!is_input).then(|| PathBuf::from(file))));
    }
    Ok(files)
}

/// Lists files, and those of directories in the order of their names, each with the table that its
/// name says, and those of directories that are not read.
fn of_paths(
    paths: &[PathBuf],
    options: &FileOptions,
) -> Result<(Vec<TableFile>, Vec<String>), Failure> {
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    for path in paths {
        if path == Path::new("-") {
            return Err(Failure::usage(
                "standard input has no name that tells its table: give --table TABLE -",
            ));
        }
        if !path.is_file() {
            of_directory(path, options, &mut files, &mut left_out)?;
            continue;
        }
        let Some(table) = table_of_file(path, options) else {
            let path = shown(path);
            return Err(Failure::usage(format!(
                "{path} has no name that tells its table and its format: give --table TABLE {path}, \
                 and --format if its name does not end in .csv, .ndjson or .jsonl, or in .gz behind it"
            )));
        };
        add(&mut files, table, path.clone())?;
    }
    Ok((files, left_out))
}

/// Adds the files of a directory.
fn of_directory(
    directory: &Path,
    options: &FileOptions,
    files: &mut Vec<TableFile>,
    left_out: &mut Vec<String>,
) -> Result<(), Failure> {
    let unreadable = |error: io::Error| {
        let directory = directory.display();
        Failure::usage(format!(
            "{directory} cannot be read as a file, or as a directory of files: {error}; the name of a \
             table comes after --table"
        ))
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    let before = files.len();
    for path in paths {
        let is_link = || path.symlink_metadata().is_ok_and(|file| file.is_symlink());
        if !path.exists() && is_link() {
            return Err(Failure::usage(format!(
                "{} is a link to a file that does not exist",
                shown(&path)
            )));
        }
        match table_of_file(&path, options).filter(|_| path.is_file()) {
            Some(table) => add(files, table, path)?,
            None => left_out.push(path.display().to_string()),
        }
    }
    if files.len() == before {
        let directory = directory.display();
        return Err(Failure::usage(format!(
            "{directory} has no file that is named after a table and ends in .csv, .ndjson or \
             .jsonl, or in .gz behind it"
        )));
    }
    Ok(())
}

/// Adds a file unless the table has another one already.
fn add(files: &mut Vec<TableFile>, table: String, path: PathBuf) -> Result<(), Failure> {
    if let Some((_, Some(other))) = files.iter().find(|(name, _)| is_same(name, &table)) {
        return Err(Failure::usage(format!(
            "{} and {} are both for the table {}; give them with --table",
            shown(other),
            shown(&path),
            Name(&table)
        )));
    }
    files.push((table, Some(path)));
    Ok(())
}

/// Returns the table that the name of a file says.
fn table_of_file(path: &Path, options: &FileOptions) -> Option<String> {
    let name = path.file_name().and_then(OsStr::to_str);
    let name = name.filter(|name| !name.starts_with('.'));
    table_of(name?, options)
}

/// Compares names of tables as SQLite does, and as some disks compare names of files.
fn is_same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn shown(path: &Path) -> String {
    Name(&path.display().to_string()).to_string()
}

/// Returns the table that a file's name says.
fn table_of(name: &str, options: &FileOptions) -> Option<String> {
    if options.format.is_none() {
        Format::of(name).ok()?;
    }
    let stem = |name: &str| Path::new(name).file_stem()?.to_str().map(str::to_owned);
    let is_packed = Path::new(name)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    match is_packed {
        true => stem(&stem(name)?),
        false => stem(name),
    }
}
