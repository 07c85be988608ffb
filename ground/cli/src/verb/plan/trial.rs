//! Whether what a plan brings can be activated when it may, and confirmed before its lease ends.
//!
//! Only asked where the objects say when: an authorization, or a bundle that needs none.

use std::path::{Path, PathBuf};

use lightday_station::cut::cut;
use lightday_station::document::Draft;
use lightday_station::lease::{Course, Reckoning, Trial};
use lightday_station::object::UplinkObject;
use lightday_station::plan::{ObjectPlan, Plan};
use lightday_wire::manifest::TrialPolicy;
use lightday_wire::{
    Action, Activation, Authorization, Command, CommandContext, Digest, ObjectKind, ObjectNumber,
    Window,
};

use crate::error::{Error, Kind, Result};
use crate::mission::artifact::Artifact;
use crate::mission::config::Outage;
use crate::mission::keys::bad_key;
use crate::mission::{Mission, Pass, passes};
use crate::out;
use crate::time::{show_duration, show_instant};
use crate::verb::describe;

use super::signatures_to_come;

/// What is to be activated, and within what.
struct Coming {
    /// The file that says so.
    file: PathBuf,
    /// The objects that have to be on board for it.
    objects: Vec<(ObjectKind, ObjectNumber)>,
    policy: TrialPolicy,
    image: Digest,
    window: Option<Window>,
    expires_s: Option<u64>,
}

/// When all of some objects is on board.
struct OnBoard {
    /// If nothing gets lost.
    earliest_s: u64,
    /// In 99 % of all cases, each of them; `None`: not by this plan.
    p99_s: Option<u64>,
    /// With the last frame, behind which each is there with the chance that the plan says.
    planned_s: u64,
    /// The least of these chances.
    probability: f64,
}

impl OnBoard {
    /// `None` if not all of them are of the plan and can be complete by it.
    fn of(plan: &Plan, objects: &[(ObjectKind, ObjectNumber)]) -> Option<Self> {
        let own = |o: &&ObjectPlan| objects.contains(&(o.kind, o.number));
        let latest = |of: fn(&ObjectPlan) -> Option<u64>| {
            let mut own = plan.objects.iter().filter(own).map(of);
            own.try_fold(0, |s, at| Some(at?.max(s)))
        };
        let chances = plan.objects.iter().filter(own).map(|o| o.probability);
        Some(Self {
            earliest_s: latest(|o| o.earliest_s)?,
            p99_s: latest(|o| o.quantiles_s[2]),
            planned_s: latest(|o| o.planned_s)?,
            probability: chances.fold(1.0, f64::min),
        })
    }
}

/// Refuses a plan by which something would be activated outside its window, or on a trial whose lease ends before
/// a Confirm can be heard.
///
/// # Errors
/// [`Kind::Refused`]; [`Kind::Input`] if a file cannot be read.
pub fn check(files: &[PathBuf], mission: &Mission, plan: &Plan) -> Result<()> {
    let booked = mission.passes()?;
    for coming in coming(files, mission)? {
        // Of what waits for it, and of nothing that goes up beside.
        let Some(all) = OnBoard::of(plan, &coming.objects) else {
            // The passes do not suffice, which is said elsewhere.
            continue;
        };
        in_window(&coming, &all)?;
        let OnBoard {
            earliest_s,
            planned_s,
            ..
        } = all;
        let opens_s = coming.window.map_or(0, |w| w.opens_s);
        let trial = Trial {
            from_s: earliest_s.max(opens_s),
            to_s: planned_s.max(opens_s),
            health_s: coming.policy.health_deadline_s,
            lease_s: coming.policy.lease_s,
            self_confirm: coming.policy.self_confirm,
        };
        in_lease(&coming, &trial, mission, &booked)?;
    }
    Ok(())
}

