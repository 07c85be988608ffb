//! `lightday plan --svg`: passes, what is sent in them, and when it is on board and known, on one axis of time.
//!
//! ```text
//!  ground    [####|    ]     [##|      ]      passes, in them what is sent; outages behind them
//!  on board           [####]         [##]     the same a light time later, and the milestones
//!  known                          o    o      when a report can tell
//! ```

use std::fmt::Write as _;

use lightday_station::light_time::LightTime;
use lightday_station::plan::{ObjectPlan, PassPlan, Plan};

use crate::mission::Mission;
use crate::mission::artifact::kind_name;
use crate::mission::config::Outage;
use crate::svg::{self, escaped};
use crate::time::{DAY_S, show_duration, show_instant};
use crate::verb::describe;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 120.0;
const RIGHT: f64 = 930.0;
/// Where the lane of the ground begins, and how far it is from one lane to the next.
const TOP: f64 = 92.0;
const LANE: f64 = 54.0;
const BAR: f64 = 22.0;
/// Height of the lane of one object.
const OBJECT: f64 = 62.0;
/// Marks on the axis of time at the most.
const MARKS: u64 = 12;

const STYLE: &str = "\
.pass{fill:#ddf4ff;stroke:#54aeff}.sent{fill:#0969da}.there{fill:#1a7f37}.outage{fill:#ffebe9;stroke:#ff8182}\
.board{fill:#1a7f37}.known{fill:#8250df}.way{stroke:#57606a;stroke-dasharray:3 3;fill:none}\
@media(prefers-color-scheme:dark){.pass{fill:#0c2d4a;stroke:#1f6feb}.sent{fill:#58a6ff}.there{fill:#3fb950}\
.outage{fill:#3c1414;stroke:#f85149}.board{fill:#3fb950}.known{fill:#bc8cff}.way{stroke:#9198a1}}";

/// The axis of time.
struct Axis {
    from_s: u64,
    to_s: u64,
}

impl Axis {
    /// From the first pass that is used to the last milestone.
    fn of(plan: &Plan) -> Self {
        let used = || plan.passes.iter().filter(|p| p.frames > 0);
        let from_s = used().map(|p| p.pass.start_s).min().unwrap_or(0);
        let ends = used().map(|p| p.pass.end_s);
        let milestones = plan.objects.iter().flat_map(milestones).map(|(_, s, _)| s);
        let to_s = ends.chain(milestones).max().unwrap_or(from_s + DAY_S);
        let margin_s = (to_s - from_s) / 40 + 60;
        Self {
            from_s: from_s.saturating_sub(margin_s),
            to_s: to_s + margin_s,
        }
    }

    fn place(&self, at_s: u64) -> f64 {
        let part = at_s.saturating_sub(self.from_s) as f64 / (self.to_s - self.from_s) as f64;
        LEFT + part.min(1.0) * (RIGHT - LEFT)
    }

    fn shows(&self, from_s: u64, to_s: u64) -> bool {
        from_s < self.to_s && to_s > self.from_s
    }

    /// Round instants: so many hours or days apart that there are not too many of them.
    fn marks(&self) -> impl Iterator<Item = u64> + use<> {
        let span_s = self.to_s - self.from_s;
        let steps = [
            1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 672, 1344, 2688, 5376, 10_752,
        ];
        let mut steps = steps.iter().map(|h| h * 3600);
        let step_s = steps.find(|s| span_s / s <= MARKS).unwrap_or(span_s.max(1));
        let first = self.from_s.div_ceil(step_s);
        let last = self.to_s / step_s;
        (first..=last).map(move |n| n * step_s)
    }
}

/// What is worth a mark: its name, when it is, and whether it is on the ground.
fn milestones(object: &ObjectPlan) -> Vec<(&'static str, u64, bool)> {
    let [p50, p90, p99] = object.quantiles_s;
    let [known_p50, known_p90, known_p99] = object.known_quantiles_s;
    let all = [
        ("earliest", object.earliest_s, false),
        ("p50", p50, false),
        ("p90", p90, false),
        ("p99", p99, false),
        ("planned", object.planned_s, false),
        ("earliest", object.known_earliest_s, true),
        ("p50", known_p50, true),
        ("p90", known_p90, true),
        ("p99", known_p99, true),
        ("planned", object.known_s, true),
    ];
    let there = all
        .into_iter()
        .filter_map(|(name, s, known)| Some((name, s?, known)));
    there.collect()
}

/// The timeline of a plan.
pub fn draw(plan: &Plan, mission: &Mission) -> String {
    let axis = Axis::of(plan);
    let bottom = TOP + 2.0 * LANE + OBJECT * plan.objects.len() as f64;
    let height = bottom + 44.0;
    let title = format!(
        "{}: {}, {:.2} h of antenna",
        mission.config.vehicle.name,
        describe::count(plan.frames.len() as u64, "frame"),
        plan.antenna_h()
    );
    let below = format!(
        "{} B on the air, light time {} one way as it begins; UTC",
        plan.bytes.total(),
        show_duration(mission.light_time().at(axis.from_s) as f64)
    );
    let mut text = svg::begin(
        (WIDTH, height),
        STYLE,
        "Passes, what is sent in them, and when it is on board and known",
        (&title, &below),
    );
    grid(&mut text, &axis, bottom);
    outages(&mut text, &axis, &mission.config.outages, bottom);
    let lane = |text: &mut String, name: &str, y: f64| {
        let _ = writeln!(text, "<text x=\"20\" y=\"{}\">{name}</text>", y + BAR - 6.0);
    };
    lane(&mut text, "sent", TOP);
    lane(&mut text, "on board", TOP + LANE);
    for pass in plan
        .passes
        .iter()
        .filter(|p| axis.shows(p.pass.start_s, p.pass.end_s))
    {
        self::pass(&mut text, &axis, pass, mission.light_time());
    }
    for (place, object) in plan.objects.iter().enumerate() {
        let y = TOP + 2.0 * LANE + OBJECT * place as f64;
        lane(
            &mut text,
            &format!("{} {}", kind_name(object.kind), object.number),
            y,
        );
        self::object(&mut text, &axis, object, y);
    }
    text.push_str("</svg>\n");
    text
}

