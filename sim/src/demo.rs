//! The demonstration: five acts, each a mission of 14 days, and every application model as a scenario.
//!
//! ```text
//! 1 a healthy update over 10 % bursty loss and a lost pass    confirmed
//! 2 an image that crashes at boot                             reverted
//! 3 an image that is healthy but deaf                         reverted at the end of its lease
//! 4 a forged and a replayed bundle beside ours                refused; ours is confirmed
//! 5 a commanded rollback to the older version                 rolled back
//! ```

use std::fmt;

use lightday_station::bundle::Bundle;
use lightday_station::profile::Profile;
use lightday_wire::{CodecId, Refusal, RevertCause};

use crate::ending::Ending;
use crate::ground::Intent;
use crate::outcome::Outcome;
use crate::scenario::{Images, Prepared, Scenario, ScenarioError};
use crate::time::Span;
use crate::trace::Keep;
use crate::vehicle::Behaviour;

/// The seed of the demonstration.
pub const SEED: u64 = 2026;

/// Scenarios beside those of the application models.
const MORE: [&str; 2] = ["attacked", "rollback"];

/// The names of all scenarios.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let models = Behaviour::ALL.iter().map(|behaviour| behaviour.name());
    models.chain(MORE).collect()
}

/// The scenario of a name.
#[must_use]
pub fn scenario(name: &str, images: Images) -> Option<Scenario> {
    let mut scenario = Scenario::new(name, images);
    match name {
        "attacked" => scenario.is_attacked = true,
        "rollback" => scenario.intent = Intent::UpdateThenRollback,
        name => {
            let mut all = Behaviour::ALL.into_iter();
            scenario.behaviour = all.find(|behaviour| behaviour.name() == name)?;
            if scenario.behaviour == Behaviour::Vandal {
                // Without a reset nobody would notice that the record is gone.
                scenario.upsets.push(Span::from_days(5));
            }
        }
    }
    Some(scenario)
}

/// What an act is about, and how it has to end.
struct Script {
    title: &'static str,
    scenario: &'static str,
    lost_pass: Option<usize>,
    ends: Ending,
}

const SCRIPTS: [Script; 5] = [
    Script {
        title: "A healthy update",
        scenario: "healthy",
        lost_pass: Some(0),
        ends: Ending::Confirmed,
    },
    Script {
        title: "An image that crashes at boot",
        scenario: "crashes-at-boot",
        lost_pass: None,
        ends: Ending::Reverted(RevertCause::TriesExhausted),
    },
    Script {
        title: "An image that is healthy but deaf",
        scenario: "deaf",
        lost_pass: None,
        ends: Ending::Reverted(RevertCause::LeaseExpired),
    },
    Script {
        title: "A forged and a replayed bundle",
        scenario: "attacked",
        lost_pass: None,
        ends: Ending::Confirmed,
    },
    Script {
        title: "A commanded rollback",
        scenario: "rollback",
        lost_pass: None,
        ends: Ending::RolledBack,
    },
];

/// One act, played.
#[derive(Clone, Debug)]
pub struct Act {
    /// Its title.
    pub name: &'static str,
    /// What came of it, in words.
    pub outcome: String,
    /// Whether it ended as it should.
    pub is_as_it_should: bool,
    /// Bytes of the image.
    pub image_bytes: u64,
    /// Bytes of the payload.
    pub payload_bytes: u64,
    /// Bytes of envelope and payload.
    pub bundle_bytes: u64,
    /// Frames that the ground sent.
    pub frames_sent: u64,
    /// Frames that the vehicle needs of all that was sent to it.
    pub frames_needed: u64,
    /// From the first bit until the image was verified on board.
    pub to_verified: Option<Span>,
    /// From the first bit until the ground knew that.
    pub to_known_on_ground: Option<Span>,
    /// All that came of the mission; its timeline tells the story.
    pub mission: Outcome,
}

/// Plays all five acts on these images.
///
/// # Errors
/// [`ScenarioError`] if the images do not go together.
pub fn play(images: &Images, seed: u64) -> Result<Vec<Act>, ScenarioError> {
    let mut bundle = None;
    SCRIPTS
        .iter()
        .map(|script| act(script, images, seed, &mut bundle))
        .collect()
}

/// The board of the demonstration: a microcontroller with 16 KiB of RAM for the decoder.
fn board(profile: &mut Profile) {
    profile.decoder.ram = 16 << 10;
    profile.decoder.codecs = vec![CodecId::Store, CodecId::Model];
}

/// Plays an act with the bundle of the acts before it, which bring the same.
fn act(
    script: &Script,
    images: &Images,
    seed: u64,
    bundle: &mut Option<Bundle>,
) -> Result<Act, ScenarioError> {
    let Some(mut scenario) = scenario(script.scenario, images.clone()) else {
        unreachable!("every script names a scenario; the tests play them all")
    };
    scenario.lost_passes.extend(script.lost_pass);
    board(&mut scenario.profile);
    let prepared = match bundle.take() {
        Some(bundle) => Prepared::<4, 4096>::with_bundle(scenario, bundle)?,
        None => Prepared::new(scenario)?,
    };
    *bundle = Some(prepared.bundle().clone());
    let mission = prepared.run(seed, Keep::Headlines);
    let refused = mission.refused_bundle;
    let mut outcome = mission.on_board.to_string();
    let mut is_as_it_should = mission.on_board == script.ends
        && mission.on_ground == script.ends
        && mission.violations.is_empty();
    if script.scenario == "attacked" {
        is_as_it_should &= refused == Some(Refusal::SignatureBad) && mission.playback.did_nothing();
        let why = refused.map_or_else(|| "not seen".into(), |r| lightday_station::facts::words(&r));
        outcome = format!(
            "{outcome}; forged: refused, {why}; replayed: {} frames, {}",
            mission.playback.delivered,
            match mission.playback.effects {
                0 => "none did anything".into(),
                effects => format!("with {effects} effects"),
            }
        );
    }
    Ok(Act {
        name: script.title,
        outcome,
        is_as_it_should,
        image_bytes: mission.figures.image_bytes,
        payload_bytes: mission.figures.payload_bytes,
        bundle_bytes: mission.figures.bundle_bytes,
        frames_sent: mission.frames_sent,
        frames_needed: mission.frames_needed,
        to_verified: mission.to_verified(),
        to_known_on_ground: mission.to_known(),
        mission,
    })
}

impl fmt::Display for Act {
    /// Title, timeline and outcome.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        for entry in &self.mission.timeline {
            writeln!(f, "  {entry}")?;
        }
        write!(f, "  => {}", self.outcome)
    }
}

/// The table at the end of the demonstration.
#[must_use]
pub fn table(acts: &[Act]) -> String {
    let mut rows = vec![
        [
            "act",
            "image B",
            "payload B",
            "bundle B",
            "frames",
            "needed",
            "verified",
            "known",
            "outcome",
        ]
        .map(String::from),
    ];
    let hours = |span: Option<Span>| span.map_or_else(|| "-".into(), |span| span.to_string());
    rows.extend(acts.iter().map(|act| {
        [
            act.name.into(),
            act.image_bytes.to_string(),
            act.payload_bytes.to_string(),
            act.bundle_bytes.to_string(),
            act.frames_sent.to_string(),
            act.frames_needed.to_string(),
            hours(act.to_verified),
            hours(act.to_known_on_ground),
            act.outcome.clone(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 9] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            match column {
                0 => text.push_str(&format!("{cell:<width$}")),
                8 => text.push_str(&format!("  {cell}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        text.push('\n');
    }
    text
}
