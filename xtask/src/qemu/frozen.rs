//! The acts of frozen releases: a vehicle as it was launched with one, loader, golden and all, under applications of
//! today. Nothing of a frozen release is built here; the ground is today's.
//!
//! ```text
//! frozen flight in A -> frozen golden -- receives today's flight 2 --> B, on trial, confirmed
//!   -> back to frozen flight in A, confirmed -> B again, confirmed -- hears half of a bundle
//!   -> frozen golden -- hears the rest, patches it into A, today's agent has left record, trailers, staging
//!   -> home comes back: B, confirmed -> A is authorized, on trial, confirmed
//! ```

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::firmware::flight;
use crate::release::{self, Frozen};
use crate::run::Failure;

use super::ground::{Facts, Ground};
use super::story::{Act, runs_first, says};

/// Frames of the second bundle that today's agent hears; golden hears those that are left.
const HALF: u32 = 9;

/// A frozen release on the ground: its mission, its flash files, and both bundles, signed.
pub struct Prepared {
    frozen: Frozen,
    ground: Ground,
    board: PathBuf,
    images: Images,
}

/// The images of an act.
struct Images {
    /// What the frozen vehicle was launched with, version 1.0.0: the raw bytes of slot A and of golden.
    first: PathBuf,
    /// Today's, version 2.0.0, bundle 1.
    second: PathBuf,
    /// Today's, version 3.0.0, bundle 2, patched from the second.
    third: PathBuf,
}

/// Makes ready what the acts need. The encoder takes half a minute for each bundle: beside other acts, that costs none
/// of their time.
///
/// # Errors
/// A frozen release is not what was frozen, or a verb fails.
pub fn prepare(lightday: &Path, dir: &Path) -> Result<Vec<Prepared>, Failure> {
    let releases = release::all()?;
    if releases.is_empty() {
        return Err(Failure(
            "no release is frozen; `cargo xtask freeze` makes one".to_owned(),
        ));
    }
    let each = |frozen: Frozen| {
        frozen.check()?;
        let dir = dir.join(format!("release-{}", frozen.number));
        let board = dir.join("board");
        let images = Images {
            first: frozen.unpack(&board)?,
            second: flight("v2"),
            third: flight("v1"),
        };
        let ground = Ground::take_over(lightday, &dir.join("mission"), &frozen.mission())?;
        ground.bundle(1, (&images.second, "2.0.0"), (&images.first, "1.0.0"))?;
        ground.bundle(2, (&images.third, "3.0.0"), (&images.second, "2.0.0"))?;
        Ok(Prepared {
            frozen,
            ground,
            board,
            images,
        })
    };
    releases.into_iter().map(each).collect()
}

/// Runs an act for each frozen release, counted from `first` on; gives their number.
///
/// # Errors
/// An act does not end as it has to.
pub fn run(prepared: Vec<Prepared>, first: usize) -> Result<usize, Failure> {
    let acts = prepared.len();
    for (n, one) in (first..).zip(prepared) {
        let begun = Instant::now();
        println!(
            "  Act {n}. Frozen release {}, {} of {:.12}, under applications of today",
            one.frozen.number,
            one.frozen.version(),
            one.frozen.commit()
        );
        fly(one).map_err(|failure| Failure(format!("act {n}: {failure}")))?;
        println!("    in {} s", begun.elapsed().as_secs());
    }
    Ok(acts)
}

fn fly(prepared: Prepared) -> Result<(), Failure> {
    let images = prepared.images;
    let act = Act::switch_on(prepared.ground, prepared.board)?;
    runs_first(&act)?;
    go_golden(&act, "by command its golden runs")?;
    takes_today(&act, &images)?;
    there_and_back(&act, &images)?;
    let needed = hears_half(&act)?;
    golden_goes_on(&act, needed)?;
    comes_home(&act, &images)?;
    act.end()
}

fn go_golden(act: &Act, what: &str) -> Result<(), Failure> {
    let order = [act.ground.order(&["boot-golden"])?];
    let said = act.until(what, &order, |f| says(f, "running", "golden"))?;
    note(&said, "flight 1 from Golden");
    Ok(())
}

/// Shows a line of text that was heard. What runs is held by its reports: a line that comes while nobody is on the line
/// is lost, and beside an encoder that is longer than in other acts.
fn note(texts: &[String], begins: &str) {
    if let Some(text) = texts.iter().rev().find(|text| text.starts_with(begins)) {
        println!("    it was heard to say: {text}");
    }
}