fn grid(text: &mut String, axis: &Axis, bottom: f64) {
    for at_s in axis.marks() {
        let x = axis.place(at_s);
        let instant = show_instant(at_s);
        let (day, clock) = (
            instant.get(5..10).unwrap_or(""),
            instant.get(11..16).unwrap_or(""),
        );
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\"/>\
             <text class=\"small\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{day}</text>\
             <text class=\"small\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{clock}</text>",
            TOP - 14.0,
            bottom + 16.0,
            bottom + 30.0
        );
    }
}

fn outages(text: &mut String, axis: &Axis, outages: &[Outage], bottom: f64) {
    for outage in outages.iter().filter(|o| axis.shows(o.start_s, o.end_s)) {
        let (x, end) = (axis.place(outage.start_s), axis.place(outage.end_s));
        let _ = writeln!(
            text,
            "<rect class=\"outage\" x=\"{x:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\"><title>{}</title></rect>\
             <text class=\"small\" x=\"{:.1}\" y=\"{}\">{}</text>",
            TOP - 14.0,
            end - x,
            bottom - TOP + 14.0,
            escaped(&outage.why),
            x + 4.0,
            TOP - 3.0,
            escaped(&outage.why)
        );
    }
}

/// A pass, what is sent in it, and when that arrives.
fn pass(text: &mut String, axis: &Axis, planned: &PassPlan, light: &LightTime) {
    let (start_s, end_s) = (planned.pass.start_s, planned.pass.end_s);
    let sent_s = start_s + planned.air_time_ms.div_ceil(1000);
    let bar = |text: &mut String, class: &str, y: f64, (from_s, to_s): (u64, u64)| {
        let (x, end) = (axis.place(from_s), axis.place(to_s));
        let _ = write!(
            text,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\">\
             <title>{} {} to {}: {}</title></rect>",
            (end - x).max(1.0),
            escaped(&planned.pass.station),
            show_instant(from_s),
            show_instant(to_s),
            describe::count(planned.frames.into(), "frame")
        );
    };
    bar(text, "pass", TOP, (start_s, end_s));
    if planned.frames > 0 {
        let there = (start_s + light.at(start_s), sent_s + light.at(sent_s));
        bar(text, "sent", TOP, (start_s, sent_s));
        bar(text, "there", TOP + LANE, there);
        let _ = write!(
            text,
            "<line class=\"way\" x1=\"{:.1}\" y1=\"{}\" x2=\"{:.1}\" y2=\"{}\"/>",
            axis.place(sent_s),
            TOP + BAR,
            axis.place(there.1),
            TOP + LANE
        );
    }
    text.push('\n');
}

/// The milestones of an object: on board above, known below.
fn object(text: &mut String, axis: &Axis, object: &ObjectPlan, y: f64) {
    let _ = writeln!(
        text,
        "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{0}\" y2=\"{0}\"/>",
        y + BAR / 2.0
    );
    let mut all = milestones(object);
    all.sort_by_key(|(_, at_s, _)| *at_s);
    for (name, at_s, known) in &all {
        let x = axis.place(*at_s);
        let (class, what) = if *known {
            ("known", "known")
        } else {
            ("board", "on board")
        };
        let _ = write!(
            text,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{}\" r=\"5\"><title>{name}, {what}: {}</title></circle>",
            y + BAR / 2.0,
            show_instant(*at_s)
        );
    }
    for (what, known, y) in [
        ("on board", false, y - 3.0),
        ("known", true, y + BAR + 18.0),
    ] {
        let _ = write!(
            text,
            "<text class=\"small\" x=\"{LEFT}\" y=\"{y}\">{what}: {}</text>",
            in_words(all.iter().filter(|(_, _, k)| *k == known))
        );
    }
    text.push('\n');
}

/// All milestones of a kind, ordered by their instants: a dot that hides another hides no name and no instant.
fn in_words<'a>(milestones: impl Iterator<Item = &'a (&'static str, u64, bool)>) -> String {
    let mut words = String::new();
    let mut before: Option<u64> = None;
    for (name, at_s, _) in milestones {
        if let Some(before_s) = before {
            let _ = match before_s == *at_s {
                true => write!(words, ", "),
                false => write!(words, " {}; ", day_and_clock(before_s)),
            };
        }
        words.push_str(name);
        before = Some(*at_s);
    }
    match before {
        Some(at_s) => words + " " + &day_and_clock(at_s),
        None => "no booked pass".to_owned(),
    }
}

/// Month, day and time, as on the axis, to the minute.
fn day_and_clock(at_s: u64) -> String {
    let instant = show_instant(at_s);
    let (day, clock) = (instant.get(5..10), instant.get(11..16));
    format!("{} {}", day.unwrap_or(""), clock.unwrap_or(""))
}
