//! What came of a sample.

use std::fmt;

use crate::mutant::Mutant;
use crate::trial::Verdict;

/// What came of one mutant.
pub enum Outcome {
    Noticed(String),
    Endless(String),
    Unclear(String),
    Missed,
    DoesNotCompile,
    Equivalent(String),
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::NoticedBy(test) => Self::Noticed(test),
            Verdict::EndlessIn(step) => Self::Endless(step),
            Verdict::UnclearIn(step) => Self::Unclear(step),
            Verdict::Missed => Self::Missed,
        }
    }
}

pub struct Report {
    seed: u64,
    possible: usize,
    outcomes: Vec<(&'static str, String, Outcome)>,
}

impl Report {
    pub fn new(seed: u64, possible: usize) -> Self {
        Self {
            seed,
            possible,
            outcomes: Vec::new(),
        }
    }

    pub fn add(&mut self, mutant: &Mutant, outcome: Outcome) {
        let (what, why) = match &outcome {
            Outcome::Noticed(test) => ("noticed", test.as_str()),
            Outcome::Endless(step) => ("does not end", step.as_str()),
            Outcome::Unclear(step) => ("unclear", step.as_str()),
            Outcome::Missed => ("MISSED", ""),
            Outcome::DoesNotCompile => ("does not compile", ""),
            Outcome::Equivalent(reason) => ("equivalent", reason.as_str()),
        };
        println!("{what}: {} ({}) {why}", mutant.name, mutant.area.name);
        self.outcomes
            .push((mutant.area.name, mutant.name.clone(), outcome));
    }

    /// Whether no mutant was missed.
    pub fn complete(&self) -> bool {
        self.count(None, |outcome| matches!(outcome, Outcome::Missed)) == 0
    }

    fn count(&self, area: Option<&str>, is: impl Fn(&Outcome) -> bool) -> usize {
        let of_area = |name: &str| area.is_none_or(|area| area == name);
        let counted = self
            .outcomes
            .iter()
            .filter(|(name, _, outcome)| of_area(name) && is(outcome));
        counted.count()
    }

    /// Writes it to a file, with the test that noticed each mutant.
    pub fn write(&self) -> Result<(), String> {
        let mut text = format!("{self}\n## All\n\n");
        for (area, name, outcome) in &self.outcomes {
            let said = match outcome {
                Outcome::Noticed(test) => format!("noticed by {test}"),
                Outcome::Endless(step) => format!("{step} does not end"),
                Outcome::Unclear(step) => format!("{step} fails by chance"),
                Outcome::Missed => "missed".to_owned(),
                Outcome::DoesNotCompile => "does not compile".to_owned(),
                Outcome::Equivalent(reason) => format!("equivalent: {reason}"),
            };
            text.push_str(&format!("- {area}: `{name}`: {said}\n"));
        }
        let path = "target/mutants/report.md";
        std::fs::write(path, text).map_err(|error| format!("{path}: {error}"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{} of {} mutants, seed {}\n",
            self.outcomes.len(),
            self.possible,
            self.seed
        )?;
        writeln!(
            f,
            "| Area | Noticed | Do not end | Missed | Unclear | Equivalent | Do not compile |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        let mut areas: Vec<&str> = self.outcomes.iter().map(|(area, ..)| *area).collect();
        areas.sort_unstable();
        areas.dedup();
        for area in areas.into_iter().map(Some).chain([None]) {
            let count = |is: fn(&Outcome) -> bool| self.count(area, is);
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} |",
                area.unwrap_or("all"),
                count(|outcome| matches!(outcome, Outcome::Noticed(_))),
                count(|outcome| matches!(outcome, Outcome::Endless(_))),
                count(|outcome| matches!(outcome, Outcome::Missed)),
                count(|outcome| matches!(outcome, Outcome::Unclear(_))),
                count(|outcome| matches!(outcome, Outcome::Equivalent(_))),
                count(|outcome| matches!(outcome, Outcome::DoesNotCompile)),
            )?;
        }
        let missed = self.count(None, |outcome| matches!(outcome, Outcome::Missed));
        let noticed = self.count(None, |outcome| {
            matches!(outcome, Outcome::Noticed(_) | Outcome::Endless(_))
        });
        let share = 100.0 * noticed as f64 / (noticed + missed).max(1) as f64;
        writeln!(
            f,
            "\nNoticed {noticed} of {}: {share:.1} %.",
            noticed + missed
        )?;
        for (area, name, outcome) in &self.outcomes {
            if matches!(outcome, Outcome::Missed) {
                writeln!(f, "- missed ({area}): `{name}`")?;
            }
        }
        Ok(())
    }
}
