//! `lightday plan --target`: whether it is on board by then, and what would do if not.

use lightday_station::object::UplinkObject;
use lightday_station::plan::{ObjectPlan, Plan, Start};
use lightday_station::whatif::{Answer, PASS_S, Question, answer};
use lightday_wire::ObjectKind;
use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::mission::artifact::kind_name;
use crate::mission::config::Outage;
use crate::mission::{Mission, Pass, passes};
use crate::out;
use crate::time::{show_duration, show_instant};
use crate::verb::describe;

/// Asks whether all is on board by `by_s`.
///
/// # Errors
/// [`Kind::Plan`] if there is no plan for another reason than time.
pub fn ask(
    mission: &Mission,
    (objects, starts): (&[UplinkObject], &[Start]),
    booked: &[Pass],
    probability: f64,
    (now_s, by_s): (u64, u64),
) -> Result<Answer> {
    let link = mission.config.link_model();
    let blocked = blocked(mission)?;
    let question = Question {
        objects,
        starts,
        passes: booked,
        link: &link,
        target: probability,
        from_s: now_s.saturating_add(mission.config.plan.booking_lead_s()),
        shortest_s: mission.config.plan.shortest_pass_s(),
        by_s,
        blocked: &blocked,
    };
    let spinner = out::spinner("planning");
    let answered = answer(&question);
    spinner.finish_and_clear();
    let mut answered = answered.map_err(|e| Error::new(Kind::Plan, e).hint(e.hint()))?;
    // What is sent in time is heard of later: in all passes that are booked.
    if let Some(plan) = &mut answered.plan {
        plan.hear(&mission.passes()?, &link);
    }
    Ok(answered)
}

/// When no antenna can be had: outages, and what sends already.
fn blocked(mission: &Mission) -> Result<Vec<(u64, u64)>> {
    let sent = super::already_sent(mission)?;
    let busy = sent
        .iter()
        .filter(|s| s.went())
        .map(|s| (s.starts_s, s.ends_s));
    let outages = mission.config.outages.iter().map(Outage::span);
    Ok(passes::joined(outages.chain(busy)))
}

/// The answer in JSON.
pub fn to_json(answer: &Answer, by_s: u64) -> Value {
    let more = answer.more_passes.as_ref().map(|passes| {
        let one = |p: &Pass| json!({ "start_s": p.start_s, "end_s": p.end_s });
        passes.iter().map(one).collect::<Vec<_>>()
    });
    json!({
        "by_s": by_s, "done": answer.is_yes(), "leaves_by_s": answer.leaves_by_s,
        "more_passes": more, "probability_with_daily_passes": answer.most, "longest_bundle_bytes": answer.longest,
    })
}

/// The answer for people: what is, and if that does not do, what would.
///
/// # Errors
/// [`Kind::Plan`] if it is not done by then.
pub fn tell(
    answer: &Answer,
    objects: &[UplinkObject],
    by_s: u64,
    (now_s, light_s, probability): (u64, u64, f64),
) -> Result<()> {
    let by = show_instant(by_s);
    if let Some(plan) = answer.plan.as_ref().filter(|p| p.is_enough()) {
        return yes(plan, by_s);
    }
    let error = |what: String| Error::new(Kind::Plan, what).field("--target");
    if by_s <= now_s {
        return Err(
            error(format!("{by} is past: it is {} now", show_instant(now_s)))
                .hint("choose a later instant"),
        );
    }
    if answer.leaves_by_s <= now_s {
        let light = show_duration(light_s as f64);
        return Err(error(format!(
            "it cannot be done by {by}: light takes {light}, and it is {} now",
            show_instant(now_s)
        ))
        .hint("choose a later instant"));
    }
    let reached = reached(answer.plan.as_ref());
    out::message(format_args!(
        "The last bit that arrives by {by} leaves at {}. {reached}; {probability} was asked for.",
        show_instant(answer.leaves_by_s)
    ));
    ways(answer, objects).iter().for_each(out::message);
    Err(match &answer.more_passes {
        Some(_) => error(format!("it is not done by {by} as the passes are")).hint("book the passes that are named above, build a smaller patch, or ask for less with --probability"),
        None => error(format!(
            "it cannot be done by {by}, not even with a pass of {} every day: that reaches {}",
            show_duration(PASS_S as f64),
            describe::probability(answer.most)
        ))
        .hint("choose a later instant, build a smaller patch, or take a higher rate; where whole passes that get lost are the reason, ask for less with --probability"),
    })
}

