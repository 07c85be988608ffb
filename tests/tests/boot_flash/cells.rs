//! Cells and trailers: what is torn is passed over, what is whole is never touched again.

use lightday_boot::cells::{
    Cell, CellError, CellLog, DOCUMENT_CELL, HEADER_LEN, MAX_CELL, MAX_DOCUMENTS,
};
use lightday_boot::judge;
use lightday_boot::keys;
use lightday_boot::trailer::Trailer;
use lightday_boot::{FlashError, Region, SlotFacts};
use lightday_sim::flash::{CutForm, Fault};
use lightday_wire::Action;

use crate::vehicle::{FORMS, Flash, IDENTITY, Vehicle, new_image, number, vehicle};

const LOG: CellLog = CellLog::new(
    Region {
        start: 0,
        len: 4096,
    },
    DOCUMENT_CELL,
);

fn contents(flash: &mut Flash) -> Vec<(u8, u32, Vec<u8>)> {
    let mut found = Vec::new();
    LOG.for_each(flash, |kind, sequence, data| {
        found.push((kind, sequence, data.to_vec()));
    });
    found
}

#[test]
fn the_picture_of_a_cell() {
    let mut flash = Flash::new(1);
    LOG.append(&mut flash, 0x12, 0x0102_0304, b"123456789")
        .unwrap();
    let cell = flash.peek(0..32).unwrap();
    assert_eq!(&cell[..12], b"LD\x12\x01\x01\x02\x03\x04\x00\x09\x00\x00");
    assert_eq!(&cell[16..25], b"123456789");
    assert_eq!(&cell[25..], [0xff; 7]);
    // CRC-32/ISO-HDLC of those 12 and 9 bytes, computed with Python's zlib.crc32.
    assert_eq!(cell[12..16], 0xc9dc_59b9u32.to_be_bytes());
}

#[test]
fn a_log_fills_refuses_and_is_erased() {
    let mut flash = Flash::new(1);
    for n in 0..8 {
        assert_eq!(LOG.free(&mut flash), 8 - n);
        LOG.append(&mut flash, 1, n, &[n as u8; 100]).unwrap();
    }
    assert_eq!(LOG.append(&mut flash, 1, 8, b"x"), Err(CellError::Full));
    assert_eq!(contents(&mut flash).len(), 8);
    LOG.erase(&mut flash).unwrap();
    assert_eq!((contents(&mut flash).len(), LOG.free(&mut flash)), (0, 8));
    let longest = DOCUMENT_CELL as usize - HEADER_LEN;
    LOG.append(&mut flash, 1, 0, &vec![7; longest]).unwrap();
    let too_long = LOG.append(&mut flash, 1, 0, &vec![7; longest + 1]);
    assert_eq!(too_long, Err(CellError::TooLong));
}

/// Regression: where an erase block is large, hundreds of signed documents fitted into a log. To verify them all took
/// longer than the watchdog waits, at each boot of each image, golden too; whoever writes flash could see to that.
#[test]
fn of_a_log_of_documents_no_more_cells_are_used_than_can_be_verified_in_a_step() {
    let region = Region {
        start: 0,
        len: 64 * DOCUMENT_CELL,
    };
    let (mut flash, log) = (Flash::new(16), CellLog::of_documents(region, DOCUMENT_CELL));
    // A vandal writes everywhere.
    let all = CellLog::new(region, DOCUMENT_CELL);
    for n in 0..64 {
        all.append(&mut flash, 1, n, b"papers").unwrap();
    }
    let mut read = 0;
    log.for_each(&mut flash, |_, _, _| read += 1);
    assert_eq!((read, log.cells()), (MAX_DOCUMENTS, MAX_DOCUMENTS));
    assert_eq!(log.append(&mut flash, 1, 64, b"x"), Err(CellError::Full));
    // All of the region is erased for the next ones.
    log.erase(&mut flash).unwrap();
    assert_eq!(
        (log.free(&mut flash), all.free(&mut flash)),
        (MAX_DOCUMENTS, 64)
    );
}

#[test]
fn a_torn_cell_is_passed_over_and_the_next_one_taken() {
    for ecc in [false, true] {
        for form in FORMS {
            let mut flash = Flash::new(1);
            if ecc {
                flash = flash.with_ecc();
            }
            LOG.append(&mut flash, 1, 1, b"before").unwrap();
            let next = flash.operations();
            flash.cut_at(next, form);
            LOG.append(&mut flash, 1, 2, &[0; 64]).unwrap_err();
            flash.power_on();
            LOG.append(&mut flash, 1, 3, b"after").unwrap();
            let found = contents(&mut flash);
            assert_eq!(found.first().unwrap().2, b"before");
            assert_eq!(found.last().unwrap().2, b"after", "{form:?}");
        }
    }
}

