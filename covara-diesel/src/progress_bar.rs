//! A progress display for seeds.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::seed::SeedProgress;

/// Spinner, table, rows, speed, time, and what is left if that is known.
const TEMPLATE: &str =
    "{spinner} {prefix}: {human_pos} rows, {speed} rows/s, {elapsed_precise}{msg}";

/// The interval at which the time on a bar is redrawn while no rows arrive.
const TICK: Duration = Duration::from_millis(200);

/// The interval between lines where there is no terminal, long enough not to fill logs.
const LINE: Duration = Duration::from_secs(1);

/// Shows progress on standard error, for [`Seed::progress`](crate::Seed::progress).
///
/// On a terminal each table has a bar with its rows, rows per second and time, and with the part
/// that is done and the time that is left if the seed knows how many rows or bytes of a file there
/// are: see [`SeedProgress::fraction`]. The bar stays when its table is done. Elsewhere plain lines
/// are written, at most one a second and one at the end of each table. When the seed ends, with an
/// error or without, the cursor is on a line of its own.
///
/// # Example
///
/// ```
/// use covara_diesel::{Seed, pool, progress_bar};
/// # use covara_diesel::Seedable;
/// # use diesel::connection::SimpleConnection;
/// # diesel::table! { countries (code) { code -> Text, } }
/// # #[derive(Seedable)]
/// # #[diesel(table_name = countries)]
/// # struct Country { code: &'static str }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pool = pool::sqlite(":memory:")?;
/// # let mut conn = pool.get()?;
/// # conn.batch_execute("CREATE TABLE countries (code TEXT PRIMARY KEY NOT NULL)")?;
/// # let countries = [Country { code: "AD" }];
/// Seed::new()
///     .table(&countries)
///     .progress(progress_bar())
///     .run(&mut conn)?;
/// # Ok(())
/// # }
/// ```
pub fn progress_bar() -> impl FnMut(&SeedProgress) {
    let on_terminal = !ProgressDrawTarget::stderr().is_hidden();
    let mut table: Option<Table> = None;
    move |progress| {
        // Fewer rows than before belong to another run of the same table.
        let same = table
            .as_ref()
            .is_some_and(|table| table.name == progress.table && table.rows <= progress.rows);
        if !same {
            // The previous table ends before the next begins.
            table = None;
        }
        table
            .get_or_insert_with(|| Table::begin(&progress.table, on_terminal))
            .advance(progress);
    }
}

/// The progress of one table, finished when dropped.
struct Table {
    name: String,
    rows: usize,
    view: View,
}

enum View {
    Bar(ProgressBar),
    Lines { begun: Instant, last: Instant },
}

impl Table {
    fn begin(name: &str, on_terminal: bool) -> Self {
        let view = if on_terminal {
            View::Bar(bar(name))
        } else {
            let begun = Instant::now();
            View::Lines { begun, last: begun }
        };
        Self {
            name: name.to_owned(),
            rows: 0,
            view,
        }
    }

    fn advance(&mut self, progress: &SeedProgress) {
        self.rows = progress.rows;
        let fraction = progress.fraction();
        match &mut self.view {
            View::Bar(bar) => {
                bar.set_message(left(fraction, bar.elapsed()));
                bar.set_position(count(self.rows));
            }
            View::Lines { begun, last } if last.elapsed() >= LINE => {
                *last = Instant::now();
                let time = begun.elapsed();
                line(&self.name, self.rows, time, &left(fraction, time));
            }
            View::Lines { .. } => {}
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        match &self.view {
            View::Bar(bar) => {
                bar.set_message("");
                bar.finish_using_style();
            }
            View::Lines { begun, .. } => line(&self.name, self.rows, begun.elapsed(), ""),
        }
    }
}

fn bar(table: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key(
            "speed",
            |state: &indicatif::ProgressState, text: &mut dyn std::fmt::Write| {
                // The seed goes on even if the terminal cannot be written to.
                let _ = write!(text, "{}", speed(state.pos(), state.elapsed()));
            },
        );
    let bar = ProgressBar::no_length()
        .with_style(style)
        .with_prefix(table.to_owned())
        .with_finish(ProgressFinish::Abandon);
    bar.enable_steady_tick(TICK);
    bar
}

fn line(table: &str, rows: usize, time: Duration, left: &str) {
    let rows = count(rows);
    // The seed goes on even if nobody can see how far it is.
    let _ = writeln!(
        io::stderr(),
        "{table}: {}, {} rows/s, {:.1} s{left}",
        rows_of(rows),
        speed(rows, time),
        time.as_secs_f64()
    );
}

/// Says how much is done of a table, and how long the rest takes at the same speed.
fn left(fraction: Option<f64>, time: Duration) -> String {
    // Of the beginning there is nothing to tell.
    let Some(fraction) = fraction.filter(|fraction| *fraction >= 0.01) else {
        return String::new();
    };
    let rest = time.as_secs_f64() * (1.0 - fraction) / fraction;
    format!(", {:.0} %, {rest:.0} s left", fraction * 100.0)
}

/// Returns a number of rows, as `1 row` or `2,000 rows`.
pub(crate) fn rows_of(rows: u64) -> String {
    let noun = if rows == 1 { "row" } else { "rows" };
    format!("{} {noun}", HumanCount(rows))
}

/// Returns the rows per second since the start.
pub(crate) fn speed(rows: u64, time: Duration) -> HumanCount {
    let per_second = u128::from(rows) * 1_000_000 / time.as_micros().max(1);
    HumanCount(u64::try_from(per_second).unwrap_or(u64::MAX))
}

pub(crate) fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
