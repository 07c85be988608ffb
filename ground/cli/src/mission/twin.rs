//! The twin: the real agent on a simulated vehicle, fed with every frame that was sent, as if none got lost.
//! Frames that never left the antenna (`lightday uplink --unsent`) it does not hear.
//!
//! What it expects is a hope with a date, never a proof: proofs come from reports. It begins as the vehicle was
//! launched (`[twin]` of mission.toml) and lives through everything that the ledger knows.
//!
//! ```text
//! launch (images, keys/keyset-1.bin) --> frames of the ledger, each light time later --> the report it would send
//! ```

use lightday_sim::crew::Crew;
use lightday_sim::flash::SimFlash;
use lightday_sim::time::Calendar;
use lightday_sim::twin::Twin;
use lightday_sim::vehicle::{
    DecoderMemory, Launch, Launched, Layout, LayoutSizes, Software, Vehicle,
};
use lightday_station::facts::facts;
use lightday_station::link_keys::HeldKeys;
use lightday_station::object::UplinkObject;
use lightday_station::tracker::{Proven, Tracker};
use lightday_trust::KeySet;
use lightday_trust::digest::sha256;
use lightday_wire::{Epoch, Report, SlotId};

use super::artifact::{Artifact, kind_name};
use super::config::TwinConfig;
use super::{Mission, images, stand_in};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, SentRow};

/// Calls a function that is generic over the geometry of the flash with that of the mission's vehicle.
macro_rules! on_flash_of {
    ($mission:expr, $call:ident($($argument:expr),*)) => {{
        let memory = &$mission.profile.memory;
        match (memory.program_granule, memory.erase_block) {
            (4, 4096) => $call::<4, 4096>($($argument),*),
            (8, 4096) => $call::<8, 4096>($($argument),*),
            (8, 2048) => $call::<8, 2048>($($argument),*),
            (4, 0x4_0000) => $call::<4, 0x4_0000>($($argument),*),
            (granule, erase) => Err($crate::mission::twin::no_such_flash(granule, erase)),
        }
    }};
}
pub(super) use on_flash_of;

/// The simulator has no flash like that.
pub(super) fn no_such_flash(granule: u16, erase: u32) -> Error {
    let what =
        format!("the simulator has no flash with granules of {granule} B and blocks of {erase} B");
    Error::new(Kind::Refused, what)
        .field("twin")
        .hint("take [twin] out of mission.toml: the status then shows what was proven alone")
}

/// The factory of the twin: its papers prove the first images to the twin alone.
const FACTORY_SEED: u64 = 0;
/// By how much the twin may be early or late: frames of a run are taken as evenly spread, and a report
/// takes seconds on the air.
const SLACK_S: u64 = 600;
/// Between two looks at the twin.
const LOOK_S: u64 = 10;
/// What the ground decides, of the facts of a report: what the state digest is made of.
const DECIDED: [&str; 8] = [
    "slot A",
    "slot B",
    "bundle",
    "authorization",
    "command",
    "next numbers",
    "key set",
    "security counter",
];

/// What the vehicle should know by now.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The report that it should have sent last.
    pub report: Report,
    /// When, in Unix seconds.
    pub at_s: u64,
    /// Whether the last report was what was expected when it left.
    pub agreement: Agreement,
}

/// Whether a report has the state digest that the twin had when the report left the vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// There is no report, or no twin that lived then.
    NotCompared,
    /// It has.
    Agrees,
    /// It has another.
    Differs {
        /// The facts in which the two differ, as far as a report shows them.
        facts: Vec<&'static str>,
    },
}

/// Lets the twin live until `now_s` and holds the last report against it; `None` if mission.toml states no
/// twin, or it has not reported yet.
///
/// # Errors
/// A file of the twin is missing or does not go with the mission.
pub fn expected(
    mission: &Mission,
    ledger: &Ledger,
    last: Option<&Proven>,
    now_s: u64,
) -> Result<Option<Expected>> {
    let Some(twin) = &mission.config.twin else {
        return Ok(None);
    };
    if now_s <= twin.launched_s {
        return Ok(None);
    }
    let until = (last, now_s);
    on_flash_of!(mission, live(mission, twin, ledger, until))
}

/// Who signs what the twin hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hands {
    /// Those who signed it: the twin has the vehicle's own key set.
    Real,
    /// Their [stand-ins](stand_in), so that it can be asked about drafts.
    StandIn,
}

