//! The vehicle of the bench as it leaves the factory: golden and slot A with their papers, keys and record.
//!
//! Not the simulator's factory: that one signs by a crew whose launch images are authorized too, and tests of
//! the bench want a trailer with as few papers as will boot.

use lightday_boot::store::RecordStore;
use lightday_boot::trailer::{Entry, Trailer};
use lightday_boot::{Identity, MemoryMap, Record, SlotMap, SlotRecord, keys};
use lightday_sim::flash::SimFlash;
use lightday_sim::vehicle::Layout;
use lightday_trust::digest::sha256;
use lightday_wire::{
    Action, ClassId, CommandContext, ComponentId, Image, Location, ManifestContext, ObjectNumber,
    SlotId, SlotState, Target, VehicleId, Version,
};

use crate::bench_ground::launch_manifest;
use crate::bench_staff::Staff;

/// Who the vehicle is.
pub const IDENTITY: Identity = Identity {
    vehicle: VehicleId(7),
    class: ClassId(3),
    component: ComponentId(1),
};
/// Bytes that are looked at together; a multiple of every granule.
const PAGE: usize = 4096;

/// Bytes that look like an image.
#[must_use]
pub fn image(seed: u8, len: usize) -> Vec<u8> {
    let mut state = u32::from(seed) | 0x100;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// The image that slot A is launched with.
#[must_use]
pub fn first_image() -> Vec<u8> {
    image(1, 5000)
}

/// What a manifest says about an image.
#[must_use]
pub fn describe(bytes: &[u8], major: u8) -> Image {
    Image {
        digest: sha256(bytes),
        size: u32::try_from(bytes.len()).expect("small"),
        version: Version {
            major,
            ..Version::default()
        },
    }
}

fn install<const WRITE: usize, const ERASE: usize>(
    flash: &mut SimFlash<WRITE, ERASE>,
    place: SlotMap,
    staff: &Staff,
    bytes: &[u8],
    image: Image,
) {
    flash.factory_load(place.image.start, bytes);
    let number = ObjectNumber::default();
    let context = ManifestContext {
        target: Target::Vehicle(IDENTITY.vehicle),
        number,
        base: None,
    };
    let command = CommandContext {
        vehicle: IDENTITY.vehicle,
        number,
    };
    let action = Action::Confirm {
        image: image.digest,
    };
    let manifest = staff.envelope(context, launch_manifest(image));
    let confirm = staff.envelope(command, lightday_wire::Command { action });
    for entry in [
        Entry::Installed {
            number,
            base: None,
            envelope: &manifest,
        },
        Entry::Commanded {
            number,
            envelope: &confirm,
        },
    ] {
        Trailer::new(place.trailer)
            .append(flash, entry)
            .expect("two documents fit");
    }
}

pub(crate) fn factory<const WRITE: usize, const ERASE: usize>(
    layout: &Layout,
    staff: &Staff,
    first: &[u8],
) -> SimFlash<WRITE, ERASE> {
    let map = &layout.map;
    let mut flash = SimFlash::new(layout.blocks);
    map.check(&flash).expect("the layout suits");
    keys::store(&mut flash, map, staff.key_set()).expect("it fits");
    let golden = image(9, 4000);
    for copy in map.golden {
        install(&mut flash, copy, staff, &golden, describe(&golden, 0));
    }
    keys::store_at_launch(&mut flash, map, staff.key_set()).expect("golden has room");
    protect_golden(&mut flash, map);
    let described = describe(first, 1);
    install(&mut flash, map.slot(SlotId::A), staff, first, described);
    let slot_a = SlotRecord {
        state: SlotState::Confirmed,
        image: described.digest,
        size: described.size,
        version: described.version,
        ..SlotRecord::EMPTY
    };
    let home = Location::Slot(SlotId::A);
    let record = Record::at_launch([slot_a, SlotRecord::EMPTY], home, staff.key_set().version);
    RecordStore::new(map.record)
        .save(&mut flash, 0, &record)
        .expect("it fits");
    flash.clear_counters();
    flash
}

fn protect_golden<const WRITE: usize, const ERASE: usize>(
    flash: &mut SimFlash<WRITE, ERASE>,
    map: &MemoryMap,
) {
    for copy in map.golden {
        for region in [copy.image, copy.trailer] {
            flash.protect(region.start..region.end());
        }
    }
}

pub(crate) fn flown_flash<const WRITE: usize, const ERASE: usize>(
    layout: &Layout,
    bytes: &[u8],
) -> SimFlash<WRITE, ERASE> {
    assert_eq!(bytes.len(), layout.blocks * ERASE, "the whole flash");
    let mut flash = flown(bytes);
    protect_golden(&mut flash, &layout.map);
    flash
}

/// A flash that holds these bytes, granule by granule: what is erased stays free to be programmed.
///
/// # Panics
/// If it is longer than 4 GiB.
#[must_use]
pub fn flown<const WRITE: usize, const ERASE: usize>(bytes: &[u8]) -> SimFlash<WRITE, ERASE> {
    let mut flash = SimFlash::new(bytes.len() / ERASE);
    // Most of a flash is erased, and passed over by the page.
    let erased = [0xff; PAGE];
    let pages = bytes.chunks(PAGE).enumerate();
    for (page, bytes) in pages.filter(|(_, page)| *page != &erased[..page.len()]) {
        for (place, granule) in bytes.chunks(WRITE).enumerate() {
            if granule.iter().any(|byte| *byte != 0xff) {
                let at = u32::try_from(page * PAGE + place * WRITE).expect("32 bit");
                flash.factory_load(at, granule);
            }
        }
    }
    flash.clear_counters();
    flash
}
