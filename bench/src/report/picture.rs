//! What a handful of cases cost whom, as bars on a logarithmic scale: an SVG for the docs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Record;
use super::budget::in_full;
use super::series::read;
use super::table::{median, significant};
use crate::run::FLOOR;

/// The cases in the picture, from left to right: each with what is written below it.
const CASES: [(&str, [&str; 2]); 5] = [
    ("pubsub 1x1", ["pubsub 1x1", "RawSocket, MessagePack"]),
    ("pubsub 1x10", ["pubsub 1x10", "RawSocket, MessagePack"]),
    ("pubsub 10x10", ["pubsub 10x10", "RawSocket, MessagePack"]),
    ("pubsub 1x10 websocket+json", ["pubsub 1x10", "WebSocket, JSON"]),
    ("rpc 10x10 depth 64", ["rpc 10x10 depth 64", "RawSocket, MessagePack"]),
];

const SIZE: (u32, u32) = (960, 520);
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(32, 32, 32);
/// The floor is grey, ours is green; others follow. Colours that the colour-blind can tell apart.
const GREY: RGBColor = RGBColor(165, 165, 165);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const OTHERS: [RGBColor; 4] =
    [RGBColor(230, 159, 0), RGBColor(86, 180, 233), RGBColor(213, 94, 0), RGBColor(204, 121, 167)];
/// Of a group's width, so much is bars.
const BARS: f64 = 0.84;

/// Draws what some cases cost all contenders in records of earlier runs.
#[derive(Debug, Args)]
pub(crate) struct Picture {
    /// Files with a record a line, as `run` prints them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the SVG goes.
    #[arg(long)]
    out: PathBuf,
    /// The contender that is ours.
    #[arg(long, default_value = "router")]
    name: String,
    /// What the picture calls it.
    #[arg(long, default_value = "Cloverleaf")]
    label: String,
}

impl Picture {
    pub(crate) fn run(&self) -> Result<()> {
        let svg = draw(&read(&self.files)?, &self.name, &self.label)?;
        fs::write(&self.out, svg).with_context(|| format!("can't write {}", self.out.display()))
    }
}

/// The bars of one contender.
struct Contender {
    label: String,
    color: RGBColor,
    /// CPU seconds per million in each of [`CASES`], where there are records of it.
    costs: Vec<Option<f64>>,
}

/// The SVG.
fn draw(records: &[Record], ours: &str, label: &str) -> Result<String> {
    let contenders = contenders(records, ours, label);
    let range = range(contenders.iter().flat_map(|contender| contender.costs.iter().flatten().copied()));
    let range = range.context("there is no record of a case that is in the picture")?;
    let mut svg = String::new();
    paint(&mut svg, &contenders, range).map_err(|error| anyhow!("the picture can't be drawn: {error}"))?;
    ensure!(!svg.is_empty(), "the picture is empty");
    Ok(svg)
}

/// The floor, ours, and the others by their names.
fn contenders(records: &[Record], ours: &str, label: &str) -> Vec<Contender> {
    let cases: Vec<String> = CASES.iter().map(|(case, _)| in_full(case)).collect();
    let names: BTreeSet<&str> = records.iter().map(|record| record.contender.as_str()).collect();
    let others = names.iter().copied().filter(|name| *name != FLOOR && *name != ours);
    let others = others.zip(OTHERS.into_iter().cycle()).map(|(name, color)| (name, name, color));
    let first = [(FLOOR, "floor: a relay that routes nothing", GREY), (ours, label, GREEN)];
    let contender = |(name, label, color): (&str, &str, RGBColor)| {
        let cost = |case: &String| {
            let rounds = records.iter().filter(|record| record.contender == name && record.case == *case);
            median(rounds.filter_map(|record| record.cpu_seconds_per_million)).filter(|cost| *cost > 0.0)
        };
        Contender { label: label.to_owned(), color, costs: cases.iter().map(cost).collect() }
    };
    let all = first.into_iter().chain(others).map(contender);
    all.filter(|contender| contender.costs.iter().any(Option::is_some)).collect()
}

/// Whole powers of ten around all costs, with one more above for the legend.
fn range(costs: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let around = costs.fold(None, |range, cost| {
        let (low, high) = range.unwrap_or((cost, cost));
        Some((cost.min(low), cost.max(high)))
    });
    let (low, high) = around?;
    // There is to be something of the lowest bar, and room for the number above the highest.
    Some((10_f64.powf((low * 0.8).log10().floor()), 10_f64.powf((high * 1.6).log10().ceil() + 1.0)))
}

