//! The flash of vehicles of the first release in every state, frozen: today's loader boots each, and today's agent says
//! of it, in its slot and in golden, what was frozen beside it; from each the vehicle takes a whole update.
//!
//! The file is made by `cargo xtask freeze`, which runs a test of this file with `LIGHTDAY_FREEZE` set: never by hand, and
//! never again once the first release was made.

use lightday_agent::Health;
use lightday_wire::report::flags;
use lightday_wire::{Action, Epoch, Location, ObjectKind, Refusal, SlotState, Stage};

use crate::frozen::{Said, State, read, write};
use crate::setting::{Bench, Life, image, staff};
use crate::{lives, receptions, told};

/// Every state with its name.
fn all() -> Vec<(&'static str, Life)> {
    [lives::ALL, receptions::ALL, told::ALL].concat()
}

/// The ground knows what the vehicle last said.
fn catch_up(bench: &mut Bench) {
    let record = bench.record().clone();
    bench.ground.next = record.next.map(|number| number.get());
    bench.ground.epoch = record.epoch.get();
    bench.ground.staff = staff(record.key_set);
}

/// What is seen at rest; then, if the vehicle can be commanded, behind `BootGolden`.
fn look(state: &State) -> (Bench, Vec<Said>) {
    let mut bench = state.take_up();
    let mut said = vec![Said::of(&bench)];
    if bench.report().flags & flags::RECORD_LOST == 0 {
        catch_up(&mut bench);
        bench.command(Action::BootGolden);
        assert_eq!(bench.record().home.0, Location::Golden, "{}", state.name);
        said.push(Said::of(&bench));
    }
    (bench, said)
}

/// Whether `cargo xtask freeze` runs this.
pub fn is_to_freeze() -> bool {
    std::env::var_os("LIGHTDAY_FREEZE").is_some()
}

fn freeze() {
    let frozen = |(name, life): (&str, Life)| {
        let mut state = State::of(name, &life());
        (_, state.said) = look(&state);
        state
    };
    write(&all().into_iter().map(frozen).collect::<Vec<_>>());
}

fn differs(told: &str, now: &[Said], frozen: &[Said]) {
    for (place, (now, frozen)) in now.iter().zip(frozen).enumerate() {
        if now != frozen {
            panic!(
                "{told}, look {place}: {}\n--- what the first release said ---\n{}",
                now.words(),
                frozen.words()
            );
        }
    }
    assert_eq!(now.len(), frozen.len(), "{told}");
}

#[test]
fn every_state_of_the_first_release_is_taken_up_as_it_was_in_its_slot_and_in_golden() {
    for state in read() {
        let (_, said) = look(&state);
        differs(&state.name, &said, &state.said);
    }
}

/// The lives that were frozen lead today's vehicle to the same: so that the file is what the first release wrote, and
/// none of its lives is left out. Makes the file anew where `LIGHTDAY_FREEZE` is set: once the first release was made,
/// nobody does that again, and a release that writes others gets a file of its own.
#[test]
fn today_s_vehicle_that_lives_the_same_lives_says_the_same() {
    if is_to_freeze() {
        return freeze();
    }
    let (lives, states) = (all(), read());
    let names = |names: Vec<&str>| {
        names
            .iter()
            .map(|name| name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(lives.iter().map(|(name, _)| *name).collect()),
        names(states.iter().map(|state| state.name.as_str()).collect())
    );
    for ((name, life), frozen) in lives.into_iter().zip(&states) {
        let (_, said) = look(&State::of(name, &life()));
        differs(name, &said, &frozen.said);
    }
}

/// Whatever the first release left behind, its vehicle is not lost to updates.
#[test]
fn from_every_state_of_the_first_release_the_vehicle_takes_a_whole_update() {
    for state in read() {
        let (mut bench, _) = look(&state);
        bench.application.health = Health::Healthy;
        bench.application.may_activate = true;
        bench.knows_time = true;
        update(&mut bench, &state.name);
    }
}

fn update(bench: &mut Bench, told: &str) {
    catch_up(bench);
    if bench.report().flags & flags::RECORD_LOST != 0 {
        let epoch = Epoch::new(bench.record().epoch.get() + 1).unwrap();
        bench.ground.epoch = epoch.get();
        let next = bench.record().next;
        bench.command(Action::Resync { epoch, next });
        catch_up(bench);
    }
    let received = bench.report().bundle;
    if matches!(
        received.stage,
        Stage::Receiving | Stage::Accepted | Stage::Started
    ) {
        bench.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: received.number,
        });
    }
    if bench.record().held {
        bench.command(Action::Hold { held: false });
    }
    catch_up(bench);
    let counter = bench.record().security_counter;
    let built = bench
        .ground
        .bundle_with(&image(90, 3000), 90, None, |m| m.security_counter = counter);
    bench.deliver_all(&built.object);
    let verdict = bench.record().verdict(ObjectKind::Bundle);
    let whole = (built.number, Stage::Done, Refusal::None);
    assert_eq!(
        (verdict.number, verdict.stage, verdict.refusal),
        whole,
        "{told}"
    );
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    let Location::Slot(slot) = bench.running() else {
        panic!("{told}: golden runs on: {:#?}", bench.report());
    };
    assert_eq!(bench.state(slot), SlotState::Trial, "{told}");
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_eq!(bench.state(slot), SlotState::Confirmed, "{told}");
    assert_eq!(bench.record().home.0, Location::Slot(slot), "{told}");
}
