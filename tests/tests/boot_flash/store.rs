//! The record in three copies: old or new after every cut, and as good as new under every flip.

use lightday_boot::cells::{HEADER_LEN, RECORD_CELL};
use lightday_boot::store::RecordStore;
use lightday_boot::{Elapsed, Record, Region, Trial};
use lightday_sim::flash::CutForm;
use lightday_wire::{
    Digest, Epoch, Location, ObjectNumber, Refusal, ResetCause, RevertCause, SlotState, Stage,
    Verdict, Version, canon,
};

use crate::vehicle::{FORMS, Flash, number, record};

pub(super) const REGIONS: [Region; 3] = [region(0), region(4096), region(8192)];

const fn region(start: u32) -> Region {
    Region { start, len: 4096 }
}

pub(super) fn numbered(resets: u16) -> Record {
    Record { resets, ..record() }
}

pub(super) fn store() -> RecordStore {
    RecordStore::new(REGIONS)
}

/// A flash with this many saves behind it; the last record has `resets` = `saves`.
pub(super) fn saved(saves: u16) -> Flash {
    let mut flash = Flash::new(3);
    let mut sequence = 0;
    for n in 1..=saves {
        sequence = store().save(&mut flash, sequence, &numbered(n)).unwrap();
    }
    assert_eq!(sequence, u32::from(saves));
    flash
}

pub(super) fn resets(flash: &mut Flash) -> Option<u16> {
    store().load(flash).map(|stored| stored.record.resets)
}

/// Saves with a cut at the `op`-th flash operation; false once the save needs fewer.
fn save_cut(flash: &mut Flash, n: u16, op: u64, form: CutForm) -> bool {
    let sequence = store().load(flash).map_or(0, |stored| stored.sequence);
    let begin = flash.operations();
    flash.cut_at(begin + op, form);
    let saved = store().save(flash, sequence, &numbered(n));
    let was_cut = !flash.is_powered();
    assert!(was_cut || saved.is_ok());
    flash.power_on();
    flash.cut_at(u64::MAX, CutForm::NotDone);
    was_cut
}

fn assert_one_of(flash: &mut Flash, allowed: &[u16], what: &str) {
    // Unstable cells read differently each time: none of the readings may be a lie.
    for _ in 0..3 {
        let found = resets(flash);
        assert!(
            found.is_some_and(|n| allowed.contains(&n)),
            "{found:?}: {what}"
        );
    }
}

/// Every operation of a save, every form, and again in the save that follows: appended, at the end of a
/// copy, and where each copy is erased first; plain and ECC parts.
#[test]
fn a_record_survives_two_cuts_anywhere_old_or_new_and_is_never_lost() {
    let mut cases = 0u32;
    for (ecc, fill) in [(false, 3), (true, 3), (false, 7), (false, 8), (true, 8)] {
        let base = if ecc {
            saved(fill).with_ecc()
        } else {
            saved(fill)
        };
        for form in FORMS {
            for op in 0.. {
                let mut once = base.clone();
                let was_cut = save_cut(&mut once, 100, op, form);
                let what = format!("ecc {ecc}, {fill} saves, {form:?} at {op}");
                assert_one_of(&mut once, &[fill, 100], &what);
                cases += 1;
                if !was_cut {
                    assert_eq!(resets(&mut once), Some(100));
                    break;
                }
                for second in FORMS {
                    for at in 0.. {
                        let mut twice = once.clone();
                        let was_cut = save_cut(&mut twice, 200, at, second);
                        let what = format!("{what}, then {second:?} at {at}");
                        assert_one_of(&mut twice, &[fill, 100, 200], &what);
                        cases += 1;
                        if !was_cut {
                            assert_one_of(&mut twice, &[200], &what);
                            break;
                        }
                        save_cut(&mut twice, 300, u64::MAX / 2, second);
                        assert_one_of(&mut twice, &[300], &what);
                    }
                }
            }
        }
    }
    println!("{cases} cut cases");
}

#[test]
fn appended_until_full_then_erased_each_copy_at_a_time() {
    let mut flash = saved(0);
    let cells = 4096 / RECORD_CELL as u16;
    let mut sequence = 0;
    for n in 1..=3 * cells {
        sequence = store().save(&mut flash, sequence, &numbered(n)).unwrap();
        let stored = store().load(&mut flash).unwrap();
        assert_eq!((stored.record.resets, stored.sequence), (n, u32::from(n)));
        assert!(stored.in_step);
    }
    // Anew at first (an erase without need), then once for each full copy.
    assert_eq!(flash.wear(), [3, 3, 3]);
    assert_eq!(flash.stats().programmed_twice, 0);
}

#[test]
fn every_single_flip_in_one_copy_is_harmless() {
    let base = saved(2);
    for copy in REGIONS {
        for byte in 0..2 * RECORD_CELL {
            let mut flash = base.clone();
            flash.flip(copy.start + byte, (byte % 8) as u8);
            assert_eq!(resets(&mut flash), Some(2), "byte {byte}");
        }
    }
}

