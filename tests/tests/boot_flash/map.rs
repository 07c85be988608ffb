//! The memory map is held against the flash before anything relies on it.

use lightday_boot::{MapError, MemoryMap, Region};
use lightday_sim::flash::SimFlash;

use crate::vehicle::{Flash, vehicle};

fn check(change: impl FnOnce(&mut MemoryMap)) -> Result<(), MapError> {
    let vehicle = vehicle();
    let mut map = vehicle.map;
    change(&mut map);
    map.check(&vehicle.flash)
}

#[test]
fn a_map_that_fits_is_accepted_also_with_a_single_golden() {
    assert_eq!(check(|_| ()), Ok(()));
    assert_eq!(check(|map| map.golden[1] = map.golden[0]), Ok(()));
}

#[test]
fn each_fault_of_a_map_names_its_region() {
    let unaligned = Region {
        start: 100,
        len: 4096,
    };
    assert_eq!(
        check(|map| map.pending = unaligned),
        Err(MapError::Unaligned(unaligned))
    );
    let outside = Region {
        start: 0x1000_0000,
        len: 4096,
    };
    assert_eq!(
        check(|map| map.block = outside),
        Err(MapError::OutsideFlash(outside))
    );
    let shared = vehicle().map.record[0];
    let overlap = check(|map| map.record[1] = shared);
    assert_eq!(overlap, Err(MapError::Overlap(shared, shared)));
    let empty = Region { start: 0, len: 0 };
    assert_eq!(
        check(|map| map.staging = empty),
        Err(MapError::TooSmall(empty))
    );
    // One erase block names the object; none would be left for its symbols.
    let mut staging = empty;
    let small = check(|map| {
        map.staging.len = 4096;
        staging = map.staging;
    });
    assert_eq!(small, Err(MapError::TooSmall(staging)));
}

/// Regression: with small erase blocks a region of the record could be shorter than its cell, and every
/// boot found the record lost.
#[test]
fn a_region_that_holds_no_cell_is_refused() {
    let map = vehicle().map;
    let flash = SimFlash::<8, 256>::new(1024);
    assert_eq!(map.check(&flash), Ok(()));
    let shrink = |change: fn(&mut MemoryMap) -> &mut Region| {
        let mut map = map;
        change(&mut map).len = 256;
        assert_eq!(
            map.check(&flash),
            Err(MapError::TooSmall(*change(&mut map)))
        );
    };
    shrink(|map| &mut map.record[2]);
    shrink(|map| &mut map.pending);
    shrink(|map| &mut map.key_sets[0]);
    shrink(|map| &mut map.slots[1].trailer);
    shrink(|map| &mut map.golden[0].trailer);
    shrink(|map| &mut map.floors);
    // Room for golden's papers, none for the launch key set.
    let mut narrow = map;
    narrow.golden[1].trailer.len = 1024;
    let trailer = narrow.golden[1].trailer;
    assert_eq!(narrow.check(&flash), Err(MapError::TooSmall(trailer)));
    assert!(map.check(&Flash::new(1)).is_err());
}