fn paint(
    svg: &mut String,
    contenders: &[Contender],
    (low, high): (f64, f64),
) -> Result<(), Box<dyn std::error::Error>> {
    // The lowest line has to be within the scale.
    let low = low * 0.99;
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let centered = |size: i32| {
        TextStyle::from((FONT, size).into_font()).color(&INK).pos(Pos::new(HPos::Center, VPos::Top))
    };
    let mut chart = ChartBuilder::on(&root)
        .caption("Processor time of the router per million events or calls", (FONT, 20, &INK))
        .margin(14)
        .x_label_area_size(52)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..CASES.len() as f64, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_desc("CPU seconds per million (logarithmic)")
        .y_label_formatter(&|cost| tick(*cost))
        .label_style((FONT, 13, &INK))
        .axis_desc_style((FONT, 14, &INK))
        .axis_style(INK)
        .bold_line_style(BLACK.mix(0.25))
        .light_line_style(BLACK.mix(0.08))
        .draw()?;
    let width = BARS / contenders.len() as f64;
    for (index, Contender { label, color, costs }) in contenders.iter().enumerate() {
        let left = |case: usize| case as f64 + (1.0 - BARS) / 2.0 + width * index as f64;
        let bars = || costs.iter().enumerate().filter_map(|(case, cost)| cost.map(|cost| (left(case), cost)));
        let swatch = *color;
        chart
            .draw_series(bars().map(|(left, cost)| {
                Rectangle::new([(left, low), (left + width * 0.94, cost)], color.filled())
            }))?
            .label(label)
            .legend(move |(x, y)| Rectangle::new([(x, y - 6), (x + 14, y + 6)], swatch.filled()));
        for (left, cost) in bars() {
            let (x, y) = chart.backend_coord(&(left + width * 0.47, cost));
            root.draw(&Text::new(significant(cost), (x, y - 14), centered(11)))?;
        }
    }
    for (case, (_, lines)) in CASES.iter().enumerate() {
        let (x, y) = chart.backend_coord(&(case as f64 + 0.5, low));
        for (line, text) in (0..).zip(lines) {
            root.draw(&Text::new(*text, (x, y + 8 + 18 * line), centered(13)))?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 13, &INK))
        .draw()?;
    root.present()?;
    Ok(())
}

/// A power of ten, which may have been computed a bit too small or too large.
fn tick(cost: f64) -> String {
    if cost >= 0.9 { format!("{cost:.0}") } else { format!("{cost:.3}").trim_end_matches('0').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::made_up;

    fn measured(case: &str, contender: &str, cost: f64) -> Record {
        Record { cpu_seconds_per_million: Some(cost), ..made_up(&in_full(case), contender) }
    }

    #[test]
    fn every_contender_and_case_is_in_the_picture() {
        let mut records = Vec::new();
        for (index, (case, _)) in CASES.iter().enumerate() {
            for (contender, cost) in [(FLOOR, 0.3), ("router", 0.6), ("another router", 11.0)] {
                records.push(measured(case, contender, cost + index as f64));
            }
        }
        let svg = draw(&records, "router", "Cloverleaf").unwrap();
        for text in ["a relay that routes nothing", "Cloverleaf", "another router", "CPU seconds per million"]
        {
            assert!(svg.contains(text), "{text}");
        }
        for text in CASES.iter().flat_map(|(_, lines)| lines) {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn whoever_has_no_record_of_these_cases_is_left_out() {
        let records = [measured("pubsub 1x1", "router", 0.5), measured("pubsub 2x3", "another router", 0.5)];
        let svg = draw(&records, "router", "Cloverleaf").unwrap();
        assert!(!svg.contains("another router") && !svg.contains("relay"));
        assert!(draw(&records[1..], "router", "Cloverleaf").is_err());
    }

    #[test]
    fn the_scale_is_of_whole_powers_of_ten() {
        assert_eq!(range([0.14, 11.0].into_iter()), Some((0.1, 1000.0)));
        assert_eq!(range([0.1].into_iter()), Some((0.01, 10.0)));
        assert_eq!(range([].into_iter()), None);
    }

    #[test]
    fn ticks_are_written_in_full() {
        assert_eq!([1000.0, 10.0, 0.999_999, 0.1, 0.01].map(tick), ["1000", "10", "1", "0.1", "0.01"]);
    }
}
