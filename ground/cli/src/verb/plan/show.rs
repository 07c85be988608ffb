//! A plan for people, and for machines.

use lightday_station::plan::Plan;
use serde_json::{Value, json};

use crate::error::Result;
use crate::mission::Mission;
use crate::mission::artifact::kind_name;
use crate::out::{self, Table};
use crate::time::{show_duration, show_instant};
use crate::verb::asked::Asked;
use crate::verb::describe;

/// The certificate of each object: the chance that it is complete on board without any further feedback, computed
/// exactly under the link of mission.toml and passes.csv, and what it stands on. There is none of what by the twin the
/// vehicle would not take.
pub fn certificate(plan: &Plan, asked: &Asked) -> Value {
    let objects = plan.objects.iter().map(|o| {
        let probability = Some(o.probability).filter(|_| !asked.is_in_vain(o.kind, o.number));
        json!({ "kind": kind_name(o.kind), "number": o.number.get(), "probability": probability, "frames": o.frames,
            "needed": o.needed, "in_flight": o.in_flight })
    });
    json!(objects.collect::<Vec<_>>())
}

/// The plan in JSON: numbers, no frame by frame list.
pub fn to_json(plan: &Plan) -> Value {
    json!({
        "enough": plan.is_enough(),
        "target": plan.target,
        "antenna_h": plan.antenna_h(),
        "frames": plan.frames.len(),
        "bytes": plan.bytes,
        "bytes_total": plan.bytes.total(),
        "objects": plan.objects.iter().map(|o| json!({
            "kind": kind_name(o.kind), "number": o.number.get(), "k": o.k, "symbol_bytes": o.symbol_len,
            "needed": o.needed, "in_flight": o.in_flight, "frames": o.frames, "frames_by_pass": o.frames_by_pass, "probability": o.probability,
            "enough": o.enough, "earliest_s": o.earliest_s, "p50_s": o.quantiles_s[0],
            "p90_s": o.quantiles_s[1], "p99_s": o.quantiles_s[2],
            "planned_s": o.planned_s, "known_earliest_s": o.known_earliest_s,
            "known_p50_s": o.known_quantiles_s[0], "known_p90_s": o.known_quantiles_s[1],
            "known_p99_s": o.known_quantiles_s[2], "known_s": o.known_s,
        })).collect::<Vec<_>>(),
        "passes": plan.passes.iter().map(|p| json!({
            "start_s": p.pass.start_s, "end_s": p.pass.end_s, "station": p.pass.station,
            "frames": p.frames, "bytes": p.bytes, "air_time_s": p.air_time_ms as f64 / 1000.0,
        })).collect::<Vec<_>>(),
    })
}

/// Shows a plan.
pub fn show(plan: &Plan, mission: &Mission) -> Result<()> {
    let mut bytes = Table::headed(["bytes", "", "air time"]);
    let b = &plan.bytes;
    // Each byte takes its share: the passes that it goes up in may have rates of their own.
    let byte_s = plan.antenna_h() * 3600.0 / b.total().max(1) as f64;
    let rows = [
        ("payload", b.payload),
        ("envelope", b.envelope),
        ("padding", b.padding),
        ("parity", b.parity),
        ("headers", b.headers),
        ("tags", b.tags),
        ("encapsulation", b.encapsulation),
        ("= on the air", b.total()),
    ];
    for (name, n) in rows {
        bytes.row([
            name.to_owned(),
            n.to_string(),
            show_duration(n as f64 * byte_s),
        ]);
    }
    let mut objects = Table::headed([
        "object",
        "K",
        "symbol",
        "needed",
        "on their way",
        "frames",
        "probability",
    ]);
    for o in &plan.objects {
        objects.row([
            format!("{} {}", kind_name(o.kind), o.number),
            o.k.to_string(),
            o.symbol_len.to_string(),
            o.needed.to_string(),
            o.in_flight.to_string(),
            o.frames.to_string(),
            describe::probability(o.probability),
        ]);
    }
    let mut passes = Table::headed(["pass", "until", "station", "frames", "bytes", "sending"]);
    for p in plan.passes.iter().filter(|p| p.frames > 0) {
        passes.row([
            show_instant(p.pass.start_s),
            show_instant(p.pass.end_s),
            p.pass.station.clone(),
            p.frames.to_string(),
            p.bytes.to_string(),
            show_duration(p.air_time_ms as f64 / 1000.0),
        ]);
    }
    let begin_s = plan.passes.first().map_or(0, |p| p.pass.start_s);
    out::result(&format!(
        "{objects}\n{}\n{bytes}\n{passes}\n{}, {:.2} h of antenna at {}, light time {} one way\n",
        milestones(plan),
        describe::count(plan.frames.len() as u64, "frame"),
        plan.antenna_h(),
        describe::rates(plan, &mission.profile.link),
        show_duration(mission.light_time().at(begin_s) as f64),
    ))
}

/// When an object can be, with which chance is, and is planned to be complete: on board, and in a report of just that.
fn milestones(plan: &Plan) -> Table {
    let mut table = Table::headed([
        "object",
        "milestone",
        "on board at",
        "known on the ground at",
    ]);
    let instant = |s: Option<u64>| s.map_or_else(|| "-".to_owned(), show_instant);
    for o in &plan.objects {
        let planned = format!(
            "planned: the last frame, {}",
            describe::probability(o.probability)
        );
        let [p50, p90, p99] = o.quantiles_s;
        let [known_p50, known_p90, known_p99] = o.known_quantiles_s;
        let rows = [
            (
                "earliest: no frame is lost",
                o.earliest_s,
                o.known_earliest_s,
            ),
            ("p50: half of all cases", p50, known_p50),
            ("p90", p90, known_p90),
            ("p99", p99, known_p99),
            (&planned, o.planned_s, o.known_s),
        ];
        for (milestone, on_board, known) in rows {
            table.row([
                format!("{} {}", kind_name(o.kind), o.number),
                milestone.to_owned(),
                instant(on_board),
                instant(known),
            ]);
        }
    }
    table
}
