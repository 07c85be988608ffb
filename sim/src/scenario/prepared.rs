//! A scenario made ready: keys, bundle, signatures, the flash at launch and the plan of the uplink, once for
//! all seeds.

use std::sync::Arc;

use lightday_agent::Config;
use lightday_station::bundle::{Bundle, build};
use lightday_station::cut::cut;
use lightday_station::document::Draft;
use lightday_station::image::Image;
use lightday_station::landmarks::Landmarks;
use lightday_station::link::Pass as PlannedPass;
use lightday_station::object::UplinkObject;
use lightday_station::profile::Profile;
use lightday_station::session::{Persistence, UplinkSession};
use lightday_trust::{Direction, KeySet};
use lightday_wire::{
    Authorization, AuthorizationContext, Digest, Epoch, ObjectKind, ObjectNumber, SlotId,
};

use super::{Scenario, ScenarioError, version};
use crate::checker::Checker;
use crate::crew::Crew;
use crate::ending::Subject;
use crate::flash::SimFlash;
use crate::ground::{Base, Follower, FrameStore, Ground, Operator, Order, Orders, Site};
use crate::intruder::Intrusion;
use crate::link::{Link, Way};
use crate::outcome::{Figures, Outcome};
use crate::rng::Rng;
use crate::time::{Calendar, MissionTime, Span};
use crate::trace::{Keep, Trace};
use crate::twin::Twin;
use crate::vehicle::{
    Behaviour, DecoderMemory, Launch, Launched, Layout, LayoutSizes, Software, Vehicle,
};
use crate::world::{Parts, World};

/// When simulated missions begin: 2027-01-15 08:00:00 UTC.
const START_UNIX_S: u64 = 1_800_000_000;
/// Their calendar.
pub(crate) const CALENDAR: Calendar = Calendar {
    start_unix_s: START_UNIX_S,
};
/// The chance of success without feedback that uplinks are planned for.
const TARGET: f64 = 0.999;
/// The crew of every mission: what a seed changes is the world, not the keys.
pub(crate) const CREW_SEED: u64 = 1;

/// A scenario with everything that no seed changes.
pub struct Prepared<const WRITE: usize, const ERASE: usize> {
    scenario: Scenario,
    crew: Arc<Crew>,
    bundle: Bundle,
    session: UplinkSession,
    frames: FrameStore,
    flash: SimFlash<WRITE, ERASE>,
    config: Config,
    subject: Subject,
    golden: Digest,
    intrusion: Intrusion,
    orders: Orders,
}