fn yes(plan: &Plan, by_s: u64) -> Result<()> {
    let by = show_instant(by_s);
    let mut text = String::new();
    for o in &plan.objects {
        let name = format!("{} {}", kind_name(o.kind), o.number);
        let says = match o.needed {
            0 => format!("{name} is on board: the vehicle needs no symbol more"),
            _ => format!(
                "{name} is on board with {}, {} to spare: {}",
                describe::probability(o.probability),
                show_duration(by_s.saturating_sub(o.planned_s.unwrap_or(by_s)) as f64),
                goes_up(o)
            ),
        };
        text.push_str(&format!("By {by}: yes. {says}.\n"));
    }
    out::result(&text)
}

/// What it takes: frames of this plan, and those that are on their way.
fn goes_up(o: &ObjectPlan) -> String {
    let in_flight = describe::count(o.in_flight.into(), "frame");
    match (o.frames, o.in_flight) {
        (0, _) => format!("nothing more has to go up, {in_flight} of it went up already"),
        (frames, 0) => format!(
            "{} for {}, {:.2} times as many",
            describe::count(frames.into(), "frame"),
            describe::count(o.k.into(), "symbol"),
            f64::from(frames) / f64::from(o.k.max(1))
        ),
        (frames, _) => format!(
            "{} beside {in_flight} that went up already, for {} that it needs",
            describe::count(frames.into(), "frame"),
            describe::count(o.needed.into(), "symbol"),
        ),
    }
}

/// What the booked passes reach.
fn reached(plan: Option<&Plan>) -> String {
    let Some(plan) = plan else {
        return "Nothing that is booked does".to_owned();
    };
    let lacking = plan.objects.iter().filter(|o| !o.enough);
    let says = lacking.map(|o| {
        let chance = describe::probability(o.probability);
        format!("{chance} for {} {}", kind_name(o.kind), o.number)
    });
    format!(
        "What is booked reaches {}",
        says.collect::<Vec<_>>().join(" and ")
    )
}

/// What would do.
fn ways(answer: &Answer, objects: &[UplinkObject]) -> Vec<String> {
    let mut ways = Vec::new();
    if let Some(passes) = &answer.more_passes {
        let hours: u64 = passes.iter().map(|p| p.end_s - p.start_s).sum();
        ways.push(format!(
            "It would do to book {}, {:.1} h of antenna:",
            match passes.len() {
                1 => "1 pass more".to_owned(),
                n => format!("{n} passes more"),
            },
            hours as f64 / 3600.0
        ));
        let one = |p: &Pass| format!("  {} to {}", show_instant(p.start_s), show_instant(p.end_s));
        ways.extend(passes.iter().map(one));
    }
    let bundle = objects.iter().find(|o| o.kind() == ObjectKind::Bundle);
    if let (Some(bytes), Some(first)) = (answer.longest, bundle) {
        ways.push(format!(
            "It would do if {} {} had {bytes} B at the most, instead of {} B, of which {} B are its envelope.",
            kind_name(first.kind()),
            first.number(),
            first.len(),
            first.envelope_len()
        ));
    }
    let least = answer.plan.iter().flat_map(|p| &p.objects);
    let least = least.map(|o| o.probability).reduce(f64::min);
    let reached = least.unwrap_or(0.0);
    if answer.more_passes.is_none() {
        // What is booked reaches the one; only a pass every day beside reaches the other.
        let beside = format!(
            ", and to book a pass of {} every day",
            show_duration(PASS_S as f64)
        );
        let chances = [(reached, ""), (answer.most, beside.as_str())];
        let more = |chance: f64, beside: &str| {
            chance >= 0.01 && (beside.is_empty() || chance > reached + 0.005)
        };
        ways.extend(chances.into_iter().filter(|(chance, beside)| more(*chance, beside)).map(|(chance, beside)| {
            format!(
                "It would do to be content with --probability {:.2}{beside}, and to send fresh parity when the report says so.",
                (chance * 100.0).floor() / 100.0
            )
        }));
    }
    ways
}
