//! The plan of an uplink: laid into the passes that are free, heard in all that are booked.

use lightday_station::link::LinkModel;
use lightday_station::object::UplinkObject;
use lightday_station::plan::{
    ObjectPlan, Plan, PlanError, Start, plan_from, plan_part, plan_until_report,
};

use super::free::{free, passes};
use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::mission::artifact::kind_name;
use crate::mission::{Mission, Pass};
use crate::out;
use crate::verb::between::Between;
use crate::verb::describe;

/// Plans the uplink of some objects, each of which stands somewhere.
///
/// # Errors
/// [`Kind::Plan`].
pub fn make(
    mission: &Mission,
    (objects, starts): (&[UplinkObject], &[Start]),
    probability: Option<f64>,
    global: &Global,
) -> Result<Plan> {
    laid(mission, (objects, starts), probability, global, plan_from)
}

/// As [`make`], with parity behind it until the report of it is here, if none is lost.
///
/// # Errors
/// [`Kind::Plan`].
pub fn until_report(
    mission: &Mission,
    (objects, starts): (&[UplinkObject], &[Start]),
    probability: Option<f64>,
    global: &Global,
) -> Result<Plan> {
    laid(
        mission,
        (objects, starts),
        probability,
        global,
        plan_until_report,
    )
}

/// How frames are laid into passes.
type Lay =
    fn(&[UplinkObject], &[Start], &[Pass], &LinkModel, f64) -> std::result::Result<Plan, PlanError>;

fn laid(
    mission: &Mission,
    (objects, starts): (&[UplinkObject], &[Start]),
    probability: Option<f64>,
    global: &Global,
    lay: Lay,
) -> Result<Plan> {
    let passes = passes(mission, global)?;
    let probability = probability.unwrap_or(mission.config.plan.probability);
    let spinner = out::spinner("planning");
    let link = mission.config.link_model();
    let planned = lay(objects, starts, &passes, &link, probability);
    spinner.finish_and_clear();
    heard(planned, mission, &link)
}

/// The plan, with what the booked passes hear: also those that are taken by what sends already.
fn heard(
    planned: std::result::Result<Plan, PlanError>,
    mission: &Mission,
    link: &LinkModel,
) -> Result<Plan> {
    let mut plan = planned.map_err(|e| Error::new(Kind::Plan, e).hint(e.hint()))?;
    plan.hear(&mission.passes()?, link);
    Ok(plan)
}

/// The first so many frames of the plan that [`make`] makes of the same, with the chances that they alone reach.
///
/// # Errors
/// [`Kind::Plan`].
pub fn part(
    mission: &Mission,
    (objects, starts): (&[UplinkObject], &[Start]),
    probability: Option<f64>,
    frames: usize,
    global: &Global,
) -> Result<Plan> {
    let passes = free(mission, global.now_s())?;
    let probability = probability.unwrap_or(mission.config.plan.probability);
    let link = mission.config.link_model();
    let planned = plan_part(objects, starts, &passes, &link, probability, frames);
    heard(planned, mission, &link)
}

/// An error if the passes do not suffice. Of what was taken back and is laid anew it is only to be said: it went up with
/// less, or lost its place to what came between.
///
/// # Errors
/// [`Kind::Plan`].
pub fn enough(plan: &Plan, between: Option<&Between>) -> Result<Vec<String>> {
    let is_again = |o: &&ObjectPlan| between.is_some_and(|b| b.is_again(o.kind, o.number));
    let short = || plan.objects.iter().filter(|o| !o.enough);
    let again = short().filter(is_again).map(|object| {
        format!(
            "{} {}: the passes reach {} for what is laid anew of it",
            kind_name(object.kind),
            object.number,
            describe::probability(object.probability)
        )
    });
    let again = again.collect();
    match short().find(|o| !is_again(o)) {
        None => Ok(again),
        Some(o) => Err(Error::new(
            Kind::Plan,
            format!("the passes reach {} for {} {}; {} was asked for", describe::probability(o.probability), kind_name(o.kind), o.number, plan.target),
        )
        .hint("add passes to passes.csv, or ask for less with --probability and send more parity when the report comes")),
    }
}
