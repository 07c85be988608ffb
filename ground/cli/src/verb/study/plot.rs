//! The plot of a study: in how many of the trials the payload is whole by then, on a logarithmic axis of hours.

use std::fmt::Write as _;

use lightday_sim::study::Study;

use super::delivery::protocols;
use crate::svg;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 830.0;
const TOP: f64 = 96.0;
const BOTTOM: f64 = 400.0;
/// Points of a curve at the most.
const POINTS: usize = 400;

const STYLE: &str = "\
.line{fill:none;stroke-width:2.2}.p0{stroke:#0969da}.p1{stroke:#bc4c00}.p2{stroke:#8250df}\
.p3{stroke:#1a7f37;stroke-dasharray:5 4}\
@media(prefers-color-scheme:dark){.p0{stroke:#58a6ff}.p1{stroke:#f0883e}.p2{stroke:#bc8cff}.p3{stroke:#3fb950}}";

/// The axis of hours.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn of(study: &Study) -> Self {
        let all = || {
            protocols(study)
                .into_iter()
                .flat_map(|(_, _, of)| of.hours.iter().copied())
        };
        let from = all().fold(f64::INFINITY, f64::min);
        let to = all().fold(0.0, f64::max);
        // Without a trial that ended there is nothing to draw but the frame.
        match from.is_finite() {
            true => Self {
                from: from.max(1e-3) * 0.95,
                to: to.max(1e-3) * 1.1,
            },
            false => Self {
                from: 1.0,
                to: 10.0,
            },
        }
    }

    fn place(&self, hours: f64) -> f64 {
        let part = (hours.max(self.from) / self.from).ln() / (self.to / self.from).ln();
        LEFT + part * (RIGHT - LEFT)
    }

    /// Round numbers on the axis: 1, 2 and 5 times powers of ten.
    fn marks(&self) -> Vec<f64> {
        let low = self.from.log10().floor() as i32;
        let high = self.to.log10().ceil() as i32;
        let all = (low..=high).flat_map(|power| [1.0, 2.0, 5.0].map(|n| n * 10f64.powi(power)));
        all.filter(|hours| (self.from..=self.to).contains(hours))
            .collect()
    }
}

fn height(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

/// The plot.
pub fn svg(study: &Study, title: &str) -> String {
    let axis = Axis::of(study);
    let mut text = svg::begin(
        (WIDTH, HEIGHT),
        STYLE,
        "Share of the trials in which the payload is whole, over hours",
        ("Whole on board: share of the trials over hours", title),
    );
    grid(&mut text, &axis);
    for (place, (name, _, of)) in protocols(study).into_iter().enumerate() {
        let x = 20.0 + 150.0 * place as f64;
        let _ = writeln!(
            text,
            "<line class=\"line p{place}\" x1=\"{x}\" x2=\"{}\" y1=\"70\" y2=\"70\"/><text x=\"{}\" y=\"75\">{name}</text>",
            x + 26.0,
            x + 32.0
        );
        curve(&mut text, &axis, place, &of.hours, of.incomplete);
    }
    text.push_str("</svg>\n");
    text
}

fn grid(text: &mut String, axis: &Axis) {
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = height(share);
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y}\" y2=\"{y}\"/>\
             <text class=\"small\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{} %</text>",
            LEFT - 8.0,
            y + 4.0,
            share * 100.0
        );
    }
    for hours in axis.marks() {
        let x = axis.place(hours);
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text class=\"small\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{hours} h</text>",
            BOTTOM + 20.0
        );
    }
}

/// A curve that ends where the last trial does; trials without an end keep it below the top.
fn curve(text: &mut String, axis: &Axis, place: usize, hours: &[f64], incomplete: u32) {
    let Some(first) = hours.first() else { return };
    let all = (hours.len() + incomplete as usize) as f64;
    let mut path = format!("M{:.1} {BOTTOM}", axis.place(*first));
    let step = hours.len().div_ceil(POINTS);
    let drawn = |at: &usize| at.is_multiple_of(step) || at + 1 == hours.len();
    for at in (0..hours.len()).filter(drawn) {
        let x = hours.get(at).map_or(LEFT, |h| axis.place(*h));
        let _ = write!(path, "L{x:.1} {:.1}", height((at + 1) as f64 / all));
    }
    let _ = writeln!(text, "<path class=\"line p{place}\" d=\"{path}\"/>");
}