fn live<const W: usize, const E: usize>(
    mission: &Mission,
    config: &TwinConfig,
    ledger: &Ledger,
    (last, now_s): (Option<&Proven>, u64),
) -> Result<Option<Expected>> {
    // Both ends are ours: an epoch whose key was taken away from this machine gets another one.
    let link_keys = HeldKeys::from(&mission.held_link_keys()?.padded());
    let calendar = Calendar {
        start_unix_s: config.launched_s,
    };
    let light = mission.light_time();
    let vehicle = launched::<W, E>(mission, config, &link_keys, Hands::Real)?;
    let mut twin = Twin::new(vehicle);
    for (sent_ms, frame) in frames(mission, ledger, &link_keys, (now_s, Hands::Real))? {
        let arrives_ms = sent_ms + light.at(sent_ms / 1000) * 1000;
        twin.expect(calendar.instant_ms(arrives_ms), &frame);
    }
    let heard = |twin: &Twin<W, E>| reported(twin, mission, &link_keys, calendar);
    let agreement = match last.filter(|last| last.sent_s > config.launched_s) {
        Some(last) => compare(&mut twin, calendar, last, now_s, |twin| {
            heard(twin).map(|(r, _)| r)
        }),
        None => Agreement::NotCompared,
    };
    twin.advance(calendar.instant(now_s));
    Ok(heard(&twin).map(|(report, at_s)| Expected {
        report,
        at_s,
        agreement,
    }))
}

/// What the twin last reported, and when in Unix seconds.
pub(super) fn reported<const W: usize, const E: usize>(
    twin: &Twin<W, E>,
    mission: &Mission,
    link_keys: &HeldKeys,
    calendar: Calendar,
) -> Option<(Report, u64)> {
    let (at, packet) = twin.packet()?;
    let at_s = calendar.unix_s(at);
    let profile = &mission.profile;
    let mut tracker = Tracker::new(profile.vehicle, mission.light_time().clone());
    let proven = tracker.receive(link_keys, packet, at_s).ok()?;
    Some((proven.report, at_s))
}

/// Lets the twin live through the minutes in which a report left the vehicle, and compares the two. A report that
/// was taken in late left nobody knows when: it may agree, but cannot differ.
fn compare<const W: usize, const E: usize>(
    twin: &mut Twin<W, E>,
    calendar: Calendar,
    last: &Proven,
    now_s: u64,
    report: impl Fn(&Twin<W, E>) -> Option<Report>,
) -> Agreement {
    let mut then = None;
    let (earliest_s, latest_s) = last.left_s();
    let is_late = earliest_s.saturating_add(SLACK_S) < latest_s;
    let instants = if is_late {
        &[earliest_s, latest_s][..]
    } else {
        &[latest_s]
    };
    for left_s in instants {
        let begin_s = left_s.saturating_sub(SLACK_S);
        let end_s = left_s.saturating_add(SLACK_S).min(now_s);
        let mut at_s = begin_s.max(calendar.start_unix_s);
        while at_s <= end_s {
            twin.advance(calendar.instant(at_s));
            let agent = twin.vehicle().agent();
            let digest = agent.map(|agent| agent.state_digest().prefix().0);
            if digest == Some(last.report.state_digest) {
                return Agreement::Agrees;
            }
            if at_s <= *left_s {
                then = report(twin);
            }
            at_s += LOOK_S;
        }
    }
    let Some(then) = then.filter(|_| !is_late) else {
        return Agreement::NotCompared;
    };
    let both = facts(&last.report).into_iter().zip(facts(&then));
    let differing =
        both.filter(|(is, hoped)| DECIDED.contains(&is.name) && is.value != hoped.value);
    Agreement::Differs {
        facts: differing.map(|(is, _)| is.name).collect(),
    }
}

