//! The plot: bytes at 64 KiB relative to the best peer, one line a pair, on a logarithmic scale.
//!
//! Its own background keeps it readable wherever it is shown; a dark one is taken where the reader prefers it.

use std::fmt::Write as _;

use crate::Row;
use crate::report::mean_and_worst;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 790.0;
const TOP: f64 = 92.0;
const STEP: f64 = 22.0;

/// Smallest and greatest ratio that the axis shows.
const AXIS: (f64, f64) = (0.02, 3.0);

/// Which of the profiles is drawn: 64 KiB.
const PROFILE: usize = 1;

const STYLE: &str = "\
text{font-size:13px;font-family:system-ui,sans-serif;fill:#24292f}\
.small{font-size:12px;fill:#57606a}.title{font-size:16px;font-weight:600}\
.back{fill:#ffffff}.grid{stroke:#d0d7de}.one{stroke:#24292f;stroke-width:1.5}\
.issue{fill:#0969da}.held{fill:#bc4c00}.other{fill:none;stroke:#6e7781;stroke-width:1.5}\
.bar-issue{stroke:#0969da}.bar-held{stroke:#bc4c00}.bar{stroke-width:3;opacity:.45}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.back{fill:#0d1117}\
.grid{stroke:#30363d}.one{stroke:#e6edf3}.issue{fill:#58a6ff}.held{fill:#f0883e}.other{stroke:#9198a1}\
.bar-issue{stroke:#58a6ff}.bar-held{stroke:#f0883e}}";

/// Where a ratio stands on the axis.
fn place(ratio: f64) -> f64 {
    let part = (ratio.clamp(AXIS.0, AXIS.1) / AXIS.0).ln() / (AXIS.1 / AXIS.0).ln();
    LEFT + part * (RIGHT - LEFT)
}

/// The plot of these pairs.
pub fn svg(rows: &[Row]) -> String {
    let mut ordered: Vec<&Row> = rows.iter().filter(|row| row.pair.issue).collect();
    let issue = ordered.len();
    ordered.extend(rows.iter().filter(|row| !row.pair.issue));
    let gap = STEP;
    let bottom = TOP + STEP * ordered.len() as f64 + gap;
    let height = bottom + 62.0;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Bytes of lightday's patches relative to the best peer, pair by pair\">\n\
         <style>{STYLE}</style>\n<rect class=\"back\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n\
         <text class=\"title\" x=\"20\" y=\"30\">Patch size relative to the best of nine delta tools, 64 KiB of RAM</text>"
    );
    legend(&mut text);
    axis(&mut text, bottom);
    for (at, row) in ordered.into_iter().enumerate() {
        let below = if at < issue { 0.0 } else { gap };
        line(&mut text, row, TOP + STEP * (at as f64 + 0.5) + below);
    }
    let mean = |issue| {
        mean_and_worst(rows, issue, PROFILE)
            .map_or("none".to_owned(), |(mean, _)| format!("{mean:.3}"))
    };
    let _ = writeln!(
        text,
        "<text class=\"small\" x=\"20\" y=\"{}\">Geometric means: {} over the pairs of the targets, {} over the held-out \
         ones. Left is smaller.</text>\n</svg>",
        height - 14.0,
        mean(true),
        mean(false)
    );
    text
}

fn legend(text: &mut String) {
    for (x, class, words) in [
        (26.0, "issue", "lightday, pairs of the targets"),
        (246.0, "held", "lightday, held-out pairs"),
        (430.0, "other", "bsdiff"),
    ] {
        let _ = writeln!(
            text,
            "<circle class=\"{class}\" cx=\"{x}\" cy=\"52\" r=\"5\"/><text class=\"small\" x=\"{}\" y=\"56\">{words}</text>",
            x + 11.0
        );
    }
    let _ = writeln!(
        text,
        "<line class=\"one\" x1=\"506\" x2=\"506\" y1=\"44\" y2=\"60\"/><text class=\"small\" x=\"514\" y=\"56\">best peer</text>"
    );
}

fn axis(text: &mut String, bottom: f64) {
    for tick in [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0] {
        let x = place(tick);
        let class = if tick == 1.0 { "one" } else { "grid" };
        let _ = writeln!(
            text,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text class=\"small\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">{tick}</text>\
             <text class=\"small\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">{tick}</text>",
            TOP - 8.0,
            bottom + 18.0
        );
    }
}

fn line(text: &mut String, row: &Row, y: f64) {
    let name = row.pair.name.replace('&', "&amp;").replace('<', "&lt;");
    let base = y + 4.5;
    let _ = writeln!(
        text,
        "<text text-anchor=\"end\" x=\"{}\" y=\"{base}\">{name}</text>",
        LEFT - 14.0
    );
    let bsdiff = row.peer.sizes.get("bsdiff").copied().unwrap_or(0) as f64 / row.peer.best as f64;
    let other = place(bsdiff);
    let _ = writeln!(
        text,
        "<circle class=\"other\" cx=\"{other:.1}\" cy=\"{y}\" r=\"4\"/>"
    );
    let ratio = row.ratio(PROFILE);
    let class = if row.pair.issue { "issue" } else { "held" };
    let (x, one) = (place(ratio), place(1.0));
    let _ = writeln!(
        text,
        "<line class=\"bar bar-{class}\" x1=\"{one:.1}\" x2=\"{x:.1}\" y1=\"{y}\" y2=\"{y}\"/>\
         <circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y}\" r=\"5.5\"><title>{name}: {ratio:.3}</title></circle>\
         <text class=\"small\" text-anchor=\"end\" x=\"{}\" y=\"{base}\">{ratio:.2}</text>",
        WIDTH - 14.0
    );
}
