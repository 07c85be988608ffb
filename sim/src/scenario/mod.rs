//! A whole mission from options and a seed.
//!
//! [`Prepared`] does once what no seed changes (keys, bundle, signatures, the flash at launch, the plan of
//! the uplink); a run is then a copy of it and a world.
//!
//! ```no_run
//! use lightday_sim::scenario::{Images, Prepared, Scenario};
//! use lightday_sim::trace::Keep;
//!
//! let images = Images::new(&[1; 5000], &[2; 6000], &[3; 6100]);
//! let prepared = Prepared::<4, 4096>::new(Scenario::new("update", images))?;
//! let outcome = prepared.run(42, Keep::Headlines);
//! assert_eq!(outcome.digest, prepared.run(42, Keep::Digest).digest);
//! # Ok::<(), lightday_sim::scenario::ScenarioError>(())
//! ```

pub(crate) mod prepared;

pub use self::prepared::{Prepared, run};

use std::fmt;
use std::sync::Arc;

use lightday_boot::Identity;
use lightday_station::bundle::{BuildError, BuildOptions};
use lightday_station::link::LinkModel as PlannedLink;
use lightday_station::object::ObjectError;
use lightday_station::plan::PlanError;
use lightday_station::profile::{EXAMPLE, Profile, ProfileError};
use lightday_wire::{CodecId, ObjectNumber, Role, Version};

use crate::flash::{CutForm, Fault};
use crate::ground::{Intent, Order};
use crate::link::{LinkModel, Loss, Passes};
use crate::rng::Rng;
use crate::time::{MissionTime, Span};
use crate::vehicle::Behaviour;

/// The images of a mission.
#[derive(Clone, Debug)]
pub struct Images {
    /// Golden.
    pub golden: Arc<[u8]>,
    /// The one that runs at launch.
    pub old: Arc<[u8]>,
    /// The one that is brought.
    pub new: Arc<[u8]>,
}

impl Images {
    /// These images.
    #[must_use]
    pub fn new(golden: &[u8], old: &[u8], new: &[u8]) -> Self {
        Self {
            golden: golden.into(),
            old: old.into(),
            new: new.into(),
        }
    }
}

/// When an antenna is pointed: one pass a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When the first pass begins.
    pub first: Span,
    /// How long each is.
    pub length: Span,
    /// From one begin to the next.
    pub period: Span,
}

/// A mission.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, in traces and on command lines.
    pub name: String,
    /// How long it is watched.
    pub length: Span,
    /// The vehicle and its link.
    pub profile: Profile,
    /// The passes.
    pub schedule: Schedule,
    /// Passes that are lost, by place, counted from 0.
    pub lost_passes: Vec<usize>,
    /// Chance of every other pass to be lost.
    pub lost_pass_ppm: u32,
    /// Loss of frames, both ways.
    pub loss: Loss,
    /// Bit errors that nothing below detects.
    pub bit_error_ppb: u32,
    /// Frames that arrive twice.
    pub duplicate_ppm: u32,
    /// The images.
    pub images: Images,
    /// What the bundle says.
    pub options: BuildOptions,
    /// How the new image behaves.
    pub behaviour: Behaviour,
    /// What the people want.
    pub intent: Intent,
    /// Whether a bundle that strangers signed arrives before ours, and all is played back afterwards.
    pub is_attacked: bool,
    /// Whose signature the authorization goes up without.
    pub absent: Option<Role>,
    /// Whether the flash has ECC.
    pub has_ecc: bool,
    /// Flash operations at which the power is cut.
    pub cuts: Vec<(u64, CutForm)>,
    /// What goes wrong in the flash while the power is on, and from which operation on.
    pub faults: Vec<(u64, Fault)>,
    /// When a particle resets the processor, in order.
    pub upsets: Vec<Span>,
    /// When the record is wiped, all copies of it, and the processor is reset, in order.
    pub wipes: Vec<Span>,
    /// What the people send besides, and when, in order.
    pub orders: Vec<(Span, Order)>,
    /// Whether they resynchronise a vehicle that says that its record is lost.
    pub resyncs: bool,
    /// Whether a twin runs along.
    pub has_twin: bool,
}

/// Version 1.0.0 is golden, 2.0.0 flies, 3.0.0 is brought.
const fn version(major: u8) -> Version {
    Version {
        major,
        minor: 0,
        patch: 0,
    }
}