pub(super) fn launched<const W: usize, const E: usize>(
    mission: &Mission,
    config: &TwinConfig,
    link_keys: &HeldKeys,
    hands: Hands,
) -> Result<Vehicle<W, E>> {
    let calendar = Calendar {
        start_unix_s: config.launched_s,
    };
    let profile = &mission.profile;
    let options = profile.image_options();
    let golden = images::load(&mission.path(&config.golden), &options)?;
    let first = images::load(&mission.path(&config.first), &options)?;
    let mut keys = launch_keys(mission)?;
    if hands == Hands::StandIn {
        keys = stand_in::key_set(&keys);
    }
    let sizes = LayoutSizes {
        slot: profile.memory.slot_size,
        staging: profile.memory.staging_size,
        block: profile.memory.staging_size,
    };
    let layout = Layout::new(
        profile.memory.program_granule.into(),
        profile.memory.erase_block,
        sizes,
    );
    let identity = lightday_boot::Identity {
        vehicle: profile.vehicle,
        class: profile.class,
        component: profile.component,
    };
    let factory = Crew::new(FACTORY_SEED, keys.version.saturating_sub(1));
    let launch = Launch {
        layout: &layout,
        identity,
        keys: &keys,
        factory: &factory,
        golden: Launched {
            bytes: &golden.bytes,
            version: config.golden_version,
        },
        first: Launched {
            bytes: &first.bytes,
            version: config.first_version,
        },
    };
    let flash: SimFlash<W, E> = launch.flash();
    let memory = DecoderMemory::of(&profile.decoder);
    let agent = lightday_agent::Config {
        identity,
        map: layout.map,
        link_keys: link_keys.padded(),
        tag_len: profile.link.tag_len,
        load_addresses: SlotId::ALL.map(|slot| Some(profile.memory.load_address.of(slot))),
        decoder_heap: memory.heap,
        command_loss_s: 3 * u64::from(profile.trial.lease_s),
        beacon_s: profile.link.beacon_s,
    };
    let vehicle = Vehicle::new(flash, agent, Software::default(), calendar, 0);
    Ok(vehicle.with_decoder_ram(memory.ram))
}

/// The key set that the vehicle was launched with.
fn launch_keys(mission: &Mission) -> Result<KeySet> {
    mission.launched_with(&mission.path("keys/keyset-1.bin"), 1)
}

/// Every frame that has left the antenna by `now_s`, with the millisecond of its last bit.
pub(super) fn frames(
    mission: &Mission,
    ledger: &Ledger,
    link_keys: &HeldKeys,
    (now_s, hands): (u64, Hands),
) -> Result<Vec<(u64, Vec<u8>)>> {
    let mut frames = Vec::new();
    let sent = ledger.sent()?;
    let left = |row: &&SentRow| row.went() && row.starts_s <= now_s;
    for row in sent.iter().filter(left) {
        let object = object(mission, ledger, row, hands)?;
        let epoch = Epoch::new(row.epoch).unwrap_or_default();
        let key = mission.uplink_key(link_keys, epoch)?;
        // The ledger keeps runs: within one, frames are taken as evenly spread.
        let (start_ms, end_ms) = (row.starts_s * 1000, row.ends_s * 1000);
        let step_ms = end_ms.saturating_sub(start_ms) / u64::from(row.count.max(1));
        for (place, index) in (1..).zip(row.first..row.first.saturating_add(row.count)) {
            let sent_ms = start_ms + step_ms * place;
            let index = u16::try_from(index).ok();
            let frame = index.and_then(|i| object.frame(i, &key, mission.profile.link.tag_len));
            frames.extend(
                frame
                    .filter(|_| sent_ms <= now_s * 1000)
                    .map(|f| (sent_ms, f)),
            );
        }
    }
    frames.sort_by_key(|(sent_ms, _)| *sent_ms);
    Ok(frames)
}

/// The object that a run was cut from, from its file and the signatures beside it.
fn object(mission: &Mission, ledger: &Ledger, row: &SentRow, hands: Hands) -> Result<UplinkObject> {
    let path = match ledger.object(row.kind, row.number)? {
        Some(known) => mission.path(known.file),
        None => {
            return Err(Error::new(
                Kind::Ledger,
                format!(
                    "{} {} was sent, but never made",
                    kind_name(row.kind),
                    row.number
                ),
            )
            .file(&mission.path("ledger.sqlite"))
            .hint("run `lightday ledger verify`"));
        }
    };
    // It went up with the signatures, under the key set, of its day: the digest tells.
    let mut signed = None;
    for keys in mission.key_sets()? {
        let loaded = Artifact::load_signed(&path, &keys, &[]);
        if let Ok((artifact, signatures)) = loaded
            && sha256(&artifact.object_bytes()).0 == row.object
        {
            signed = Some(match hands {
                Hands::Real => artifact,
                Hands::StandIn => stand_in::resigned(&Artifact::load(&path)?, &signatures, &keys)?,
            });
            break;
        }
    }
    let artifact = signed.ok_or_else(|| {
        Error::new(
            Kind::Trust,
            "is not what was sent: its signatures are others, or do not hold",
        )
        .file(&path)
        .hint(
            "restore the file and its .sig files from git; `lightday verify` says what is missing",
        )
    })?;
    UplinkObject::new(
        row.kind,
        row.number,
        &artifact.object_bytes(),
        row.symbol_len,
    )
    .map_err(|e| Error::new(Kind::Refused, e).file(&path).hint(e.hint()))
}