/// What the files activate.
fn coming(files: &[PathBuf], mission: &Mission) -> Result<Vec<Coming>> {
    let mut all = Vec::new();
    for file in files {
        match Artifact::load(file)? {
            Artifact::Bundle(bundle) if bundle.manifest().activation == Activation::LoadAndGo => {
                all.push(Coming {
                    file: file.clone(),
                    objects: vec![(ObjectKind::Bundle, bundle.number())],
                    policy: bundle.manifest().trial,
                    image: bundle.manifest().image.digest,
                    window: None,
                    expires_s: None,
                });
            }
            Artifact::Authorization(draft) => {
                let number = draft.context().number;
                all.extend(authorized(
                    (file, number),
                    draft.document(),
                    files,
                    mission,
                )?);
            }
            _ => {}
        }
    }
    Ok(all)
}

/// What an authorization activates; `None` if its bundle is nowhere to be read.
fn authorized(
    (file, number): (&Path, ObjectNumber),
    says: &Authorization,
    files: &[PathBuf],
    mission: &Mission,
) -> Result<Option<Coming>> {
    let own = mission.path(format!("bundles/{}.ldb", says.bundle));
    for candidate in files.iter().chain([&own]).filter(|f| f.is_file()) {
        if let Artifact::Bundle(bundle) = Artifact::load(candidate)?
            && bundle.manifest().image.digest == says.image
        {
            return Ok(Some(Coming {
                file: file.to_path_buf(),
                objects: vec![
                    (ObjectKind::Authorization, number),
                    (ObjectKind::Bundle, says.bundle),
                ],
                policy: bundle.manifest().trial,
                image: says.image,
                window: says.window,
                expires_s: says.expires_s,
            }));
        }
    }
    out::message(format_args!(
        "note: {}: {} is not here, so that nothing is said of its lease",
        file.display(),
        own.display()
    ));
    Ok(None)
}

/// Refuses what is on board only after it may be activated: with the chance that was asked for, which the last frame
/// brings. Whoever is content with less asks for less.
fn in_window(coming: &Coming, all: &OnBoard) -> Result<()> {
    let closes = coming
        .window
        .map(|w| ("closes", w.closes_s, "the activation window closes"));
    let expires = coming
        .expires_s
        .map(|s| ("expires", s, "the authorization lapses"));
    for (field, ends_s, what) in closes.into_iter().chain(expires) {
        if all.planned_s <= ends_s {
            continue;
        }
        let instant =
            |s: Option<u64>| s.map_or_else(|| "never by this plan".to_owned(), show_instant);
        let what = format!(
            "{what} at {}, and by this plan each part of it is on board with {} or more only at {}; with 0.99: {}; if no frame is lost: {}",
            show_instant(ends_s),
            describe::probability(all.probability),
            show_instant(all.planned_s),
            instant(all.p99_s),
            show_instant(all.earliest_s)
        );
        let hint = match all.p99_s.is_some_and(|s| s <= ends_s) {
            true => {
                "--probability 0.99 is in time; else authorize it anew with a later window, or send it in earlier passes"
            }
            false => {
                "authorize it anew with a later window, send it in earlier passes, or ask for less with --probability: `lightday plan --target` says what would do"
            }
        };
        return Err(Error::new(Kind::Refused, what)
            .file(&coming.file)
            .field(field)
            .hint(hint));
    }
    Ok(())
}

/// A Confirm as long as it will be with its signatures.
fn confirm(coming: &Coming, mission: &Mission) -> Result<UplinkObject> {
    let keys = mission.key_set()?;
    let keys = keys
        .key_set()
        .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))?;
    let context = CommandContext {
        vehicle: mission.profile.vehicle,
        number: ObjectNumber::default(),
    };
    let image = coming.image;
    let action = Action::Confirm { image };
    let impossible =
        || Error::new(Kind::Internal, "a Confirm cannot be drafted").file(&coming.file);
    let draft = Draft::new(context, Command { action }).ok_or_else(impossible)?;
    let artifact = Artifact::Command(draft);
    let mut bytes = artifact.object_bytes();
    bytes.resize(bytes.len() + signatures_to_come(&artifact, &keys), 0);
    cut(
        ObjectKind::Command,
        ObjectNumber::default(),
        &bytes,
        &mission.profile,
        &mission.config.link_model(),
    )
    .map_err(|e| Error::new(Kind::Internal, e).file(&coming.file))
}

