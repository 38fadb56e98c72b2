//! Mutants behind switches: a function runs another body while the switch of a mutant is on.

use std::fmt::Write as _;

use syn::visit::{self, Visit};

use crate::mutant::{Mutant, Place};

/// Names the mutant that is on, by its number from 1.
pub const VARIABLE: &str = "COVARA_MUTANT";

/// Names a folder in which each process tells which mutants it reaches in which threads.
pub const TRACE: &str = "COVARA_MUTANT_TRACE";

/// What is added to the library.
pub const MODULE: &str = r#"
pub(crate) mod __mutant {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::io::Write;
    use std::sync::OnceLock;

    pub(crate) fn is(number: u32) -> bool {
        static ON: OnceLock<u32> = OnceLock::new();
        static TRACE: OnceLock<Option<std::ffi::OsString>> = OnceLock::new();
        if let Some(folder) = TRACE.get_or_init(|| std::env::var_os("COVARA_MUTANT_TRACE")) {
            trace(number, folder.as_ref());
        }
        let on = || std::env::var("COVARA_MUTANT").ok()?.parse().ok();
        *ON.get_or_init(|| on().unwrap_or_default()) == number
    }

    fn trace(number: u32, folder: &std::path::Path) {
        thread_local! {
            static TOLD: RefCell<BTreeSet<u32>> = const { RefCell::new(BTreeSet::new()) };
        }
        if !TOLD.try_with(|told| told.borrow_mut().insert(number)).unwrap_or(true) {
            return;
        }
        let file = folder.join(std::process::id().to_string());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
        let thread = std::thread::current();
        let line = format!("{number}\t{}\n", thread.name().unwrap_or_default());
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}
"#;

/// A source with switches in it.
pub struct Switched {
    pub source: String,
    pub branches: Vec<Branch>,
    /// Mutants that no function that runs has.
    pub impossible: Vec<usize>,
}

/// The lines of a mutant, and of the function that it is in, in the new source.
pub struct Branch {
    pub mutant: usize,
    pub lines: (usize, usize),
    pub function: (usize, usize),
}

/// Bytes of a function's body, with the braces.
struct Body {
    begin: usize,
    end: usize,
}

/// Gives the bodies of functions further branches, for the mutants of these numbers.
pub fn switched(source: &str, mutants: &[Mutant], numbers: &[usize]) -> Result<Switched, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let lines = Lines::of(source);
    let mut bodies = Bodies {
        lines: &lines,
        found: Vec::new(),
    };
    bodies.visit_file(&file);
    let mut bodies = bodies.found;
    bodies.sort_by_key(|body| body.begin);

    let mut new = Switched {
        source: String::new(),
        branches: Vec::new(),
        impossible: Vec::new(),
    };
    let mut written = 0;
    let mut placed = Vec::new();
    for body in &bodies {
        let inside: Vec<usize> = numbers
            .iter()
            .copied()
            .filter(|number| {
                let mutant = &mutants[*number];
                body.begin < lines.byte(mutant.begin) && lines.byte(mutant.end) < body.end
            })
            .collect();
        if inside.is_empty() {
            continue;
        }
        new.source.push_str(&source[written..body.begin]);
        new.source.push('{');
        let first = line_of(&new.source);
        for number in &inside {
            let mutant = &mutants[*number];
            let begin = line_of(&new.source) + 1;
            let _ = write!(
                new.source,
                "\nif crate::__mutant::is({}) {}{}{}\nelse ",
                number + 1,
                &source[body.begin..lines.byte(mutant.begin)],
                mutant.replacement,
                &source[lines.byte(mutant.end)..body.end],
            );
            let end = line_of(&new.source) - 1;
            new.branches.push(Branch {
                mutant: *number,
                lines: (begin, end),
                function: (0, 0),
            });
        }
        new.source.push_str(&source[body.begin..body.end]);
        new.source.push('}');
        let last = line_of(&new.source);
        let own = new.branches.len() - inside.len();
        for branch in &mut new.branches[own..] {
            branch.function = (first, last);
        }
        placed.extend(inside);
        written = body.end;
    }
    new.source.push_str(&source[written..]);
    new.impossible = numbers
        .iter()
        .copied()
        .filter(|number| !placed.contains(number))
        .collect();
    Ok(new)
}

/// A source with one mutant in the place of what it replaces.
pub fn mutated(source: &str, mutant: &Mutant) -> String {
    let lines = Lines::of(source);
    let (begin, end) = (lines.byte(mutant.begin), lines.byte(mutant.end));
    format!(
        "{}{}{}",
        &source[..begin],
        mutant.replacement,
        &source[end..]
    )
}

fn line_of(text: &str) -> usize {
    text.matches('\n').count() + 1
}

/// The bodies of functions that run when the program does, the outermost of nested ones.
struct Bodies<'a> {
    lines: &'a Lines<'a>,
    found: Vec<Body>,
}

impl Bodies<'_> {
    fn take(&mut self, signature: &syn::Signature, block: &syn::Block) {
        if signature.constness.is_some() {
            return;
        }
        let place = |at: proc_macro2::LineColumn| (at.line, at.column + 1);
        self.found.push(Body {
            begin: self
                .lines
                .byte(place(block.brace_token.span.open().start())),
            end: self.lines.byte(place(block.brace_token.span.close().end())),
        });
    }
}

impl<'ast> Visit<'ast> for Bodies<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.take(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.take(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        match &item.default {
            Some(block) => self.take(&item.sig, block),
            None => visit::visit_trait_item_fn(self, item),
        }
    }
}

/// Where the lines of a text begin.
struct Lines<'a>(Vec<(usize, &'a str)>);

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut begin = 0;
        let line = |line: &'a str| {
            begin += line.len();
            (begin - line.len(), line)
        };
        Self(text.split_inclusive('\n').map(line).collect())
    }

    fn byte(&self, (line, column): Place) -> usize {
        let (begin, text) = self.0[line - 1];
        let mut columns = text.char_indices().map(|(byte, _)| byte);
        begin + columns.nth(column - 1).unwrap_or(text.len())
    }
}
