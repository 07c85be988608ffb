//! Whether what a plan brings can be activated when it may, and confirmed before its lease ends.
//!
//! Only asked where the objects say when: an authorization, or a bundle that needs none.

use std::path::{Path, PathBuf};

use lightday_station::cut::cut;
use lightday_station::document::Draft;
use lightday_station::lease::{Course, Trial, at_best, worst};
use lightday_station::object::UplinkObject;
use lightday_station::plan::Plan;
use lightday_wire::manifest::TrialPolicy;
use lightday_wire::{
    Action, Activation, Authorization, Command, CommandContext, Digest, ObjectKind, ObjectNumber,
    Window,
};

use crate::error::{Error, Kind, Result};
use crate::mission::artifact::Artifact;
use crate::mission::config::Outage;
use crate::mission::keys::bad_key;
use crate::mission::{Mission, Pass};
use crate::out;
use crate::time::{show_duration, show_instant};

use super::signatures_to_come;

/// What is to be activated, and within what.
struct Coming {
    /// The file that says so.
    file: PathBuf,
    policy: TrialPolicy,
    image: Digest,
    window: Option<Window>,
    expires_s: Option<u64>,
}

/// Refuses a plan by which something would be activated outside its window, or on a trial whose lease ends before
/// a Confirm can be heard.
///
/// # Errors
/// [`Kind::Refused`]; [`Kind::Input`] if a file cannot be read.
pub fn check(files: &[PathBuf], mission: &Mission, plan: &Plan) -> Result<()> {
    let passes = mission.passes()?;
    let on_board = |of: fn(&lightday_station::plan::ObjectPlan) -> Option<u64>| {
        plan.objects
            .iter()
            .map(of)
            .try_fold(0, |s, at| Some(at?.max(s)))
    };
    let (Some(earliest_s), Some(planned_s)) =
        (on_board(|o| o.earliest_s), on_board(|o| o.planned_s))
    else {
        // The passes do not suffice, which is said elsewhere.
        return Ok(());
    };
    for coming in coming(files, mission)? {
        in_window(&coming, planned_s)?;
        let opens_s = coming.window.map_or(0, |w| w.opens_s);
        let trial = Trial {
            from_s: earliest_s.max(opens_s),
            to_s: planned_s.max(opens_s),
            health_s: coming.policy.health_deadline_s,
            lease_s: coming.policy.lease_s,
        };
        let confirm = confirm(&coming, mission)?;
        let course = worst(&trial, &confirm, &passes, &mission.config.link_model());
        if course.is_confirmed() || coming.policy.self_confirm {
            continue;
        }
        let best = at_best(&trial, &confirm, &mission.config.link_model());
        if !best.is_confirmed() {
            out::message(format_args!(
                "warning: {}: the lease of {} is over before a Confirm can answer that it is healthy, if that takes all of the {} it has: whatever the passes are",
                coming.file.display(),
                show_duration(f64::from(coming.policy.lease_s)),
                show_duration(f64::from(coming.policy.health_deadline_s))
            ));
        } else {
            out_of_lease(&coming, &course, mission, &passes)?;
        }
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
                    policy: bundle.manifest().trial,
                    image: bundle.manifest().image.digest,
                    window: None,
                    expires_s: None,
                });
            }
            Artifact::Authorization(draft) => {
                all.extend(authorized(file, draft.document(), files, mission)?);
            }
            _ => {}
        }
    }
    Ok(all)
}

/// What an authorization activates; `None` if its bundle is nowhere to be read.
fn authorized(
    file: &Path,
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

/// Refuses what is on board only after it may be activated.
fn in_window(coming: &Coming, planned_s: u64) -> Result<()> {
    let closes = coming
        .window
        .map(|w| ("closes", w.closes_s, "the activation window closes"));
    let expires = coming
        .expires_s
        .map(|s| ("expires", s, "the authorization lapses"));
    for (field, ends_s, what) in closes.into_iter().chain(expires) {
        if planned_s > ends_s {
            let what = format!(
                "{what} at {}, and by this plan all is on board only at {}",
                show_instant(ends_s),
                show_instant(planned_s)
            );
            return Err(Error::new(Kind::Refused, what).file(&coming.file).field(field).hint("authorize it anew with a later window, send it in earlier passes, or ask for less with --probability: `lightday plan --target` says what would do"));
        }
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

/// Says why a Confirm comes too late: refuses where the link is what is lacking, warns where nothing is booked yet.
fn out_of_lease(
    coming: &Coming,
    course: &Course,
    mission: &Mission,
    passes: &[Pass],
) -> Result<()> {
    let lease = format!(
        "the lease of {} ends at {} if it is activated at {}",
        show_duration(f64::from(coming.policy.lease_s)),
        show_instant(course.ends_s),
        show_instant(course.activated_s)
    );
    let comes = match (course.confirmed_s, course.known_s) {
        (Some(s), _) => format!(
            "a Confirm is on board at {} at the earliest",
            show_instant(s)
        ),
        (None, Some(s)) => format!(
            "it is known to be healthy at {}, and no pass is booked for a Confirm after that",
            show_instant(s)
        ),
        (None, None) => "no pass is booked that hears that it is healthy".to_owned(),
    };
    let within = |o: &&Outage| o.start_s < course.ends_s && o.end_s > course.activated_s;
    let outage = mission.config.outages.iter().find(within);
    let booked_to_s = passes.last().map_or(0, |p| p.end_s);
    let why = match outage {
        Some(o) => format!("; between lies: {}, until {}", o.why, show_instant(o.end_s)),
        None if booked_to_s > course.ends_s => "; between lies a gap in passes.csv".to_owned(),
        None => {
            out::message(format_args!(
                "warning: {}: {lease}, and {comes}. Book passes in which the report is heard and answered before that, or it reverts",
                coming.file.display()
            ));
            return Ok(());
        }
    };
    Err(Error::new(Kind::Refused, format!("{lease}, but {comes}{why}"))
        .file(&coming.file)
        .field("trial.lease")
        .hint("it would revert: authorize it with a window behind that, book passes between, or build it with a longer --lease"))
}