/// Refuses a trial that no Confirm reaches in time where outages, or a gap between passes, are the reason; warns where
/// the lease itself is, or where nothing is booked yet.
fn in_lease(coming: &Coming, trial: &Trial, mission: &Mission, booked: &[Pass]) -> Result<()> {
    let (confirm, link) = (confirm(coming, mission)?, mission.config.link_model());
    let with = Reckoning {
        confirm: &confirm,
        link: &link,
        light: mission.light_time(),
    };
    let course = with.worst(trial, booked);
    if course.is_confirmed() {
        return Ok(());
    }
    if !with.worst_without(trial, &[]).is_confirmed() {
        out::message(format_args!(
            "warning: {}: the lease of {} is over before a Confirm can answer that it is healthy, if that takes all of the {} it has: whatever the passes are",
            coming.file.display(),
            show_duration(f64::from(coming.policy.lease_s)),
            show_duration(f64::from(coming.policy.health_deadline_s))
        ));
        return Ok(());
    }
    let said = said(coming, &course);
    let within = |o: &&Outage| o.start_s < course.ends_s && o.end_s > course.activated_s;
    let outages: Vec<&Outage> = mission.config.outages.iter().filter(within).collect();
    let why = if !with
        .worst_without(
            trial,
            &passes::joined(mission.config.outages.iter().map(Outage::span)),
        )
        .is_confirmed()
    {
        let names = outages
            .iter()
            .map(|o| format!("{}, until {}", o.why, show_instant(o.end_s)));
        format!("; between lies: {}", names.collect::<Vec<_>>().join("; "))
    } else if booked.last().is_some_and(|p| p.end_s > course.ends_s)
        && is_short(&course, mission, booked)
    {
        let beacon = show_duration(mission.profile.link.beacon_s as f64);
        format!(
            "; the passes within are so short, with a beacon every {beacon}, that none of them has to hear one"
        )
    } else if booked.last().is_some_and(|p| p.end_s > course.ends_s) {
        "; between lies a gap in passes.csv".to_owned()
    } else {
        out::message(format_args!(
            "warning: {}: {said}. Book passes in which it is heard and answered before that, or it reverts",
            coming.file.display()
        ));
        return Ok(());
    };
    Err(Error::new(Kind::Refused, format!("{said}{why}"))
        .file(&coming.file)
        .field("trial.lease")
        .hint("it would revert: authorize it with a window behind that, book passes between, or build it anew behind a longer `trial.lease` of mission.toml"))
}

/// Whether there are passes within the lease, and no report surely falls into one.
fn is_short(course: &Course, mission: &Mission, booked: &[Pass]) -> bool {
    let heard_s = course.activated_s + mission.light_time().at(course.activated_s);
    let mut within = booked
        .iter()
        .filter(|p| p.start_s > heard_s && p.end_s < course.ends_s);
    course.known_s.is_none() && within.next().is_some()
}

/// When its lease ends, and what comes too late.
fn said(coming: &Coming, course: &Course) -> String {
    let comes = match (course.confirmed_s, course.known_s) {
        (Some(s), _) => format!(
            "a Confirm is on board at {} at the earliest",
            show_instant(s)
        ),
        (None, Some(s)) => format!("no pass is booked for a Confirm after {}", show_instant(s)),
        (None, None) => "no pass is booked that is sure to hear that it is healthy".to_owned(),
    };
    format!(
        "the lease of {} ends at {} if it is activated at {}, but {comes}",
        show_duration(f64::from(coming.policy.lease_s)),
        show_instant(course.ends_s),
        show_instant(course.activated_s)
    )
}
