//! The checker's reading against bytes that are laid out by hand, and against the code that flies.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::floors::{self, Floor};
use lightday_boot::store::RecordStore;

use super::*;
use crate::flash::CutForm;
use crate::vehicle::{Layout, LayoutSizes};

fn launch() -> (SimFlash<8, 2048>, MemoryMap) {
    let sizes = LayoutSizes {
        slot: 8192,
        staging: 8192,
        block: 8192,
    };
    let layout = Layout::new(8, 2048, sizes);
    (SimFlash::new(layout.blocks), layout.map)
}

/// A record of which no two bytes in a row are alike, as far as its codes let it.
fn busy() -> Record {
    let slot = |state, by: u8| SlotRecord {
        state,
        bundle: ObjectNumber::from_be_bytes([by, 1, 2]),
        image: Digest(std::array::from_fn(|at| by.wrapping_add(at as u8))),
        size: 0x0102_0304 * u32::from(by),
        version: Version {
            major: by,
            minor: by + 1,
            patch: 0x0203,
        },
        security_counter: 0x0908_0706,
    };
    let slots = [slot(SlotState::Confirmed, 3), slot(SlotState::Trial, 40)];
    Record {
        trial: Trial {
            started: true,
            tries_left: 2,
            environment_left: 9,
            command_floor: ObjectNumber::from_be_bytes([7, 8, 9]),
            lease_s: 0x0a0b_0c0d,
            deadline: Elapsed(0x1122_3344_5566_7788),
            health_deadline: Elapsed(0x99aa_bbcc),
            healthy: true,
            give_up: RevertCause::LeaseExpired,
        },
        next: [1, 2, 3, 4].map(|by| ObjectNumber::from_be_bytes([by, by + 8, by + 16])),
        verdicts: [1, 2, 3, 4].map(|by| Verdict {
            number: ObjectNumber::from_be_bytes([by, 5, by]),
            stage: Stage::from_code(by).unwrap(),
            refusal: Refusal::from_code(by + 20).unwrap(),
        }),
        barred: [60, 70, 80, 90].map(|by| Digest([by; 32])),
        revert_cause: RevertCause::CrashLoop,
        reverted: ObjectNumber::from_be_bytes([6, 5, 4]),
        resets: 0x0102,
        reset_cause: ResetCause::Upset,
        crashes: 2,
        environment: 7,
        patch_attempts: 5,
        held: true,
        command_loss: Elapsed(0x0807_0605_0403_0201),
        epoch: Epoch::new(3).unwrap(),
        security_counter: 0x0403_0201,
        ..Record::at_launch(slots, Location::Slot(SlotId::B), 0x0709)
    }
}

#[test]
fn what_the_flying_code_saves_is_read_as_it_was_meant() {
    let (mut flash, map) = launch();
    assert_eq!(record(&flash, &map), None);
    let store = RecordStore::new(map.record);
    let mut sequence = 0;
    for resets in 0..20 {
        let saved = Record { resets, ..busy() };
        sequence = store.save(&mut flash, sequence, &saved).unwrap();
        assert_eq!(record(&flash, &map), Some(saved));
    }
}

#[test]
fn the_fields_lie_where_the_specification_says() {
    let (mut flash, map) = launch();
    let store = RecordStore::new(map.record);
    store.save(&mut flash, 0, &busy()).unwrap();
    let start = map.record[0].start;
    let cell = flash.peek(start..start + 512).unwrap().to_vec();
    assert_eq!(cell[..12], [b'L', b'D', 1, 1, 0, 0, 0, 1, 1, 56, 0, 0]);
    let data = &cell[16..16 + 312];
    // Of the table, the first byte of some of its rows.
    let rows = [
        (0, 1),
        (1, 0x3c),
        (2, 0x66),
        (6, 3),
        (50, 0x5a),
        (98, 1),
        (108, 0x11),
        (126, 1),
        (138, 1),
        (158, 60),
        (290, 1),
        (293, 2),
        (294, 7),
        (305, 3),
        (307, 9),
        (311, 1),
    ];
    for (offset, byte) in rows {
        assert_eq!(data[offset], byte, "at {offset}");
    }
    assert_eq!(decode(data), Some(busy()));
    for (offset, unknown) in [(1, 0), (2, 0x99), (98, 2), (305, 16), (292, 99)] {
        let mut bytes = data.to_vec();
        bytes[offset] = unknown;
        assert_eq!(decode(&bytes), None, "at {offset}");
    }
}

#[test]
fn a_torn_record_is_none_and_three_are_outvoted() {
    let (mut flash, map) = launch();
    let store = RecordStore::new(map.record);
    let first = Record {
        resets: 1,
        ..busy()
    };
    let sequence = store.save(&mut flash, 0, &first).unwrap();
    let second = Record {
        resets: 2,
        ..busy()
    };
    store.save(&mut flash, sequence, &second).unwrap();
    for (place, copy) in map.record.iter().enumerate() {
        assert_eq!(record(&flash, &map), Some(second.clone()));
        flash.flip(copy.start + 512 + 40 + place as u32, 3);
    }
    // One bit in each, each time another: the majority knows.
    assert_eq!(record(&flash, &map), Some(second.clone()));
    for copy in map.record {
        flash.flip(copy.start + 512 + 100, 5);
    }
    assert_eq!(record(&flash, &map), Some(first));
    for copy in map.record {
        flash.flip(copy.start + 100, 5);
    }
    assert_eq!(record(&flash, &map), None);
}

#[test]
fn floors_are_counted_as_the_specification_says() {
    let (mut flash, map) = launch();
    for (floor, target) in [(Floor::Epoch, 2), (Floor::KeySet, 5), (Floor::Security, 9)] {
        floors::raise(&mut flash, map.floors, floor, target).unwrap();
    }
    assert_eq!(floors(&flash, map.floors), [2, 5, 9]);
    // Three bits are no step; across two such words is counted, across three is not.
    let epoch = map.floors.start;
    flash
        .write(epoch + 2 * 8, &[0xf8, 255, 255, 255, 255, 255, 255, 255])
        .unwrap();
    assert_eq!(floors(&flash, map.floors)[0], 2);
    flash
        .write(epoch + 4 * 8, &[0xf0, 255, 255, 255, 255, 255, 255, 255])
        .unwrap();
    assert_eq!(floors(&flash, map.floors)[0], 5);
    flash.write(epoch + 8 * 8, &[0; 8]).unwrap();
    assert_eq!(floors(&flash, map.floors)[0], 5);
}

#[test]
fn the_checksum_is_that_of_zlib() {
    assert_eq!(crc32(&[b"12345", b"6789"]), 0xcbf4_3926);
}

#[test]
fn a_record_in_cells_that_read_at_random_may_not_be_there() {
    let (mut flash, map) = launch();
    let store = RecordStore::new(map.record);
    assert!(!is_stable(&flash, &map), "there is none");
    let form = CutForm::Unstable(1);
    // The first save is cut off at the operation behind which one copy reads as whole.
    let first_copy = (0..8).find(|operation| {
        flash = launch().0;
        flash.cut_at(*operation, form);
        store.save(&mut flash, 0, &busy()).unwrap_err();
        flash.power_on();
        record(&flash, &map) == Some(busy())
    });
    assert!(first_copy.is_some());
    assert!(!is_stable(&flash, &map), "nobody knows");
    store.save(&mut flash, 0, &busy()).unwrap();
    assert!(is_stable(&flash, &map));
    // One copy will do.
    flash.cut_at(flash.operations(), form);
    store.save(&mut flash, 5, &busy()).unwrap_err();
    flash.power_on();
    assert!(is_stable(&flash, &map));
}
