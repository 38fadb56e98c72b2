//! Tables of alternating runs, with their ratios.

use std::time::{Duration, Instant};

use super::measure::{median, quantile, short};

/// What is measured by turns; the first is the baseline.
pub struct Comparison {
    title: String,
    names: Vec<&'static str>,
    times: Vec<Vec<Duration>>,
}

impl Comparison {
    pub fn new(title: impl Into<String>, names: &[&'static str]) -> Self {
        Self {
            title: title.into(),
            names: names.to_vec(),
            times: vec![Vec::new(); names.len()],
        }
    }

    pub fn add(&mut self, contestant: usize, time: Duration) {
        self.times[contestant].push(time);
    }

    /// The speed is the median over the rounds of `baseline's time / time in that round`:
    /// neighbours in time share whatever else the machine is doing.
    pub fn print(&self) {
        let rounds = self.times[0].len();
        println!("\n{} (medians of {rounds} alternating runs)", self.title);
        println!(
            "  {:<36} {:>10} {:>10} {:>10} {:>8}",
            "", "median", "fastest", "slowest", "speed"
        );
        for (name, times) in self.names.iter().zip(&self.times) {
            assert_eq!(times.len(), rounds, "{name} was not measured in each round");
            let ratios = times.iter().zip(&self.times[0]);
            let ratios = ratios.map(|(time, base)| base.as_secs_f64() / time.as_secs_f64());
            println!(
                "  {name:<36} {:>10} {:>10} {:>10} {:>7.2}x",
                short(median(times)),
                short(quantile(times, 0.0)),
                short(quantile(times, 1.0)),
                median(&ratios.collect::<Vec<_>>()),
            );
        }
    }
}

pub fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}