/// The bundle's number.
pub const BUNDLE: ObjectNumber = ObjectNumber::from_be_bytes([0, 0, 1]);

/// The profile of simulated vehicles: that of the station's example with a granule of 4 B, a decoder of a
/// Linux-class board, and any architecture.
///
/// # Panics
/// Never: the example is a profile.
#[must_use]
pub fn profile() -> Profile {
    let mut profile: Profile = toml::from_str(EXAMPLE).expect("the example is a profile");
    profile.arch = None;
    profile.decoder.ram = 32 << 20;
    profile.decoder.codecs = vec![CodecId::Store, CodecId::BsdiffZstd];
    // Four beacons in a pass of 8 h, of which some get lost.
    profile.link.beacon_s = 2 * 3600;
    profile
}

impl Scenario {
    /// A healthy update over a link that loses 10 % of its frames in bursts, 14 days long, with passes of
    /// 8 h each day.
    #[must_use]
    pub fn new(name: &str, images: Images) -> Self {
        let mut options = BuildOptions::new(BUNDLE, version(3));
        options.base_version = version(2);
        options.security_counter = 1;
        Self {
            name: name.into(),
            length: Span::from_days(14),
            profile: profile(),
            schedule: Schedule {
                first: Span::from_hours(2),
                length: Span::from_hours(8),
                period: Span::from_hours(24),
            },
            lost_passes: Vec::new(),
            lost_pass_ppm: 0,
            loss: Loss::bursts(100_000, 10),
            bit_error_ppb: 0,
            duplicate_ppm: 0,
            images,
            options,
            behaviour: Behaviour::Healthy,
            intent: Intent::Update,
            is_attacked: false,
            absent: None,
            has_ecc: false,
            cuts: Vec::new(),
            faults: Vec::new(),
            upsets: Vec::new(),
            wipes: Vec::new(),
            orders: Vec::new(),
            resyncs: false,
            has_twin: false,
        }
    }

    fn identity(&self) -> Identity {
        Identity {
            vehicle: self.profile.vehicle,
            class: self.profile.class,
            component: self.profile.component,
        }
    }

    fn light_time(&self) -> Span {
        Span::from_secs(self.profile.link.light_time_s)
    }

    /// The passes as booked.
    fn booked(&self) -> Passes {
        let Schedule {
            first,
            length,
            period,
        } = self.schedule;
        let count = self.length.ms().div_ceil(period.ms().max(1));
        Passes::regular(MissionTime::START + first, length, period, count)
    }

    /// The passes as they turn out.
    fn flown(&self, seed: u64) -> Passes {
        let mut rng = Rng::stream(seed, "passes");
        let passes = self.booked().losing(self.lost_pass_ppm, &mut rng);
        let lost = self.lost_passes.iter();
        lost.fold(passes, |passes, place| passes.without(*place))
    }

    fn link(&self, rate_bps: u32) -> LinkModel {
        LinkModel {
            rate_bps,
            light_time: self.light_time(),
            encapsulation: self.profile.link.encapsulation,
            loss: self.loss,
            bit_error_ppb: self.bit_error_ppb,
            duplicate_ppm: self.duplicate_ppm,
        }
    }

    /// What the planner is told: the truth about the frames, and one pass in twenty.
    fn planned_link(&self) -> PlannedLink {
        let bit_errors = f64::from(self.bit_error_ppb) / 1e9;
        PlannedLink::new(&self.profile.link, self.loss.planned(), bit_errors, 0.05)
    }
}

/// Why a scenario cannot be run: its images, its profile or its passes do not go together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The profile contradicts itself.
    Profile(ProfileError),
    /// The simulated flash has another geometry than the profile.
    Geometry {
        /// Program granule and erase block of the profile, in bytes.
        profile: (u16, u32),
        /// Those of the flash.
        flash: (usize, usize),
    },
    /// There is no bundle.
    Build(BuildError),
    /// The bundle cannot be cut into symbols.
    Object(ObjectError),
    /// There is no plan.
    Plan(PlanError),
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(error) => error.fmt(f),
            Self::Geometry { profile, flash } => write!(
                f,
                "the profile's flash has granules of {} B and blocks of {} B, the simulated one {} B and {} B",
                profile.0, profile.1, flash.0, flash.1
            ),
            Self::Build(error) => error.fmt(f),
            Self::Object(error) => error.fmt(f),
            Self::Plan(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ScenarioError {}