impl<const WRITE: usize, const ERASE: usize> Prepared<WRITE, ERASE> {
    /// Prepares a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub fn new(scenario: Scenario) -> Result<Self, ScenarioError> {
        let bundle = bundle(&scenario, &Crew::new(CREW_SEED, 2))?;
        Self::with_bundle(scenario, bundle)
    }

    /// Prepares a scenario with the bundle of another one that has the same images, profile and options: a good
    /// patch takes seconds to search.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub fn with_bundle(scenario: Scenario, bundle: Bundle) -> Result<Self, ScenarioError> {
        let profile = &scenario.profile;
        let crew = Arc::new(Crew::new(CREW_SEED, 2));
        let VehicleParts { flash, config } = parts(&scenario, &crew)?;
        let (session, objects) = session(&scenario, &crew, &bundle)?;
        let key = crew
            .link_keys()
            .frame_key(profile.vehicle, Direction::Up, Epoch::FIRST);
        let intrusion = intrusion(&scenario, &crew)?;
        let image = |bytes: &[u8]| lightday_trust::digest::sha256(bytes);
        let subject = Subject {
            old: image(&scenario.images.old),
            new: image(&scenario.images.new),
            bundle: bundle.number(),
        };
        Ok(Self {
            frames: FrameStore::new(&objects, key, profile.link.tag_len),
            session,
            flash,
            config,
            subject,
            golden: image(&scenario.images.golden),
            intrusion,
            orders: orders(&scenario, &crew)?,
            bundle,
            crew,
            scenario,
        })
    }

    /// The scenario.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The bundle, signed.
    #[must_use]
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The images and the bundle that the mission is about.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What the mission costs whatever the seed.
    fn figures(&self) -> Figures {
        Figures {
            image_bytes: self.bundle.manifest().image.size.into(),
            payload_bytes: self.bundle.payload().len() as u64,
            bundle_bytes: self.bundle.object_bytes().len() as u64,
        }
    }

    /// A world at the start of the mission.
    #[must_use]
    pub fn world(&self, seed: u64, keep: Keep) -> World<WRITE, ERASE> {
        let scenario = &self.scenario;
        let calendar = CALENDAR;
        let Subject { old, new, .. } = self.subject;
        // What lies about its health fools the agent; ordinary telemetry shows that no work is done.
        let works = scenario.behaviour != Behaviour::LiesAboutHealth;
        let mut software = Software::default();
        software.set(new, scenario.behaviour);
        let vehicle = |software: Software| {
            let (flash, config) = (self.flash.clone(), self.config.clone());
            let memory = DecoderMemory::of(&scenario.profile.decoder);
            Vehicle::new(flash, config, software, calendar, seed).with_decoder_ram(memory.ram)
        };
        let follower = self.orders.follower.as_ref().map(|follower| follower.image);
        let mut operator = Operator::new(scenario.intent, old, new, works);
        if let Some(image) = follower {
            operator = operator.expecting(image);
        }
        let ground = Ground::new(
            self.session.clone(),
            operator,
            Arc::clone(&self.crew),
            self.frames.clone(),
            Site {
                vehicle: scenario.profile.vehicle,
                light_time: scenario.light_time(),
                calendar,
                symbol_len: scenario.profile.link.symbol_len_max,
                tag_len: scenario.profile.link.tag_len,
            },
            self.orders.clone(),
        );
        let link = &scenario.profile.link;
        let link_of =
            |way, rate_bps, name| Link::new(scenario.link(rate_bps), way, Rng::stream(seed, name));
        let twin = scenario
            .has_twin
            .then(|| Twin::new(vehicle(Software::default())));
        let mut vehicle = vehicle(software);
        if scenario.has_ecc {
            let flash = vehicle.flash_mut();
            *flash = flash.clone().with_ecc();
        }
        vehicle.flash_mut().spare_boots();
        for (operation, fault) in &scenario.faults {
            vehicle.flash_mut().fail_at(*operation, fault.clone());
        }
        let released = [self.golden, old, new].into_iter().chain(follower);
        let mut checker = Checker::new(&vehicle, released);
        if scenario.behaviour == Behaviour::Vandal {
            checker = checker.tolerating_vandals();
        } else if !(scenario.faults.is_empty() && scenario.wipes.is_empty()) {
            checker = checker.tolerating_damage();
        }
        World::new(Parts {
            ground,
            vehicle,
            up: link_of(Way::Up, link.rate_up_bps, "uplink"),
            down: link_of(Way::Down, link.rate_down_bps, "downlink"),
            passes: scenario.flown(seed),
            checker,
            trace: Trace::new(keep),
            subject: self.subject,
            twin,
            intrusion: self.intrusion.clone(),
            cuts: scenario.cuts.clone(),
            upsets: instants(&scenario.upsets),
            wipes: instants(&scenario.wipes),
        })
    }

    /// Runs the mission of a seed to its end.
    #[must_use]
    pub fn run(&self, seed: u64, keep: Keep) -> Outcome {
        let mut world = self.world(seed, keep);
        world.run_until(MissionTime::START + self.scenario.length);
        Outcome::of(&self.scenario.name, seed, &world, self.figures())
    }
}

/// Runs a scenario once.
///
/// # Errors
/// [`ScenarioError`].
pub fn run<const WRITE: usize, const ERASE: usize>(
    scenario: &Scenario,
    seed: u64,
) -> Result<Outcome, ScenarioError> {
    let prepared = Prepared::<WRITE, ERASE>::new(scenario.clone())?;
    Ok(prepared.run(seed, Keep::Headlines))
}

fn instants(spans: &[Span]) -> Vec<MissionTime> {
    spans.iter().map(|at| MissionTime::START + *at).collect()
}