#[test]
fn every_bit_of_the_newest_cell_is_covered() {
    let mut flash = saved(1);
    let len = encoded(&record()).len() + HEADER_LEN;
    for at in 0..len as u32 {
        for bit in 0..8 {
            flash.flip(at, bit);
            let stored = store().load(&mut flash).unwrap();
            assert_eq!(stored.record.resets, 1);
            assert!(!stored.in_step, "bit {bit} of byte {at} is not covered");
            flash.flip(at, bit);
        }
    }
}

#[test]
fn with_two_copies_gone_the_third_is_enough() {
    for kept in 0..3 {
        let mut flash = saved(3);
        for (place, copy) in REGIONS.iter().enumerate() {
            if place != kept {
                flash.factory_load(copy.start, &[0x5a; 4096]);
            }
        }
        assert_eq!(resets(&mut flash), Some(3));
        // The next save heals the others, and touches the only good one last.
        let begin = flash.operations();
        flash.cut_at(begin + 2, CutForm::Partial(1));
        let _ = store().save(&mut flash, 3, &numbered(4));
        flash.power_on();
        assert_eq!(resets(&mut flash), Some(4), "kept {kept}");
    }
}

#[test]
fn three_copies_flipped_at_different_bits_are_outvoted() {
    for offset in 0..300 {
        let mut flash = saved(1);
        flash.flip(offset, 1);
        flash.flip(4096 + (offset * 7 + 5) % 300, 3);
        flash.flip(8192 + (offset * 11 + 9) % 300, 5);
        assert_eq!(resets(&mut flash), Some(1));
    }
}

/// Regression: an older whole record was believed where the newest was flipped in all three copies, and
/// with it numbers went down.
#[test]
fn a_vote_for_the_newest_record_goes_before_an_older_whole_one() {
    let mut flash = saved(5);
    for (copy, byte) in REGIONS.iter().zip([20, 120, 220]) {
        flash.flip(copy.start + 4 * RECORD_CELL + byte, 2);
    }
    let stored = store().load(&mut flash).unwrap();
    assert_eq!((stored.record.resets, stored.sequence), (5, 5));
    assert!(!stored.in_step);
}

/// Regression: the vote compared cells by place, and copies that a cut had shifted had none.
#[test]
fn copies_that_a_cut_shifted_can_still_vote() {
    let mut flash = saved(2);
    assert!(save_cut(&mut flash, 100, 0, CutForm::Partial(1)));
    // Copy 0 has a torn third cell; the newest of all is the second.
    assert_eq!(resets(&mut flash), Some(2));
    assert!(!save_cut(&mut flash, 3, u64::MAX / 2, CutForm::NotDone));
    for (copy, cell) in REGIONS.iter().zip([3, 2, 2]) {
        flash.flip(
            copy.start + cell * RECORD_CELL + 30 + 40 * cell + copy.start / 64,
            2,
        );
    }
    assert_eq!(resets(&mut flash), Some(3));
}

#[test]
fn a_vote_passes_over_what_cannot_be_read() {
    let mut flash = saved(1).with_ecc();
    // Torn granules in the second cell of copy 0, flips in the first cells of the others.
    assert!(save_cut(&mut flash, 100, 0, CutForm::Partial(1)));
    for (copy, byte) in REGIONS.iter().zip([20, 120, 220]) {
        flash.flip(copy.start + byte, 2);
    }
    assert_eq!(resets(&mut flash), Some(1));
}

/// Regression: a commit that was cut may read well only later; it must not win over what was decided
/// without it, though it has the same sequence.
#[test]
fn of_two_cells_with_one_sequence_the_later_one_holds() {
    let mut flash = saved(2);
    assert!(save_cut(&mut flash, 100, 1, CutForm::NotDone));
    let hidden = 2 * RECORD_CELL + 40;
    flash.flip(hidden, 1);
    assert!(!save_cut(&mut flash, 3, u64::MAX / 2, CutForm::NotDone));
    flash.flip(hidden, 1);
    assert_eq!(resets(&mut flash), Some(3));
}

#[test]
fn garbage_and_nothing_are_a_lost_record() {
    assert_eq!(resets(&mut Flash::new(3)), None);
    let mut state = 1u32;
    for round in 0..20 {
        let mut flash = saved(8);
        for copy in REGIONS {
            let garbage: Vec<u8> = (0..4096)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            flash.factory_load(copy.start, &garbage);
        }
        assert_eq!(resets(&mut flash), None, "round {round}");
        flash.factory_load(0, &[0; 3 * 4096]);
        assert_eq!(resets(&mut flash), None);
    }
}