/// The frozen agent patches today's application, the frozen loader boots it on trial and confirms it.
fn takes_today(act: &Act, images: &Images) -> Result<(), Failure> {
    let papers = act.ground.authorize(1, &images.second)?;
    let update = [act.ground.uplink(&format!("bundles/1.ldb {papers}"))?];
    let said = act.until(
        "it receives and patches today's flight 2, and boots it from B, on trial",
        &update,
        |f| says(f, "running", "B") && says(f, "slot B", "trial 2.0.0"),
    )?;
    note(&said, "flight 2 from Slot(B)");
    confirm(act, "by command it is confirmed", "B", "2.0.0", &["1"])
}

/// The frozen agent in A, and today's in B, each under a record of the other's.
fn there_and_back(act: &Act, images: &Images) -> Result<(), Failure> {
    let (first, second) = (images.first.display(), images.second.display());
    for (slot, version, image, text) in [
        ("A", "1.0.0", first.to_string(), "flight 1 from Slot(A)"),
        ("B", "2.0.0", second.to_string(), "flight 2 from Slot(B)"),
    ] {
        go_back(act, slot, version, &image, text)?;
        let what = format!("and is confirmed in {slot}");
        confirm(act, &what, slot, version, &[&image])?;
    }
    Ok(())
}

fn go_back(act: &Act, slot: &str, version: &str, image: &str, text: &str) -> Result<(), Failure> {
    let order = [act.ground.order(&["rollback", image])?];
    let what = format!("by command {version} runs from {slot}, on trial");
    let said = act.until(&what, &order, |f| {
        says(f, "running", slot) && is(f, slot, "trial", version)
    })?;
    note(&said, text);
    Ok(())
}

fn confirm(
    act: &Act,
    what: &str,
    slot: &str,
    version: &str,
    image: &[&str],
) -> Result<(), Failure> {
    let order = [act.ground.order(&[&["confirm"], image].concat())?];
    act.until(what, &order, |f| {
        says(f, "running", slot) && is(f, slot, "confirmed", version)
    })
    .map(drop)
}

fn is(facts: &Facts, slot: &str, state: &str, version: &str) -> bool {
    says(
        facts,
        &format!("slot {slot}"),
        &format!("{state} {version}"),
    )
}

/// Today's agent hears the first frames of bundle 2; gives how many symbols it still needs.
fn hears_half(act: &Act) -> Result<String, Failure> {
    let order = format!("bundles/2.ldb --frames {HALF} --best-effort");
    let half = [act.ground.uplink(&order)?];
    act.until("today's agent hears half of bundle 2", &half, |f| {
        says(f, "bundle", "2 accepted") && needed(f) > 0
    })?;
    // That report may have left before the last frame was there; the one that a command brings did not.
    let before = act.ground.facts()?.remove("command");
    let order = [act.ground.order(&["report-request"])?];
    act.until("and reports what it needs still", &order, |f| {
        let command = f.get("command");
        command != before.as_ref() && command.is_some_and(|c| c.ends_with("done"))
    })?;
    let facts = act.ground.facts()?;
    Ok(facts.get("symbols needed").cloned().unwrap_or_default())
}

fn needed(facts: &Facts) -> u32 {
    let needed = facts.get("symbols needed");
    needed.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Frozen golden takes the reception up where today's agent left it, and patches from today's image in B into A.
fn golden_goes_on(act: &Act, needed: String) -> Result<(), Failure> {
    go_golden(act, "by command frozen golden runs")?;
    let what = format!("it goes on with bundle 2, of which it needs {needed} symbols more");
    act.until(&what, &[], |f| {
        says(f, "running", "golden")
            && says(f, "bundle", "2 accepted")
            && f.get("symbols needed") == Some(&needed)
            && is(f, "B", "confirmed", "2.0.0")
    })?;
    let rest = [act.ground.uplink("bundles/2.ldb --best-effort")?];
    act.until("it hears the rest and patches it into A", &rest, |f| {
        says(f, "running", "golden")
            && says(f, "bundle", "2 done")
            && is(f, "A", "verified", "3.0.0")
    })
    .map(drop)
}

/// Today's agent finds what golden left: its own image is home again, and the one that golden patched flies.
fn comes_home(act: &Act, images: &Images) -> Result<(), Failure> {
    let second = images.second.display().to_string();
    go_back(act, "B", "2.0.0", &second, "flight 2 from Slot(B)")?;
    confirm(act, "and is home again", "B", "2.0.0", &[&second])?;
    let papers = act.ground.authorize(2, &images.third)?;
    let papers = [act.ground.uplink(&papers)?];
    let what = "what golden patched is authorized, and boots from A, on trial";
    act.until(what, &papers, |f| {
        says(f, "running", "A") && is(f, "A", "trial", "3.0.0")
    })?;
    confirm(act, "and is confirmed", "A", "3.0.0", &["2"])?;
    let facts = act.ground.facts()?;
    match says(&facts, "last revert", "never") {
        true => Ok(()),
        false => Err(Failure(format!("something was reverted: {facts:#?}"))),
    }
}
