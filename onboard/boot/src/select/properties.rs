//! The boot decision's invariants over arbitrary records, facts and wakes.

use std::vec::Vec;

use lightday_wire::{Digest, ObjectNumber};
use proptest::prelude::*;

use super::tests::{
    HOUR_MS, LEASE_MS, LEASE_S, NEW, OLD, at_trial, entry, installed, number, wake,
};
use super::*;

fn any_number() -> impl Strategy<Value = ObjectNumber> {
    prop_oneof![0u32..20, Just(ObjectNumber::MAX.get())].prop_map(number)
}

fn any_state() -> impl Strategy<Value = SlotState> {
    let states = SlotState::ALL.iter().copied();
    let states: Vec<_> = states.filter(|s| *s != SlotState::Golden).collect();
    prop::sample::select(states)
}

fn any_digest() -> impl Strategy<Value = Digest> {
    prop_oneof![Just(OLD), Just(NEW)]
}

prop_compose! {
    fn any_facts()(
        image in any_digest(),
        security_counter in 0u32..9,
        is_installed in prop::bool::weighted(0.9),
        is_signed in prop::bool::weighted(0.9),
        self_confirm: bool,
        tries in 0u8..5,
        lease_s in prop_oneof![Just(0), Just(LEASE_S), Just(u32::MAX)],
        is_intact in prop::bool::weighted(0.9),
        is_armed in prop::bool::weighted(0.9),
        confirmed in prop::option::of(any_number()),
        heard in prop::option::of(any_number()),
        self_confirmed in prop::option::of(any_number()),
    ) -> SlotFacts {
        let mut installed = installed(image, security_counter);
        installed.is_signed = is_signed;
        installed.trial = TrialPolicy { tries, lease_s, self_confirm, ..installed.trial };
        SlotFacts {
            installed: is_installed.then_some(installed),
            is_intact,
            is_armed,
            confirmed,
            heard,
            self_confirmed,
        }
    }
}

fn any_elapsed() -> impl Strategy<Value = Elapsed> {
    prop_oneof![0..3 * LEASE_MS, Just(u64::MAX), any::<u64>()].prop_map(Elapsed)
}

prop_compose! {
    fn any_trial()(
        started: bool,
        tries_left: u8,
        environment_left: u8,
        command_floor in any_number(),
        lease_s: u32,
        deadline in any_elapsed(),
        health_deadline in any_elapsed(),
        healthy: bool,
        give_up in prop::sample::select(RevertCause::ALL),
    ) -> Trial {
        Trial {
            started,
            tries_left,
            environment_left,
            command_floor,
            lease_s,
            deadline,
            health_deadline,
            healthy,
            give_up: if tries_left % 4 == 0 { give_up } else { RevertCause::None },
        }
    }
}

prop_compose! {
    fn any_record()(
        states in [any_state(), any_state()],
        images in [any_digest(), any_digest()],
        home in prop::sample::select(Location::ALL.as_slice()),
        trial in any_trial(),
        next in [any_number(), any_number(), any_number(), any_number()],
        barred in prop::option::weighted(0.1, any_digest()),
        crashes: u8,
        environment: u8,
        command_loss in any_elapsed(),
        security_counter in 0u32..9,
        few: bool,
    ) -> Record {
        let slots = [entry(states[0], images[0], 1, 5), entry(states[1], images[1], 2, 6)];
        let mut record = Record::at_launch(slots, home, 1);
        // Two trials at once are refused when a record is read.
        if record.slots.iter().all(|slot| slot.state == SlotState::Trial) {
            record.slots[1].state = SlotState::Confirmed;
        }
        record.trial = trial;
        record.next = next;
        record.crashes = if few { 0 } else { crashes };
        record.environment = if few { 0 } else { environment };
        record.command_loss = command_loss;
        record.security_counter = security_counter;
        if let Some(image) = barred {
            record.bar(image);
        }
        record
    }
}

