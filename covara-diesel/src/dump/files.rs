//! The files of a dump, which take their names when all of them are complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Format;
use super::engine::TableName;
use super::error::DumpError;

/// Locked while a file is created, and from when the process removes them to its end.
pub(super) static CREATING: Mutex<()> = Mutex::new(());

/// Files that are written beside those that they replace.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    /// The path while it is written, and the final one.
    written: Vec<(PathBuf, PathBuf)>,
}

impl Files {
    /// Creates the directory if it does not exist.
    pub(super) fn new(directory: &Path) -> Result<Self, DumpError> {
        fs::create_dir_all(directory).map_err(|source| at(directory, source))?;
        Ok(Self {
            directory: directory.to_owned(),
            written: Vec::new(),
        })
    }

    /// Creates the file that is going to be `name`, and returns its final path, too.
    pub(super) fn create(&mut self, name: &str) -> Result<(File, PathBuf), DumpError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let path = self.directory.join(name);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            // Shorter than any name that is allowed for a table would make it.
            let temporary = format!("{}{number}", temporary_prefix());
            let temporary = self.directory.join(temporary);
            let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
            // Never through a link that somebody else has put there.
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&temporary)
            {
                Ok(file) => {
                    self.written.push((temporary, path.clone()));
                    return Ok((file, path));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(at(&path, source)),
            }
        }
    }

    /// Gives the files their names.
    pub(super) fn replace(mut self) -> Result<(), DumpError> {
        while !self.written.is_empty() {
            let (temporary, path) = &self.written[0];
            fs::rename(temporary, path).map_err(|source| DumpError::Replace {
                path: path.clone(),
                source,
            })?;
            self.written.remove(0);
        }
        Ok(())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for (temporary, _) in &self.written {
            // The error that led here is already being reported.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Returns how the names of files begin that this process has not completed.
pub(super) fn temporary_prefix() -> String {
    format!(".covara-dump-{}-", process::id())
}

pub(super) fn at(path: &Path, source: io::Error) -> DumpError {
    DumpError::Write {
        path: Some(path.to_owned()),
        source,
    }
}

/// Returns the name of a table's file.
pub(super) fn name(table: &str, format: Format, gzip: bool) -> Result<String, DumpError> {
    let is_bad = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    if table.is_empty() || table.starts_with('.') || table.contains(is_bad) {
        return Err(DumpError::FileName {
            table: table.to_owned(),
        });
    }
    let extension = format.extension();
    let compressed = if gzip { ".gz" } else { "" };
    Ok(format!("{table}.{extension}{compressed}"))
}

/// Refuses tables whose files would be one on a disk that takes upper and lower case for the same.
pub(super) fn check_distinct(tables: &[TableName]) -> Result<(), DumpError> {
    let mut folded: Vec<(String, &String)> = tables
        .iter()
        .map(|TableName { name, .. }| (name.to_lowercase(), name))
        .collect();
    folded.sort();
    match folded.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(DumpError::SameFile {
            first: pair[0].1.clone(),
            second: pair[1].1.clone(),
        }),
        None => Ok(()),
    }
}

/// A writer that counts its bytes, compressed or not.
pub(super) enum Output<W: Write> {
    Plain(Counting<W>),
    Gzip(GzEncoder<Counting<W>>),
}

impl<W: Write> Output<W> {
    pub(super) fn new(writer: W, gzip: bool) -> Self {
        let counting = Counting { writer, bytes: 0 };
        match gzip {
            // Without a time stamp, which is the encoder's default.
            true => Self::Gzip(GzEncoder::new(counting, Compression::default())),
            false => Self::Plain(counting),
        }
    }

    /// Flushes the writer and returns the number of bytes it was given.
    pub(super) fn finish(self) -> io::Result<u64> {
        let mut counting = match self {
            Self::Plain(counting) => counting,
            Self::Gzip(encoder) => encoder.finish()?,
        };
        counting.writer.flush()?;
        Ok(counting.bytes)
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(writer) => writer.write(bytes),
            Self::Gzip(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.flush(),
            Self::Gzip(writer) => writer.flush(),
        }
    }
}

pub(super) struct Counting<W> {
    writer: W,
    bytes: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.bytes += u64::try_from(written).unwrap_or_default();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