/// A record made anew after a loss wins over all that was there, also over what reads again later.
#[test]
fn a_record_that_is_made_anew_erases_what_was_there() {
    let mut flash = saved(6);
    for copy in REGIONS {
        for cell in 0..6 {
            flash.flip(copy.start + cell * RECORD_CELL, 0);
        }
    }
    assert_eq!(resets(&mut flash), None);
    store().save(&mut flash, 0, &numbered(77)).unwrap();
    for copy in REGIONS {
        for cell in 1..6 {
            flash.flip(copy.start + cell * RECORD_CELL, 0);
        }
    }
    assert_eq!(resets(&mut flash), Some(77));
}

pub fn encoded(record: &Record) -> Vec<u8> {
    let mut buffer = [0; 512];
    canon::encode(record, &mut buffer).unwrap().to_vec()
}

/// A record with every field at an extreme.
fn full() -> Record {
    let verdict = Verdict {
        number: ObjectNumber::MAX,
        stage: Stage::Failed,
        refusal: Refusal::OutOfRange,
    };
    let mut record = record();
    for slot in &mut record.slots {
        slot.state = SlotState::Failed;
        slot.bundle = ObjectNumber::MAX;
        slot.image = Digest([0xff; 32]);
        slot.size = u32::MAX;
        slot.security_counter = u32::MAX;
        slot.version = Version {
            major: 255,
            minor: 255,
            patch: u16::MAX,
        };
    }
    record.trial = Trial {
        started: true,
        tries_left: 255,
        environment_left: 255,
        command_floor: ObjectNumber::MAX,
        lease_s: u32::MAX,
        deadline: Elapsed::NEVER,
        health_deadline: Elapsed::NEVER,
        healthy: true,
        give_up: RevertCause::RecordLost,
    };
    record.next = [ObjectNumber::MAX; 4];
    record.verdicts = [verdict; 4];
    record.barred = [Digest([0xee; 32]); 4];
    record.revert_cause = RevertCause::RecordLost;
    record.reverted = number(0xab_cdef);
    record.resets = u16::MAX;
    record.reset_cause = ResetCause::Fault;
    record.epoch = Epoch::new(15).unwrap();
    record.key_set = u16::MAX;
    record.security_counter = u32::MAX;
    record.command_loss = Elapsed::NEVER;
    record
}

#[test]
fn the_record_has_a_fixed_length_and_fits_its_cell() {
    let nothing = [lightday_boot::SlotRecord::EMPTY; 2];
    let empty = encoded(&Record::at_launch(nothing, Location::Golden, 0));
    assert_eq!(empty.len(), encoded(&full()).len());
    assert!(empty.len() + HEADER_LEN <= RECORD_CELL as usize);
    assert_eq!(Record::decode(&encoded(&full())).unwrap(), full());
}

/// A newer layout appends fields. This loader ignores them, and does not claim them when it saves.
#[test]
fn a_record_of_a_newer_layout_is_read_and_saved_as_this_one() {
    let mut bytes = encoded(&record());
    bytes[0] = 2;
    bytes.extend([9; 20]);
    assert_eq!(Record::decode(&bytes).unwrap(), record());
    bytes[0] = 0;
    assert!(Record::decode(&bytes).is_err());
    assert!(Record::decode(&encoded(&record())[..100]).is_err());
}

/// The layout freezes here: this vector is never regenerated silently. A change of it is a change of
/// every vehicle in flight.
#[test]
fn the_golden_vector_of_a_record_cell() {
    let mut flash = Flash::new(3);
    store().save(&mut flash, 0, &full()).unwrap();
    let len = HEADER_LEN as u32 + encoded(&full()).len() as u32;
    let cell = flash.peek(0..len).unwrap();
    let hex: String = cell.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines = include_str!("record_cell.hex").lines();
    let golden: String = lines.filter(|line| !line.starts_with('#')).collect();
    assert_eq!(hex, golden);
}

/// An erase that was cut off may leave a copy that reads blank, and whose cells hold nothing for long.
#[test]
fn a_copy_in_which_nothing_is_whole_is_erased_before_it_is_written() {
    for form in [CutForm::Partial(1), CutForm::Unstable(1)] {
        for copy in 0..3 {
            let mut flash = Flash::new(3);
            // Nothing stored counts: each copy is erased, then written.
            flash.cut_at(2 * copy, form);
            assert_eq!(store().save(&mut flash, 0, &numbered(1)).is_ok(), copy > 0);
            flash.power_on();
            let sequence = store().load(&mut flash).map_or(0, |stored| stored.sequence);
            store().save(&mut flash, sequence, &numbered(2)).unwrap();
            let stats = flash.stats();
            assert_eq!(stats.programmed_twice, 0, "{form:?} of copy {copy}");
            assert_eq!(resets(&mut flash), Some(2));
            assert!(store().load(&mut flash).unwrap().in_step);
        }
    }
}
