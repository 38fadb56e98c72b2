//! Medians, and the line that says what they were measured on.

use std::fmt::Display;
use std::thread;
use std::time::Duration;

pub fn median<T: PartialOrd + Copy>(values: &[T]) -> T {
    quantile(values, 0.5)
}

/// The value below which the given share of `values` lies.
pub fn quantile<T: PartialOrd + Copy>(values: &[T], share: f64) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("no NaN among measurements"));
    let last = sorted.len() - 1;
    sorted[(last as f64 * share).round() as usize]
}

pub fn short(time: Duration) -> String {
    let (scale, unit) = match time.as_nanos() {
        0..1_000 => (1e9, "ns"),
        1_000..1_000_000 => (1e6, "µs"),
        _ => (1e3, "ms"),
    };
    format!("{:.1} {unit}", time.as_secs_f64() * scale)
}

/// Says on what machine and engine the table that follows was measured.
pub fn print_setting(engine: &str, version: impl Display, what: impl Display) {
    let cpus = thread::available_parallelism().map_or(0, usize::from);
    println!("\n{engine} {version}, {cpus} CPUs, {what}");
}
