//! Who stands on the ground of the exploration, and what they sign: every document of a vehicle's life, under
//! whatever number the vehicle asks for next.
//!
//! The people see the vehicle's record, as no ground does: what is explored is the vehicle, not the link.

use std::collections::BTreeMap;
use std::sync::Arc;

use lightday_agent::Config;
use lightday_boot::Record;
use lightday_station::bundle::Bundle;
use lightday_station::object::UplinkObject;
use lightday_trust::keyset::KeySetContext;
use lightday_trust::{Direction, digest::sha256};
use lightday_wire::{
    Action, Activation, Authorization, AuthorizationContext, Command, CommandContext, Digest,
    Epoch, ObjectKind, ObjectNumber, SlotId,
};

use crate::crew::Crew;
use crate::flash::SimFlash;
use crate::scenario::{Images, Scenario, ScenarioError, prepared};
use crate::vehicle::{Behaviour, DecoderMemory, Software, Vehicle};

/// Documents go up in symbols of at most so many bytes: an authorization takes several.
const SYMBOL_LEN: u16 = 64;
/// How many of the flight role sign.
const FLIGHT: u8 = 1;
/// RAM of the decoder, in bytes.
const DECODER_RAM: u32 = 16 * 1024;
/// Seconds until a trial that hears nothing is over.
const LEASE_S: u32 = 86_400;

/// Which image is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The one that the vehicle is launched with.
    Old,
    /// The one that the first bundle brings.
    New,
    /// The one that the second bundle brings, on the first one's ground.
    Newest,
    /// Another one that a second bundle brings, on the ground of the old one.
    Spare,
}

/// How far the manifest of the first bundle lets the image go by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Licence {
    /// An authorization arms it, a Confirm confirms it.
    Ordinary,
    /// It is armed once it is verified.
    LoadAndGo,
    /// It is confirmed once a signed command came and it is healthy.
    SelfConfirm,
}

/// What the people can be asked to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The bundle of an image, with this licence.
    Bundle(Which, Licence),
    /// Half of the bundle of an image.
    Begin(Which),
    /// The authorization to arm it.
    Authorize(Which),
    /// The command that confirms it.
    Confirm(Which),
    /// The command to go back to it.
    Rollback(Which),
    /// The command that forgets the bundle of an image.
    Abort(Which),
    /// The command to boot golden.
    BootGolden,
    /// The command that holds activation.
    Hold,
    /// The command that ends the hold.
    Release,
    /// The next key set.
    Keys,
    /// The command to go on to link epoch 1.
    EpochSwitch,
    /// The command that ends the silence after a lost record.
    Resync,
    /// The command that asks for a report.
    Report,
    /// Nothing: the vehicle is left alone.
    Wait,
}

/// The people, the images, and the vehicle on the day of its launch.
pub struct People<const WRITE: usize, const ERASE: usize> {
    scenario: Scenario,
    crew: Arc<Crew>,
    next_crew: Crew,
    config: Config,
    flash: SimFlash<WRITE, ERASE>,
    bundles: BTreeMap<(Which, Licence), Bundle>,
    digests: BTreeMap<Which, Digest>,
    golden: Digest,
}

