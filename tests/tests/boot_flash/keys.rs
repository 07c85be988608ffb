//! Key sets: written twice, and a new one never touches the one in force.

use lightday_boot::keys::{in_force, load, store};
use lightday_sim::crew::Crew;
use lightday_trust::KeySet;

use crate::vehicle::{FORMS, Flash, Vehicle, crew, vehicle};

fn next() -> KeySet {
    Crew::new(9, 2).key_set().clone()
}

#[test]
fn both_copies_are_there_and_one_is_enough() {
    let Vehicle { flash, map, .. } = vehicle();
    let odd = map.key_sets[1];
    for byte in (0..1024).step_by(3) {
        let mut flash = flash.clone();
        flash.flip(odd.start + byte, 2);
        let ring = load(&mut flash, &map, 1);
        assert_eq!(ring.current.as_ref(), Some(crew().key_set()));
        // Nor is the launch set at hand.
        for copy in map.launch_keys() {
            flash.flip(copy.start + 20, 1);
        }
        // The first copy broken for certain, and a flip anywhere in the data of the second.
        flash.flip(odd.start + 1024 + 16 + byte % 300, 2);
        if byte < 300 {
            assert_eq!(load(&mut flash, &map, 1).current, None);
        }
    }
}

#[test]
fn no_cut_of_a_rotation_touches_the_set_in_force() {
    let Vehicle { flash, map, .. } = vehicle();
    for form in FORMS {
        for op in 0.. {
            let mut flash = flash.clone();
            let begin = flash.operations();
            flash.cut_at(begin + op, form);
            let stored = store(&mut flash, &map, &next());
            let was_cut = !flash.is_powered();
            flash.power_on();
            let ring = load(&mut flash, &map, 1);
            assert_eq!(ring.current.as_ref(), Some(crew().key_set()));
            if stored.is_ok() {
                let ring = load(&mut flash, &map, 2);
                assert_eq!(ring.current, Some(next()), "{form:?} at {op}");
                assert_eq!(ring.previous.as_ref(), Some(crew().key_set()));
            }
            if !was_cut {
                break;
            }
        }
    }
}

#[test]
fn the_third_set_takes_the_place_of_the_first() {
    let Vehicle { mut flash, map, .. } = vehicle();
    let third = Crew::new(10, 3).key_set().clone();
    store(&mut flash, &map, &next()).unwrap();
    store(&mut flash, &map, &third).unwrap();
    let ring = load(&mut flash, &map, 3);
    assert_eq!((ring.current, ring.previous), (Some(third), Some(next())));
    // The first one is found with golden only.
    for copy in map.launch_keys() {
        flash.flip(copy.start + 20, 1);
    }
    assert!(load(&mut flash, &map, 1).current.is_none());
}

/// Regression: a floor that an upset had raised named a set that was never there, and no command was
/// believed any more.
#[test]
fn the_set_in_force_is_one_that_is_on_board() {
    let Vehicle { mut flash, map, .. } = vehicle();
    let sets = &map;
    assert_eq!(in_force(&mut flash, sets, 1, 1), 1);
    assert_eq!(in_force(&mut flash, sets, 1, 2), 1);
    assert_eq!(in_force(&mut flash, sets, 0, 0), 1);
    store(&mut flash, sets, &next()).unwrap();
    // Stored, and not committed: the one before it is in force.
    assert_eq!(in_force(&mut flash, sets, 1, 1), 1);
    assert_eq!(in_force(&mut flash, sets, 2, 1), 2);
    assert_eq!(in_force(&mut flash, sets, 1, 2), 2);
    assert_eq!(in_force(&mut flash, sets, 0, 64), 2);
    assert_eq!(in_force(&mut Flash::new(64), sets, 3, 0), 3);
}
