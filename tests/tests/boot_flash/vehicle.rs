//! A vehicle with signed trailers: A is home, B holds a verified and authorized image with a higher
//! security counter. Built once, cloned for each test.

use std::ops::Range;
use std::sync::OnceLock;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use lightday_boot::store::RecordStore;
use lightday_boot::trailer::{Entry, Trailer};
use lightday_boot::{
    Boot, BootError, Elapsed, Identity, MemoryMap, Record, SlotMap, SlotRecord, Trial, keys, load,
};
use lightday_sim::crew::Crew;
use lightday_sim::flash::{CutForm, FlashError, SimFlash};
use lightday_sim::vehicle::{Layout, LayoutSizes, SimSupervisor};
use lightday_trust::digest::sha256;
use lightday_wire::manifest::FORMAT;
use lightday_wire::{
    Action, Activation, Authorization, AuthorizationContext, ClassId, CodecId, Command,
    CommandContext, ComponentId, Digest, Image, Location, Manifest, ManifestContext, ObjectNumber,
    Payload, ResetCause, SlotChoice, SlotId, SlotState, Target, TrialPolicy, VehicleId, Version,
};

pub type Flash = SimFlash<8, 4096>;

pub const LEASE_S: u32 = 7 * 86_400;
pub const HOUR_MS: u64 = 3_600_000;
pub const IDENTITY: Identity = Identity {
    vehicle: VehicleId(7),
    class: ClassId(1),
    component: ComponentId(0),
};
/// Every form of a cut, with a few draws of those that are random.
pub const FORMS: [CutForm; 8] = [
    CutForm::NotDone,
    CutForm::Barely(1),
    CutForm::Nearly(1),
    CutForm::Flickers(1),
    CutForm::Partial(1),
    CutForm::Partial(2),
    CutForm::Unstable(3),
    CutForm::Unstable(4),
];

const GOLDEN: (&[u8], u32) = (&[1; 999], 0);
const HOME: (&[u8], u32) = (&[2; 1234], 5);
const NEW: (&[u8], u32) = (&[3; 800], 6);

pub fn number(n: u32) -> ObjectNumber {
    ObjectNumber::new(n).unwrap()
}

#[derive(Clone)]
pub struct Vehicle {
    pub flash: Flash,
    pub map: MemoryMap,
    pub now: Elapsed,
}

pub fn crew() -> &'static Crew {
    static CREW: OnceLock<Crew> = OnceLock::new();
    CREW.get_or_init(|| Crew::new(1, 1))
}

pub fn image(bytes: &[u8]) -> Image {
    Image {
        digest: sha256(bytes),
        size: bytes.len() as u32,
        version: Version::default(),
    }
}

pub fn new_image() -> Image {
    image(NEW.0)
}

pub fn home_image() -> Image {
    image(HOME.0)
}

fn manifest((bytes, security_counter): (&[u8], u32)) -> Manifest {
    let image = image(bytes);
    Manifest {
        format: FORMAT,
        class_bound: false,
        component: ComponentId(0),
        slot: SlotChoice::Inactive,
        load_address: 0,
        security_counter,
        image,
        base: None,
        payload: Payload {
            codec: CodecId::Store,
            params: heapless::Vec::new(),
            ram: 0,
            digest: image.digest,
            size: image.size,
        },
        activation: Activation::OnAuthorization,
        trial: TrialPolicy {
            tries: 3,
            health_deadline_s: 3600,
            lease_s: LEASE_S,
            self_confirm: false,
        },
        evidence_root: None,
        text_digest: None,
    }
}

/// The envelope of a command, signed by `crew`.
pub fn command(crew: &Crew, n: u32, action: Action) -> Vec<u8> {
    let context = CommandContext {
        vehicle: IDENTITY.vehicle,
        number: number(n),
    };
    crew.envelope(context, Command { action })
}

fn install(flash: &mut Flash, place: SlotMap, bundle: u32, what: (&[u8], u32), confirm: bool) {
    flash.factory_load(place.image.start, what.0);
    let image = image(what.0).digest;
    let target = Target::Vehicle(IDENTITY.vehicle);
    let context = ManifestContext {
        target,
        number: number(bundle),
        base: None,
    };
    let to_authorize = AuthorizationContext {
        vehicle: IDENTITY.vehicle,
        number: number(bundle),
    };
    let authorization = Authorization {
        bundle: number(bundle),
        image,
        window: None,
        expires_s: None,
        evidence_root: Digest([0; 32]),
    };
    let trailer = Trailer::new(place.trailer);
    let installed = Entry::Installed {
        number: number(bundle),
        base: None,
        envelope: &crew().envelope(context, manifest(what)),
    };
    trailer.append(flash, installed).unwrap();
    let authorized = Entry::Authorized {
        number: number(bundle),
        envelope: &crew().envelope(to_authorize, authorization),
    };
    trailer.append(flash, authorized).unwrap();
    if confirm {
        let confirmed = Entry::Commanded {
            number: number(1),
            envelope: &command(crew(), 1, Action::Confirm { image }),
        };
        trailer.append(flash, confirmed).unwrap();
    }
}