/// Regression: a cell that a cut had left blank to read, and that takes no second program, was tried
/// again and again: a Confirm could never be stored.
#[test]
fn a_blank_cell_that_takes_no_program_is_passed_over() {
    let mut flash = Flash::new(1);
    flash.factory_load(0, &[0xff; 8]);
    flash.factory_load(DOCUMENT_CELL + 16, &[0xff; 8]);
    LOG.append(&mut flash, 1, 5, b"third").unwrap();
    LOG.append(&mut flash, 1, 6, b"fourth").unwrap();
    let mut buffer = [0; MAX_CELL];
    assert_eq!(LOG.read(&mut flash, 1, &mut buffer), Cell::Blank);
    let sequences: Vec<_> = contents(&mut flash).iter().map(|c| c.1).collect();
    assert_eq!(sequences, [5, 6]);
}

fn facts(vehicle: &mut Vehicle) -> SlotFacts {
    let ring = keys::load(&mut vehicle.flash, &vehicle.map, 1);
    let trailer = Trailer::new(vehicle.map.slots[1].trailer);
    judge::read(&mut vehicle.flash, trailer, IDENTITY, &ring)
}

#[test]
fn a_trailer_proves_what_was_signed_and_a_torn_entry_nothing() {
    let mut vehicle = vehicle();
    let image = new_image().digest;
    let before = facts(&mut vehicle);
    assert!(before.may_be_tried() && !before.may_be_home());
    assert_eq!((before.confirmed, before.heard), (None, None));
    // Power fails while the Confirm is written; it is sent, and written, again.
    let next = vehicle.flash.operations();
    vehicle.flash.cut_at(next, CutForm::Partial(1));
    let envelope = crate::vehicle::command(crate::vehicle::crew(), 10, Action::Confirm { image });
    let entry = lightday_boot::trailer::Entry::Commanded {
        number: number(10),
        envelope: &envelope,
    };
    let trailer = Trailer::new(vehicle.map.slots[1].trailer);
    trailer.append(&mut vehicle.flash, entry).unwrap_err();
    vehicle.flash.power_on();
    assert_eq!(facts(&mut vehicle), before);
    vehicle.hear(10, Action::Confirm { image });
    let after = facts(&mut vehicle);
    assert_eq!(
        (after.confirmed, after.heard),
        (Some(number(10)), Some(number(10)))
    );
    assert!(after.may_be_home());
}

/// Regression: one bad read of a paper reverted an image on trial, or kept one from it.
#[test]
fn a_paper_that_reads_badly_now_and_then_proves_what_it_says() {
    let mut vehicle = vehicle();
    let image = new_image().digest;
    let next = vehicle.flash.operations();
    vehicle.flash.cut_at(next, CutForm::Flickers(1));
    let envelope = crate::vehicle::command(crate::vehicle::crew(), 10, Action::Confirm { image });
    let entry = lightday_boot::trailer::Entry::Commanded {
        number: number(10),
        envelope: &envelope,
    };
    let trailer = vehicle.map.slots[1].trailer;
    Trailer::new(trailer)
        .append(&mut vehicle.flash, entry)
        .unwrap_err();
    vehicle.flash.power_on();
    for _ in 0..100 {
        assert!(facts(&mut vehicle).may_be_home());
    }
    let mut vehicle = crate::vehicle::vehicle();
    vehicle.hear(10, Action::Confirm { image });
    let range = trailer.start..trailer.end();
    let fault = Fault::Unreadable { range, one_in: 2 };
    vehicle.flash.fail_at(0, fault);
    for _ in 0..100 {
        assert!(facts(&mut vehicle).may_be_home());
    }
}

#[test]
fn what_a_stranger_signed_or_what_names_another_image_proves_nothing() {
    let mut vehicle = vehicle();
    let before = facts(&mut vehicle);
    let image = new_image().digest;
    let stranger = lightday_sim::crew::Crew::new(66, 1);
    let forged = crate::vehicle::command(&stranger, 10, Action::Confirm { image });
    // Signed by the crew, but under another number than the entry says.
    let moved = crate::vehicle::command(crate::vehicle::crew(), 9, Action::Confirm { image });
    for envelope in [&forged, &moved] {
        let entry = lightday_boot::trailer::Entry::Commanded {
            number: number(10),
            envelope,
        };
        let trailer = Trailer::new(vehicle.map.slots[1].trailer);
        trailer.append(&mut vehicle.flash, entry).unwrap();
    }
    assert_eq!(facts(&mut vehicle), before);
    let home = crate::vehicle::home_image().digest;
    vehicle.hear(11, Action::Confirm { image: home });
    let after = facts(&mut vehicle);
    assert_eq!((after.confirmed, after.heard), (None, Some(number(11))));
}

/// What lies there would be believed beside what is written next.
#[test]
fn an_erase_that_did_nothing_is_an_error() {
    let mut flash = Flash::new(1);
    LOG.append(&mut flash, 1, 1, &[7; 20]).unwrap();
    let next = flash.operations();
    flash.fail_at(next, Fault::Skipped);
    assert_eq!(LOG.erase(&mut flash), Err(FlashError::ReadBack));
    assert_eq!(LOG.erase(&mut flash), Ok(()));
}