impl<const WRITE: usize, const ERASE: usize> People<WRITE, ERASE> {
    /// Makes keys, bundles and the vehicle, on images of a little more than four erase blocks, taken from the
    /// front of `images`.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub fn new(images: &Images) -> Result<Self, ScenarioError> {
        let len = 4 * ERASE + 200;
        let part = |image: &[u8]| image[..len.min(image.len())].to_vec();
        let (old, new) = (part(&images.old), part(&images.new));
        // The others are the first with a few changes of their own.
        let newest = changed(&old, 0x5a);
        let spare = changed(&old, 0xa5);
        let mut scenario =
            Scenario::new("crash-test", Images::new(&part(&images.golden), &old, &new));
        let profile = &mut scenario.profile;
        profile.decoder.ram = DECODER_RAM;
        profile.decoder.codecs = vec![lightday_wire::CodecId::Store, lightday_wire::CodecId::Model];
        profile.trial.lease_s = LEASE_S;
        let memory = &mut profile.memory;
        memory.program_granule = u16::try_from(WRITE).unwrap_or(u16::MAX);
        memory.erase_block = u32::try_from(ERASE).unwrap_or(u32::MAX);
        memory.slot_size = 5 * memory.erase_block;
        memory.staging_size = (8 * memory.erase_block).max(32 * 1024);
        profile.link.symbol_len_max = SYMBOL_LEN.max(memory.program_granule);
        let crew = Arc::new(Crew::with_flight(prepared::CREW_SEED, 2, FLIGHT));
        let bundles = bundles(&scenario, &crew, &newest, &spare)?;
        let parts = prepared::parts::<WRITE, ERASE>(&scenario, &crew)?;
        let digests = [
            (Which::Old, &old),
            (Which::New, &new),
            (Which::Newest, &newest),
            (Which::Spare, &spare),
        ];
        Ok(Self {
            golden: sha256(&scenario.images.golden),
            digests: digests.map(|(which, bytes)| (which, sha256(bytes))).into(),
            config: parts.config,
            flash: parts.flash,
            next_crew: Crew::with_flight(prepared::CREW_SEED + 3, 3, FLIGHT),
            crew,
            bundles,
            scenario,
        })
    }

    /// The vehicle on the day of its launch; the image of the first bundle behaves so.
    #[must_use]
    pub fn vehicle(&self, behaviour: Behaviour, ecc: bool) -> Vehicle<WRITE, ERASE> {
        let mut software = Software::default();
        software.set(self.image(Which::New), behaviour);
        let flash = self.flash.clone();
        let flash = if ecc { flash.with_ecc() } else { flash };
        let memory = DecoderMemory::of(&self.scenario.profile.decoder);
        Vehicle::new(flash, self.config.clone(), software, prepared::CALENDAR, 0)
            .with_decoder_ram(memory.ram)
    }

    /// An image's digest.
    ///
    /// # Panics
    /// Never: there is one for each.
    #[must_use]
    pub fn image(&self, which: Which) -> Digest {
        self.digests[&which]
    }

    /// The number of the bundle that brings an image.
    #[must_use]
    pub fn bundle(&self, which: Which) -> Option<ObjectNumber> {
        Some(self.bundles.get(&(which, Licence::Ordinary))?.number())
    }

    /// Every image that release signed, golden among them.
    pub fn released(&self) -> impl Iterator<Item = Digest> {
        self.digests.values().copied().chain([self.golden])
    }

    /// What may run without a word from the ground: golden, and the image of the launch.
    pub fn at_launch(&self) -> [Digest; 2] {
        [self.golden, self.image(Which::Old)]
    }

    /// The crew whose link keys the vehicle has.
    #[must_use]
    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    /// Who the vehicle is.
    #[must_use]
    pub const fn vehicle_id(&self) -> lightday_wire::VehicleId {
        self.scenario.profile.vehicle
    }

    /// The frames of what is asked for, for a vehicle whose record is this one. The first two source symbols of
    /// whatever has parity to spare are lost.
    ///
    /// # Panics
    /// If a document is longer than any of ours: a bug of the exploration.
    #[must_use]
    pub fn frames(&self, ask: Ask, record: &Record) -> Vec<Vec<u8>> {
        let Some(object) = self.object(ask, record) else {
            return Vec::new();
        };
        let epoch = match ask {
            Ask::EpochSwitch | Ask::Resync => Epoch::new(1).expect("0 to 15"),
            _ => record.epoch,
        };
        let profile = &self.scenario.profile;
        let keys = self.crew.link_keys();
        let key = keys.frame_key(profile.vehicle, Direction::Up, epoch);
        let first = if object.k() > 3 { 2 } else { 0 };
        let frames = match ask {
            Ask::Begin(_) => object.k() / 2,
            _ => object.k(),
        };
        (first..first + frames)
            .filter_map(|index| object.frame(index, &key, profile.link.tag_len))
            .collect()
    }

    fn object(&self, ask: Ask, record: &Record) -> Option<UplinkObject> {
        let profile = &self.scenario.profile;
        let next = |kind| record.next_number(kind);
        match ask {
            Ask::Wait => None,
            Ask::Bundle(which, licence) => self.bundle_object(which, licence),
            Ask::Begin(which) => self.bundle_object(which, Licence::Ordinary),
            Ask::Authorize(which) => {
                let number = next(ObjectKind::Authorization);
                let context = AuthorizationContext {
                    vehicle: profile.vehicle,
                    number,
                };
                let authorization = Authorization {
                    bundle: self.bundle(which)?,
                    image: self.image(which),
                    window: None,
                    expires_s: None,
                    evidence_root: Digest([0; 32]),
                };
                let envelope = self.signers(record).envelope(context, authorization);
                small(ObjectKind::Authorization, number, &envelope)
            }
            Ask::Keys => {
                let number = next(ObjectKind::KeySet);
                let context = KeySetContext {
                    class: profile.class,
                    number,
                };
                let envelope = self.crew.succession(&self.next_crew, context);
                small(ObjectKind::KeySet, number, &envelope)
            }
            _ => self.command(action(ask, self)?, record),
        }
    }

    fn bundle_object(&self, which: Which, licence: Licence) -> Option<UplinkObject> {
        let bundle = self.bundles.get(&(which, licence))?;
        let profile = &self.scenario.profile;
        let longest = profile.link.symbol_len_max;
        bundle.to_object(longest, profile.granule()).ok()
    }

    fn command(&self, action: Action, record: &Record) -> Option<UplinkObject> {
        let number = record.next_number(ObjectKind::Command);
        let context = CommandContext {
            vehicle: self.vehicle_id(),
            number,
        };
        let envelope = self.signers(record).envelope(context, Command { action });
        small(ObjectKind::Command, number, &envelope)
    }

    /// Whose signatures count.
    fn signers(&self, record: &Record) -> &Crew {
        if record.key_set == self.next_crew.key_set().version {
            &self.next_crew
        } else {
            &self.crew
        }
    }
}