/// What the people send besides, with what it takes.
fn orders(scenario: &Scenario, crew: &Crew) -> Result<Orders, ScenarioError> {
    let all = scenario.orders.iter();
    let base = all.clone().find_map(|(_, order)| match order {
        Order::Follower(base) => Some(*base),
        _ => None,
    });
    let has_keys = all.clone().any(|(_, order)| *order == Order::Keys);
    Ok(Orders {
        due: all
            .map(|(at, order)| (MissionTime::START + *at, *order))
            .collect(),
        follower: base
            .map(|base| follower(scenario, crew, base))
            .transpose()?,
        successors: has_keys.then(|| Arc::new(Crew::new(CREW_SEED + 3, 3))),
        resyncs: scenario.resyncs,
        class: scenario.profile.class,
    })
}

/// The bundle of the next number: an image with a few changes of its own.
fn follower(scenario: &Scenario, crew: &Crew, base: Base) -> Result<Follower, ScenarioError> {
    let mut next = scenario.clone();
    let mut bytes = scenario.images.new.to_vec();
    for place in (300..bytes.len()).step_by(997) {
        bytes[place] ^= 0x5a;
    }
    next.options.number = scenario.options.number.next();
    next.options.version = version(4);
    if base == Base::New {
        next.images.old = Arc::clone(&scenario.images.new);
        next.options.base_version = scenario.options.version;
    }
    let image = lightday_trust::digest::sha256(&bytes);
    next.images.new = bytes.into();
    let profile = &scenario.profile;
    let bundle = bundle(&next, crew)?;
    let object = cut(
        ObjectKind::Bundle,
        bundle.number(),
        &bundle.object_bytes(),
        profile,
        &scenario.planned_link(),
    )
    .map_err(ScenarioError::Object)?;
    Ok(Follower { object, image })
}

fn image(bytes: &[u8]) -> Image {
    Image {
        bytes: bytes.to_vec(),
        load_address: None,
        entry: None,
        arch: None,
        landmarks: Landmarks::default(),
    }
}

pub(crate) fn bundle(scenario: &Scenario, crew: &Crew) -> Result<Bundle, ScenarioError> {
    let (old, new) = (image(&scenario.images.old), image(&scenario.images.new));
    let mut bundle = build(
        Some(&old),
        &new,
        &scenario.profile,
        &scenario.options,
        &|_| (),
    )
    .map_err(ScenarioError::Build)?;
    crew.sign(&mut bundle);
    Ok(bundle)
}

/// The session with bundle and authorization queued, and its objects.
fn session(
    scenario: &Scenario,
    crew: &Crew,
    bundle: &Bundle,
) -> Result<(UplinkSession, Vec<UplinkObject>), ScenarioError> {
    let profile = &scenario.profile;
    let link = scenario.planned_link();
    let passes = scenario.booked();
    let passes = passes.as_slice().iter().map(|pass| PlannedPass {
        start_s: START_UNIX_S + pass.begins.secs(),
        end_s: START_UNIX_S + pass.ends.secs(),
        ..PlannedPass::default()
    });
    let mut session = UplinkSession::new(passes.collect(), link, TARGET, Persistence::Planned);
    let context = AuthorizationContext {
        vehicle: profile.vehicle,
        number: ObjectNumber::from_be_bytes([0, 0, 1]),
    };
    let authorization = Authorization {
        bundle: bundle.number(),
        image: bundle.manifest().image.digest,
        window: None,
        expires_s: None,
        evidence_root: Digest([0; 32]),
    };
    let mut draft = Draft::new(context, authorization).expect("authorizations are short");
    crew.sign_without(scenario.absent, &mut draft);
    let parts = [
        (ObjectKind::Bundle, bundle.number(), bundle.object_bytes()),
        (
            ObjectKind::Authorization,
            context.number,
            draft.object_bytes(),
        ),
    ];
    let objects = parts
        .iter()
        .map(|(kind, number, bytes)| cut(*kind, *number, bytes, profile, &link))
        .collect::<Result<Vec<UplinkObject>, _>>()
        .map_err(ScenarioError::Object)?;
    for object in &objects {
        session
            .push(object.clone(), START_UNIX_S * 1000)
            .map_err(ScenarioError::Plan)?;
    }
    Ok((session, objects))
}