fn entry(state: SlotState, bundle: u32, what: (&[u8], u32)) -> SlotRecord {
    let image = image(what.0);
    SlotRecord {
        state,
        bundle: number(bundle),
        image: image.digest,
        size: image.size,
        version: image.version,
        security_counter: what.1,
    }
}

/// The record of the vehicle below: home is A, B is verified, the next command is number 10.
pub fn record() -> Record {
    let slots = [
        entry(SlotState::Confirmed, 1, HOME),
        entry(SlotState::Verified, 2, NEW),
    ];
    let mut record = Record::at_launch(slots, Location::Slot(SlotId::A), 1);
    record.next = [3, 3, 10, 1].map(number);
    record.security_counter = HOME.1;
    record
}

fn build() -> Vehicle {
    let sizes = LayoutSizes {
        slot: 8192,
        staging: 8192,
        block: 8192,
    };
    let layout = Layout::new(8, 4096, sizes);
    let map = layout.map;
    let mut flash = Flash::new(layout.blocks);
    map.check(&flash).unwrap();
    keys::store(&mut flash, &map, crew().key_set()).unwrap();
    for copy in map.golden {
        install(&mut flash, copy, 0, GOLDEN, false);
    }
    keys::store_at_launch(&mut flash, &map, crew().key_set()).unwrap();
    for copy in map.golden {
        flash.protect(copy.image.start..copy.image.end());
        flash.protect(copy.trailer.start..copy.trailer.end());
    }
    install(&mut flash, map.slots[0], 1, HOME, true);
    install(&mut flash, map.slots[1], 2, NEW, false);
    let store = RecordStore::new(map.record);
    store.save(&mut flash, 0, &record()).unwrap();
    flash.clear_counters();
    Vehicle {
        flash,
        map,
        now: Elapsed(HOUR_MS),
    }
}

pub fn vehicle() -> Vehicle {
    static VEHICLE: OnceLock<Vehicle> = OnceLock::new();
    VEHICLE.get_or_init(build).clone()
}

impl Vehicle {
    pub fn store(&self) -> RecordStore {
        RecordStore::new(self.map.record)
    }

    pub fn record(&mut self) -> Record {
        self.store().load(&mut self.flash).expect("a record").record
    }

    /// Changes the record as an application that writes to flash could.
    pub fn forge(&mut self, change: impl FnOnce(&mut Record)) {
        let mut record = self.record();
        change(&mut record);
        self.store().save(&mut self.flash, 1, &record).unwrap();
    }

    /// What the agent commits when it activates B.
    pub fn activate(mut self) -> Self {
        self.forge(|record| {
            record.slots[1].state = SlotState::Trial;
            record.trial = Trial::new(3, LEASE_S);
        });
        self
    }

    /// Appends a signed command to the trailer of B.
    pub fn hear(&mut self, n: u32, action: Action) {
        let entry = Entry::Commanded {
            number: number(n),
            envelope: &command(crew(), n, action),
        };
        let trailer = Trailer::new(self.map.slots[1].trailer);
        trailer.append(&mut self.flash, entry).unwrap();
    }

    /// A reset: what boots, and the deadline that stands.
    pub fn reset(&mut self, cause: ResetCause) -> Result<(Boot, Option<Elapsed>), BootError> {
        let mut supervisor = SimSupervisor::new(self.now, 60_000);
        supervisor.reset(cause);
        let boot = load(&mut self.flash, &self.map, IDENTITY, &mut supervisor)?;
        Ok((boot, supervisor.deadline()))
    }

    pub fn boots(&mut self, cause: ResetCause) -> Location {
        self.reset(cause).expect("something boots").0.location
    }
}

/// A flash that cannot read a range of addresses.
pub struct Faulty {
    pub flash: Flash,
    pub dead: Range<u32>,
}

impl ErrorType for Faulty {
    type Error = FlashError;
}

impl ReadNorFlash for Faulty {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let end = offset + u32::try_from(bytes.len()).unwrap();
        if offset < self.dead.end && self.dead.start < end {
            return Err(FlashError::Uncorrectable(offset));
        }
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Faulty {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.flash.write(offset, bytes)
    }
}