prop_compose! {
    fn any_wake()(cause in prop::sample::select(ResetCause::ALL), elapsed in any_elapsed()) -> Wake {
        Wake { cause, elapsed }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_boots_that_the_facts_forbid_and_no_number_goes_down(
        record in any_record(),
        facts in [any_facts(), any_facts()],
        wake in any_wake(),
    ) {
        let decision = select(&record, &facts, wake);
        let next = &decision.record;
        if let Location::Slot(slot) = decision.boot {
            let facts = of(&facts, slot);
            let installed = facts.installed.unwrap();
            prop_assert!(facts.is_intact);
            prop_assert_eq!(installed.image.digest, next.slot(slot).image);
            match next.slot(slot).state {
                SlotState::Trial => {
                    prop_assert!(facts.may_be_tried());
                    prop_assert!(!record.is_barred(&installed.image.digest));
                    prop_assert!(next.trial.tries_left <= installed.trial.tries);
                    prop_assert!(next.trial.deadline
                        <= wake.elapsed.plus_s(u64::from(installed.trial.lease_s)));
                }
                SlotState::Confirmed => prop_assert!(facts.may_be_home()),
                state => prop_assert!(false, "boots a slot that is {:?}", state),
            }
        }
        // A trial's first boot takes up what its papers heard; nothing else moves a number, and none further.
        let heard = record.trial_slot().and_then(|slot| of(&facts, slot).heard);
        for kind in ObjectKind::UPLINK {
            let (was, is) = (record.next_number(kind), next.next_number(kind));
            let may_be = heard.filter(|_| kind == ObjectKind::Command).map(ObjectNumber::next);
            prop_assert!(was <= is && is <= was.max(may_be.unwrap_or(was)), "{kind:?}: {was:?} to {is:?}");
        }
        prop_assert_eq!(next.epoch, record.epoch);
        prop_assert_eq!(next.key_set, record.key_set);
        prop_assert!(next.security_counter >= record.security_counter);
        if next.security_counter > record.security_counter {
            let is_confirmed = SlotId::ALL.into_iter().any(|slot| {
                let installed = of(&facts, slot).installed;
                record.trial_slot() == Some(slot)
                    && next.slot(slot).state == SlotState::Confirmed
                    && installed.map(|i| i.security_counter) == Some(next.security_counter)
            });
            prop_assert!(is_confirmed, "the counter moves at Confirm only");
        }
        prop_assert!(next.command_loss >= record.command_loss
            || record.command_loss == Elapsed::NEVER);
        // What was decided is decided again: the record that is saved may be loaded.
        let mut bytes = [0; 512];
        let bytes = lightday_wire::canon::encode(next, &mut bytes).unwrap();
        prop_assert_eq!(&Record::decode(bytes).unwrap(), next);
    }

    /// Any sequence of wakes, with facts that stay as they are: tries, budget and one extension are all
    /// that a trial has.
    #[test]
    fn every_trial_ends_within_a_bounded_number_of_resets(
        record in any_record(),
        facts in [any_facts(), any_facts()],
        wakes in prop::collection::vec(any_wake(), 40),
    ) {
        let mut record = record;
        let mut trials = 0u32;
        for wake in wakes {
            let decision = select(&record, &facts, wake);
            record = decision.record;
            trials += u32::from(record.trial_slot().is_some());
        }
        // The first boot, 4 tries, 16 by the environment, one lease for each command above the floor:
        // with facts that stay there is one.
        prop_assert!(trials <= 1 + 4 + 16 + 1, "{trials} boots on trial");
    }

    #[test]
    fn whatever_keeps_crashing_ends_in_golden(
        record in any_record(),
        facts in [any_facts(), any_facts()],
        causes in prop::collection::vec(
            prop::sample::select(ResetCause::ALL), 80),
    ) {
        let mut record = record;
        let mut boot = None;
        for cause in causes {
            let decision = select(&record, &facts, wake(cause, HOUR_MS));
            boot = Some(decision.boot);
            record = decision.record;
        }
        prop_assert_eq!(boot, Some(Location::Golden));
    }

    #[test]
    fn bars_hold_the_four_latest(digests in prop::collection::vec(1u8..9, 0..20)) {
        let mut record = at_trial();
        let mut model: Vec<u8> = Vec::new();
        for byte in digests {
            if byte.is_multiple_of(3) {
                record.unbar(&Digest([byte; 32]));
                model.retain(|b| *b != byte);
            } else {
                record.bar(Digest([byte; 32]));
                if !model.contains(&byte) {
                    model.insert(0, byte);
                }
                model.truncate(4);
            }
            for byte in 1..9 {
                prop_assert_eq!(record.is_barred(&Digest([byte; 32])), model.contains(&byte));
            }
        }
    }
}