/// What a vehicle is made of.
pub(crate) struct VehicleParts<const WRITE: usize, const ERASE: usize> {
    /// Its flash on the day of its launch.
    pub flash: SimFlash<WRITE, ERASE>,
    /// Its agent's configuration.
    pub config: Config,
}

/// The parts of a scenario's vehicle, launched under the key set of `crew`.
pub(crate) fn parts<const WRITE: usize, const ERASE: usize>(
    scenario: &Scenario,
    crew: &Crew,
) -> Result<VehicleParts<WRITE, ERASE>, ScenarioError> {
    let profile = &scenario.profile;
    profile.check().map_err(ScenarioError::Profile)?;
    let (granule, erase) = (profile.memory.program_granule, profile.memory.erase_block);
    if usize::from(granule) != WRITE || usize::try_from(erase) != Ok(ERASE) {
        return Err(ScenarioError::Geometry {
            profile: (granule, erase),
            flash: (WRITE, ERASE),
        });
    }
    // The factory's keys stay behind: the first images are proven under key set 1, flight has 2.
    let factory = Crew::new(CREW_SEED + 1, 1);
    let layout = layout(profile);
    Ok(VehicleParts {
        flash: launch(scenario, &layout, crew.key_set(), &factory).flash(),
        config: config(scenario, &layout, crew),
    })
}

fn layout(profile: &Profile) -> Layout {
    let memory = &profile.memory;
    let sizes = LayoutSizes {
        slot: memory.slot_size,
        staging: memory.staging_size,
        block: memory.staging_size,
    };
    Layout::new(memory.program_granule.into(), memory.erase_block, sizes)
}

fn launch<'a>(
    scenario: &'a Scenario,
    layout: &'a Layout,
    keys: &'a KeySet,
    factory: &'a Crew,
) -> Launch<'a> {
    Launch {
        layout,
        identity: scenario.identity(),
        keys,
        factory,
        golden: Launched {
            bytes: &scenario.images.golden,
            version: version(1),
        },
        first: Launched {
            bytes: &scenario.images.old,
            version: scenario.options.base_version,
        },
    }
}

fn config(scenario: &Scenario, layout: &Layout, crew: &Crew) -> Config {
    let profile = &scenario.profile;
    Config {
        identity: scenario.identity(),
        map: layout.map,
        link_keys: crew.link_keys().clone(),
        tag_len: profile.link.tag_len,
        load_addresses: SlotId::ALL.map(|slot| Some(profile.memory.load_address.of(slot))),
        decoder_heap: DecoderMemory::of(&profile.decoder).heap,
        // Two leases and as much again: the revert comes before safe mode.
        command_loss_s: 3 * u64::from(profile.trial.lease_s),
        beacon_s: profile.link.beacon_s,
    }
}

/// Strangers' bundles: one under a link key of their own, one under ours, which they stole.
fn intrusion(scenario: &Scenario, crew: &Crew) -> Result<Intrusion, ScenarioError> {
    if !scenario.is_attacked {
        return Ok(Intrusion::default());
    }
    let profile = &scenario.profile;
    let strangers = Crew::new(CREW_SEED + 2, 2);
    let mut images = scenario.clone();
    // Something else than what we send: a copy of what flies, under a higher version.
    images.images.new = Arc::clone(&scenario.images.old);
    images.options.version = version(9);
    let forged = bundle(&images, &strangers)?;
    let object = forged
        .to_object(profile.link.symbol_len_max, profile.granule())
        .map_err(ScenarioError::Object)?;
    let mut intrusion = Intrusion {
        forged: Vec::new(),
        replay_at: Some(MissionTime::START + Span::from_days(5)),
    };
    for (attempt, crew, at) in [
        (
            "forges a bundle under a link key of their own",
            &strangers,
            Span::from_hours(1),
        ),
        (
            "forges a bundle under the link key, which they stole",
            crew,
            Span::from_hours(5),
        ),
    ] {
        let key = Intrusion::link_key(crew, profile.vehicle);
        let at = MissionTime::START + at;
        intrusion.send(attempt, &object, &key, profile.link.tag_len, at);
    }
    Ok(intrusion)
}
