//! Draws what was measured as SVG, with a background of its own, so that it reads the same on
//! light and dark pages.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::growth::{MEDIANS, Measured, Point, Series, TARGET_BYTES};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/plots");
const WIDTH: u32 = 1000;
const HEIGHT: u32 = 500;
/// Below the panels, for the machine and the versions.
const FOOT: u32 = 48;
/// Below each panel, for its legend.
const LEGEND: u32 = 94;

/// Where a log scale of megabytes begins.
const LEAST: f64 = 0.1;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(36, 41, 47);
const FAINT: RGBColor = RGBColor(225, 228, 232);
const RED: RGBColor = RGBColor(207, 34, 46);

/// One quantity of all engines, a panel each.
struct Chart {
    file: &'static str,
    title: &'static str,
    axis: &'static str,
    value: fn(&Point) -> f64,
    /// A line that values should stay below, and what it is.
    limit: Option<(f64, &'static str)>,
    note: &'static str,
}

const CHARTS: [Chart; 2] = [
    Chart {
        file: "seed-speed",
        title: "Seeding a new table with streamed rows",
        axis: "thousand rows per second",
        value: |point| point.rows_per_second / 1e3,
        limit: None,
        note: "",
    },
    Chart {
        file: "seed-memory",
        title: "Memory for seeding a new table with streamed rows",
        axis: "growth of peak memory in MB, log scale",
        value: |point| (point.growth / 1e6).max(LEAST),
        limit: Some((TARGET_BYTES / 1e6, "target: below 64 MB")),
        note: "; the server's memory is not counted",
    },
];

/// Writes a file for each quantity, and says so.
pub fn draw(measured: &[Measured]) {
    if measured
        .iter()
        .any(|engine| engine.series.iter().any(|series| series.points.len() < 2))
    {
        println!("\nNo plots: two sizes at least make a line.");
        return;
    }
    std::fs::create_dir_all(DIRECTORY).expect("a writable directory");
    println!();
    for chart in CHARTS {
        // A plot of one engine does not replace that of both.
        let file = match measured {
            [_] => format!("{}-sqlite.svg", chart.file),
            _ => format!("{}.svg", chart.file),
        };
        let path = Path::new(DIRECTORY).join(&file);
        draw_chart(&chart, measured, &path).expect("a writable file");
        println!("drawn: benches/plots/{file}");
    }
}

fn draw_chart(chart: &Chart, measured: &[Measured], path: &Path) -> Drawn {
    let root = SVGBackend::new(path, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root
        .margin(8, 0, 0, 0)
        .titled(chart.title, text(21).color(&INK))?;
    let (body, foot) = root.split_vertically(root.dim_in_pixel().1 - FOOT);
    let panels = body.split_evenly((1, measured.len()));
    // One scale for all engines, so that they compare.
    let values = measured.iter().flat_map(|engine| &engine.series);
    let values = values.flat_map(|series| series.points.iter().map(chart.value));
    let most = values
        .chain(chart.limit.map(|(limit, _)| limit))
        .fold(0.0, f64::max);
    for (engine, panel) in measured.iter().zip(&panels) {
        match chart.limit {
            None => draw_panel(chart, engine, 0.0..most * 1.1, panel)?,
            // Far away from what is measured.
            Some(_) => draw_panel(chart, engine, (LEAST..most * 1.6).log_scale(), panel)?,
        }
    }
    for (line, at) in footnotes(chart, measured).iter().zip([10, 30]) {
        foot.draw(&Text::new(line.as_str(), (24, at), text(13).color(&INK)))?;
    }
    root.present()?;
    Ok(())
}

fn text(size: i32) -> FontDesc<'static> {
    (FONT, size).into_font()
}

fn draw_panel<Y>(chart: &Chart, engine: &Measured, values: Y, panel: &Area<'_>) -> Drawn
where
    Y: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
{
    let (panel, legend) = panel.split_vertically(panel.dim_in_pixel().1 - LEGEND);
    let sizes: Vec<f64> = engine.series[0]
        .points
        .iter()
        .map(|point| point.rows)
        .collect();
    let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
    let mut axes = ChartBuilder::on(&panel)
        .caption(&engine.engine, text(17).color(&INK))
        .margin_left(12)
        .margin_right(24)
        .x_label_area_size(44)
        .y_label_area_size(66)
        .build_cartesian_2d((first..last).log_scale().with_key_points(sizes), values)?;
    axes.configure_mesh()
        .x_desc("rows, log scale")
        .y_desc(chart.axis)
        .x_label_formatter(&|rows| count(*rows))
        .y_label_formatter(&|value| value.to_string())
        .y_labels(8)
        .label_style(text(14).color(&INK))
        .axis_desc_style(text(15).color(&INK))
        .bold_line_style(FAINT)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .draw()?;
    if let Some((limit, what)) = chart.limit {
        let line = [(first, limit), (last, limit)];
        axes.draw_series(LineSeries::new(line, RED.stroke_width(2)))?;
        let style = text(14).color(&RED).pos(Pos::new(HPos::Right, VPos::Top));
        axes.draw_series([Text::new(what, (last, limit * 0.94), style)])?;
    }
    // The one that it is about on top of the others.
    let mut series: Vec<&Series> = engine.series.iter().collect();
    series.sort_by_key(|series| series.name == "Seed");
    for series in series {
        let look = Look::of(series.name);
        let points = || {
            series
                .points
                .iter()
                .map(|point| (point.rows, (chart.value)(point)))
        };
        axes.draw_series(LineSeries::new(points(), look.line()))?;
        axes.draw_series(points().map(|at| Circle::new(at, look.dot, look.colour.filled())))?;
    }
    for (series, at) in engine.series.iter().zip((14..).step_by(20)) {
        let look = Look::of(series.name);
        legend.draw(&PathElement::new([(78, at), (106, at)], look.line()))?;
        legend.draw(&Circle::new((92, at), look.dot, look.colour.filled()))?;
        let style = text(14).color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
        legend.draw(&Text::new(series.name, (114, at), style))?;
    }
    Ok(())
}

/// Colours that also those can tell apart who see fewer of them.
struct Look {
    colour: RGBColor,
    width: u32,
    dot: i32,
}

impl Look {
    fn of(name: &str) -> Self {
        let (colour, width, dot) = match name {
            "Seed" => (RGBColor(0, 90, 181), 4, 6),
            _ if name.starts_with("Diesel") => (RGBColor(120, 120, 120), 2, 4),
            _ if name.starts_with("UNNEST") => (RGBColor(0, 158, 115), 2, 4),
            _ => (RGBColor(213, 94, 0), 2, 4),
        };
        Self { colour, width, dot }
    }

    fn line(&self) -> ShapeStyle {
        self.colour.stroke_width(self.width)
    }
}

/// A number of rows as people say it.
fn count(rows: f64) -> String {
    if rows >= 1e6 {
        format!("{:.0} M", rows / 1e6)
    } else {
        format!("{:.0} k", rows / 1e3)
    }
}

fn footnotes(chart: &Chart, measured: &[Measured]) -> [String; 2] {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let engines: Vec<&str> = measured
        .iter()
        .map(|engine| engine.engine.as_str())
        .collect();
    [
        format!("{}, {cpus} CPUs; {MEDIANS}{}", processor(), chart.note),
        format!(
            "covara-diesel {}, Diesel {}, {}",
            locked_version("covara-diesel"),
            locked_version("diesel"),
            engines.join(", ")
        ),
    ]
}

fn processor() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = known
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = line.and_then(|line| line.split_once(": "));
    name.map_or("unknown processor", |(_, name)| name)
        .to_owned()
}

fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let entry = lock.split_once(&format!("name = \"{package}\"\nversion = \""));
    entry
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or("of unknown version")
}
