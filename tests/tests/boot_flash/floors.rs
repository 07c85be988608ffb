//! The write-once floors: they go up by what was authorised, never down, and an upset is no step.

use lightday_boot::Region;
use lightday_boot::floors::{Floor, capacity, proven, raise, value};
use lightday_sim::flash::{CutForm, SimFlash};

use crate::vehicle::{FORMS, Faulty, Flash};

const REGION: Region = Region {
    start: 0,
    len: 4096,
};
const FLOORS: [Floor; 3] = [Floor::Epoch, Floor::KeySet, Floor::Security];
/// The first word of each, with words of 8 B.
const FIRST: [u32; 3] = [0, 16, 80];

fn all(flash: &mut Flash) -> [u32; 3] {
    FLOORS.map(|floor| value(flash, REGION, floor))
}

#[test]
fn a_floor_goes_up_step_by_step_and_touches_no_other() {
    let mut flash = Flash::new(1);
    assert_eq!(all(&mut flash), [0, 0, 0]);
    raise(&mut flash, REGION, Floor::KeySet, 3).unwrap();
    raise(&mut flash, REGION, Floor::Security, 7).unwrap();
    assert_eq!(all(&mut flash), [0, 3, 7]);
    raise(&mut flash, REGION, Floor::Security, 5).unwrap();
    raise(&mut flash, REGION, Floor::Epoch, 1).unwrap();
    assert_eq!(all(&mut flash), [1, 3, 7]);
    assert_eq!(flash.stats().programs, 11);
    assert_eq!(flash.stats().erases, 0);
}

#[test]
fn each_floor_holds_its_capacity_and_no_more() {
    let mut flash = Flash::new(1);
    assert_eq!(capacity::<Flash>(REGION), Some(512 - 80));
    for floor in FLOORS {
        raise(&mut flash, REGION, floor, u32::MAX).unwrap();
    }
    assert_eq!(all(&mut flash), [16, 64, 432]);
    let small = Region { start: 0, len: 512 };
    assert_eq!(capacity::<Flash>(small), None);
    assert_eq!(capacity::<SimFlash<1, 256>>(small), Some(432));
}

#[test]
fn no_cut_of_a_step_takes_a_floor_down_or_up_by_more_than_the_step() {
    for ecc in [false, true] {
        for form in FORMS.into_iter().chain((10..60).map(CutForm::Partial)) {
            let mut flash = Flash::new(1);
            if ecc {
                flash = flash.with_ecc();
            }
            raise(&mut flash, REGION, Floor::Security, 4).unwrap();
            let next = flash.operations();
            flash.cut_at(next, form);
            assert!(raise(&mut flash, REGION, Floor::Security, 5).is_err());
            flash.power_on();
            for _ in 0..4 {
                let now = value(&mut flash, REGION, Floor::Security);
                assert!((4..=5).contains(&now), "{now} after {form:?}");
            }
            // The word may take no second program; the step after it is counted all the same.
            let _ = raise(&mut flash, REGION, Floor::Security, 6);
            assert_eq!(value(&mut flash, REGION, Floor::Security), 6, "{form:?}");
            assert_eq!(value(&mut flash, REGION, Floor::KeySet), 0);
        }
    }
}

/// Regression: a word that a cut had used up was programmed again at each boot, and the floor stuck.
#[test]
fn a_word_that_takes_no_program_is_passed_over() {
    let mut flash = Flash::new(1);
    raise(&mut flash, REGION, Floor::KeySet, 2).unwrap();
    // Reads as erased, and was programmed.
    flash.factory_load((16 + 2) * 8, &[0xff; 8]);
    assert!(raise(&mut flash, REGION, Floor::KeySet, 3).is_err());
    assert_eq!(value(&mut flash, REGION, Floor::KeySet), 2);
    assert!(raise(&mut flash, REGION, Floor::KeySet, 4).is_err());
    assert_eq!(value(&mut flash, REGION, Floor::KeySet), 4);
}

#[test]
fn three_flips_of_an_erased_word_are_no_step_and_five_of_a_step_take_nothing_back() {
    let mut flash = Flash::new(1);
    raise(&mut flash, REGION, Floor::Security, 2).unwrap();
    for bit in 0..3 {
        flash.flip((80 + 2) * 8 + bit, 1);
    }
    assert_eq!(value(&mut flash, REGION, Floor::Security), 2);
    for bit in 0..5 {
        flash.flip((80 + 1) * 8 + bit, 1);
    }
    assert_eq!(value(&mut flash, REGION, Floor::Security), 2);
}