fn small(kind: ObjectKind, number: ObjectNumber, envelope: &[u8]) -> Option<UplinkObject> {
    UplinkObject::fit(kind, number, envelope, SYMBOL_LEN, 2).ok()
}

fn action<const W: usize, const E: usize>(ask: Ask, people: &People<W, E>) -> Option<Action> {
    let epoch = Epoch::new(1)?;
    Some(match ask {
        Ask::Confirm(which) => Action::Confirm {
            image: people.image(which),
        },
        Ask::Rollback(which) => Action::Rollback {
            image: people.image(which),
        },
        Ask::Abort(which) => Action::Abort {
            kind: ObjectKind::Bundle,
            number: people.bundle(which)?,
        },
        Ask::BootGolden => Action::BootGolden,
        Ask::Hold => Action::Hold { held: true },
        Ask::Release => Action::Hold { held: false },
        Ask::Report => Action::ReportRequest,
        Ask::EpochSwitch => Action::EpochSwitch { epoch },
        // Ground knows the numbers from the reports before the loss: it leaves room for what it missed.
        Ask::Resync => Action::Resync {
            epoch,
            next: [ObjectNumber::from_be_bytes([0, 0, 9]); 4],
        },
        Ask::Bundle(..) | Ask::Begin(_) | Ask::Authorize(_) | Ask::Keys | Ask::Wait => {
            return None;
        }
    })
}

/// An image with a few changes.
fn changed(image: &[u8], by: u8) -> Vec<u8> {
    let mut changed = image.to_vec();
    for place in (300..changed.len()).step_by(997) {
        changed[place] ^= by;
    }
    changed
}

/// The bundle of the new image with each licence, one that brings the newest on the new one's ground, and one of the
/// same number that brings the spare one on the old one's.
fn bundles(
    scenario: &Scenario,
    crew: &Crew,
    newest: &[u8],
    spare: &[u8],
) -> Result<BTreeMap<(Which, Licence), Bundle>, ScenarioError> {
    let first = prepared::bundle(scenario, crew)?;
    let mut eager = scenario.clone();
    eager.options.activation = Activation::LoadAndGo;
    eager.options.evidence_root = Some(Digest([5; 32]));
    let mut sure = scenario.clone();
    sure.profile.trial.self_confirm = true;
    let mut other = scenario.clone();
    other.images.new = spare.into();
    other.options.number = scenario.options.number.next();
    other.options.version.major += 1;
    other.options.security_counter = 2;
    let mut later = other.clone();
    later.images.old = Arc::clone(&scenario.images.new);
    later.images.new = newest.into();
    later.options.base_version = scenario.options.version;
    Ok([
        ((Which::New, Licence::Ordinary), first),
        (
            (Which::New, Licence::LoadAndGo),
            prepared::bundle(&eager, crew)?,
        ),
        (
            (Which::New, Licence::SelfConfirm),
            prepared::bundle(&sure, crew)?,
        ),
        (
            (Which::Spare, Licence::Ordinary),
            prepared::bundle(&other, crew)?,
        ),
        (
            (Which::Newest, Licence::Ordinary),
            prepared::bundle(&later, crew)?,
        ),
    ]
    .into())
}

/// The slot that an image is brought to.
#[must_use]
pub const fn slot_of(which: Which) -> SlotId {
    match which {
        Which::New | Which::Spare => SlotId::B,
        Which::Old | Which::Newest => SlotId::A,
    }
}