/// Regression: the last programmed word counted, wherever it was. One double-bit upset in an erased word
/// far up would have refused every update, or every key, for ever.
#[test]
fn a_lone_upset_far_up_is_no_step() {
    for (floor, first) in FLOORS.into_iter().zip(FIRST) {
        let mut flash = Flash::new(1);
        raise(&mut flash, REGION, floor, 2).unwrap();
        for far in [6, 9, 15] {
            for byte in 0..8 {
                flash.flip((first + far) * 8 + byte, 4);
            }
        }
        assert_eq!(value(&mut flash, REGION, floor), 2, "{floor:?}");
        raise(&mut flash, REGION, floor, 3).unwrap();
        assert_eq!(value(&mut flash, REGION, floor), 3, "{floor:?}");
    }
}

/// Regression: one boot in which nothing could be read raised all floors to their ends in the record, for
/// ever. What cannot be read proves nothing.
#[test]
fn words_that_cannot_be_read_raise_nothing() {
    let mut flash = Flash::new(1);
    raise(&mut flash, REGION, Floor::Epoch, 1).unwrap();
    raise(&mut flash, REGION, Floor::KeySet, 3).unwrap();
    raise(&mut flash, REGION, Floor::Security, 7).unwrap();
    for dead in [0..4096, 0..64, 0..640, 8..4096, 640..656, 700..1000] {
        let mut flash = Faulty {
            flash: flash.clone(),
            dead: dead.clone(),
        };
        for (floor, is) in FLOORS.into_iter().zip([1, 3, 7]) {
            let counted = value(&mut flash, REGION, floor);
            let proven = proven(&mut flash, REGION, floor);
            assert!(proven <= is, "{floor:?} {dead:?}");
            assert!(counted <= is, "{floor:?} {dead:?}");
        }
    }
}

/// A single word that cannot be read behind a step may be a torn step: it counts, and proves nothing.
#[test]
fn a_torn_step_counts_and_proves_nothing() {
    let mut flash = Flash::new(1);
    raise(&mut flash, REGION, Floor::Security, 2).unwrap();
    let word = (80 + 2) * 8;
    let mut torn = Faulty {
        flash,
        dead: word..word + 8,
    };
    assert_eq!(value(&mut torn, REGION, Floor::Security), 3);
    assert_eq!(proven(&mut torn, REGION, Floor::Security), 2);
    raise(&mut torn, REGION, Floor::Security, 4).unwrap();
    assert_eq!(proven(&mut torn, REGION, Floor::Security), 4);
}

/// Regression: a word of which a cut step had cleared a bit or two read as no step, and was programmed again. So was
/// one that read as a step the second time alone.
#[test]
fn a_word_that_a_cut_step_touched_is_not_programmed_again() {
    let seeds = (0..40).flat_map(|n| {
        [
            CutForm::Barely(n),
            CutForm::Partial(n),
            CutForm::Unstable(n),
        ]
    });
    for form in FORMS.into_iter().chain(seeds) {
        for ecc in [false, true] {
            let mut flash = Flash::new(1);
            if ecc {
                flash = flash.with_ecc();
            }
            flash.cut_at(0, form);
            assert!(raise(&mut flash, REGION, Floor::KeySet, 1).is_err());
            flash.power_on();
            for _ in 0..4 {
                let _ = raise(&mut flash, REGION, Floor::KeySet, 1);
            }
            assert_eq!(flash.stats().programmed_twice, 0, "{form:?}, ECC {ecc}");
            let _ = raise(&mut flash, REGION, Floor::KeySet, 2);
            assert_eq!(proven(&mut flash, REGION, Floor::KeySet), 2, "{form:?}");
        }
    }
}

/// Parts with ECC take no second program of a word, whatever became of the first.
#[test]
fn a_torn_first_step_is_not_programmed_again() {
    for (floor, first) in FLOORS.into_iter().zip(FIRST) {
        let mut flash = Flash::new(1).with_ecc();
        flash.cut_at(0, CutForm::Partial(3));
        assert!(raise(&mut flash, REGION, floor, 1).is_err());
        flash.power_on();
        for _ in 0..3 {
            assert!(raise(&mut flash, REGION, floor, 1).is_err());
        }
        let stats = flash.stats();
        assert_eq!(
            (stats.programs, stats.programmed_twice),
            (0, 0),
            "{floor:?}"
        );
        // The next step is counted across it, and the torn one is still told.
        assert!(raise(&mut flash, REGION, floor, 2).is_err());
        assert_eq!(
            value(&mut flash, REGION, floor),
            2,
            "{floor:?} at word {first}"
        );
    }
}
