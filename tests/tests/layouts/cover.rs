//! The frozen states leave nothing out: every code that the record may hold, every kind of paper and every shape of the
//! logs is in one of them at least, but for those that are listed here with a reason.

use std::collections::BTreeSet;
use std::fmt::Debug;

use lightday_boot::cells::{Cell, CellLog, DOCUMENT_CELL, MAX_CELL, PENDING_CELL, RECORD_CELL};
use lightday_boot::store::RecordStore;
use lightday_boot::{Elapsed, Record, Region};
use lightday_tests::bench_vehicle::Bench;
use lightday_wire::{Digest, Location, Refusal, Report, ResetCause, RevertCause, SlotState, Stage};

use crate::frozen::{State, read};

/// Bytes of a naming cell of the staging log, of its erase block, and its kind.
const NAME_CELL: u32 = 256;
const NAMES_LEN: u32 = 4096;
const NAME_KIND: u8 = 0x20;

/// Refusals that no record holds and no vehicle at rest reports, as nobody is known to have signed what they are about,
/// or it was said about a vehicle that cannot be at rest in it.
const OF_RAM: [(Refusal, &str); 10] = [
    (Refusal::NotCanonical, "no signature holds"),
    (Refusal::UnsupportedFormat, "no signature is looked at"),
    (Refusal::SignatureMissing, "no signature holds"),
    (Refusal::SignatureBad, "no signature holds"),
    (Refusal::UnknownKey, "no signature holds"),
    (
        Refusal::KeySetVersion,
        "no signature of both root sets holds",
    ),
    (
        Refusal::EpochOrder,
        "it was said under another epoch: it changes nothing",
    ),
    (
        Refusal::RecordLost,
        "where the record is lost nothing is written",
    ),
    (Refusal::ShapeConflict, "a frame; nobody signs its shape"),
    (
        Refusal::FlashFault,
        "a fault of flash; the states are of flash that works",
    ),
];

/// All frozen states, each with its bench before anything ran, its record in flash if there is one, and the reports.
struct Frozen {
    state: State,
    bench: Bench,
    record: Option<Record>,
    reports: Vec<Report>,
}

fn frozen() -> Vec<Frozen> {
    let states = read().into_iter().map(|state| {
        let bench = Bench::in_flight(&state.flash, Elapsed(0));
        let stored = RecordStore::new(bench.map().record).load(&mut bench.flash.peeking());
        let reports = state.said.iter().map(|said| said.report()).collect();
        Frozen {
            record: stored.map(|stored| stored.record),
            state,
            bench,
            reports,
        }
    });
    states.collect()
}

/// Every record: those that lie in flash, and those that the agent has at rest.
fn records(frozen: &[Frozen]) -> Vec<Record> {
    let lie = frozen.iter().filter_map(|one| one.record.clone());
    lie.collect()
}

/// Holds that each of `all` is found, but for those that are left out; and that none of those is.
fn covers<T: Copy + Debug + PartialEq>(
    what: &str,
    all: &[T],
    found: impl IntoIterator<Item = T>,
    left_out: &[T],
) {
    let found: Vec<T> = found.into_iter().collect();
    for code in all {
        assert_ne!(
            found.contains(code),
            left_out.contains(code),
            "{what}: {code:?} is in no frozen state, or is listed as one that cannot be"
        );
    }
}

#[test]
fn every_code_of_the_record_is_in_a_frozen_state() {
    let frozen = frozen();
    let records = records(&frozen);
    covers(
        "home",
        &Location::ALL,
        records.iter().map(|r| r.home.0),
        &[],
    );
    for slot in 0..2 {
        let states = records.iter().map(|r| r.slots[slot].state);
        // A record with a slot in `Golden` is none.
        covers(
            "state of a slot",
            SlotState::ALL,
            states,
            &[SlotState::Golden],
        );
    }
    let causes = records.iter().map(|r| r.reset_cause);
    covers("cause of a reset", ResetCause::ALL, causes, &[]);
    let causes = records.iter().map(|r| r.revert_cause);
    covers("cause of a revert", RevertCause::ALL, causes, &[]);
    // Only what the agent itself gives up: the others are the loader's.
    let give_ups = [
        RevertCause::None,
        RevertCause::HealthFailed,
        RevertCause::HealthDeadline,
        RevertCause::Commanded,
    ];
    let found = records.iter().map(|r| r.trial.give_up);
    covers("given up for", &give_ups, found, &[]);
    for value in [false, true] {
        let on_trial = || records.iter().filter(|r| r.trial_slot().is_some());
        assert!(
            on_trial().any(|r| r.trial.started == value),
            "started {value}"
        );
        assert!(
            on_trial().any(|r| r.trial.healthy == value),
            "healthy {value}"
        );
        assert!(records.iter().any(|r| r.held == value), "held {value}");
    }
}

#[test]
fn every_stage_and_refusal_is_in_a_frozen_state() {
    let frozen = frozen();
    let records = records(&frozen);
    let verdicts = || records.iter().flat_map(|r| r.verdicts);
    // What is in reception is no object yet, and stands in reports alone.
    let stages = verdicts().map(|v| v.stage);
    covers(
        "stage",
        Stage::ALL,
        stages,
        &[Stage::Receiving, Stage::Accepted],
    );
    let told = frozen.iter().flat_map(|one| &one.reports);
    let told = told.flat_map(|r| [r.bundle, r.authorization, r.command]);
    let stages = told.clone().map(|v| v.stage);
    covers("stage in a report", Stage::ALL, stages, &[]);
    let holds = frozen.iter().flat_map(|one| &one.reports).map(|r| r.hold);
    let found = verdicts().chain(told).map(|v| v.refusal).chain(holds);
    let left_out = OF_RAM.map(|(refusal, _)| refusal);
    covers("refusal", Refusal::ALL, found, &left_out);
}

#[test]
fn every_count_of_the_record_is_at_both_of_its_ends() {
    let frozen = frozen();
    let records = records(&frozen);
    let barred = |r: &Record| r.barred.iter().filter(|b| **b != Digest([0; 32])).count();
    for count in [0, 1, 2, 4] {
        assert!(records.iter().any(|r| barred(r) == count), "{count} barred");
    }
    let has = |what: &str, is_so: &dyn Fn(&Record) -> bool| {
        assert!(records.iter().any(is_so), "no frozen record has {what}");
    };
    has("crashes", &|r| r.crashes == 3);
    has("resets by the environment", &|r| r.environment > 0);
    has("attempts", &|r| r.patch_attempts == 7);
    has("one try left", &|r| {
        r.trial_slot().is_some() && r.trial.tries_left == 0
    });
    has("no more resets left", &|r| {
        r.trial_slot().is_some() && r.trial.environment_left == 0
    });
    has("a timer that does not run", &|r| {
        r.command_loss == Elapsed::NEVER
    });
    has("a timer that runs", &|r| r.command_loss != Elapsed::NEVER);
    for version in [1, 2, 3] {
        has("a key set", &|r| r.key_set == version);
    }
    for epoch in [0, 1, 7, 15] {
        has("an epoch", &|r| r.epoch.get() == epoch);
    }
    for counter in [0, 1, 5] {
        has("a security counter", &|r| r.security_counter == counter);
    }
    assert!(frozen.iter().any(|one| one.record.is_none()), "one is lost");
    let floors = frozen.iter().flat_map(|one| &one.state.said);
    let floors: BTreeSet<[u32; 3]> = floors.map(|said| said.floors).collect();
    for floor in [[0, 1, 0], [5, 1, 0], [0, 2, 0], [0, 3, 0], [0, 1, 15]] {
        assert!(floors.contains(&floor), "{floor:?} of {floors:?}");
    }
}

/// Kinds of whole cells of a log, how many cells are blank, and how many are torn.
fn cells(one: &Frozen, region: Region, len: u32) -> (BTreeSet<u8>, u32, u32) {
    let log = CellLog::new(region, len);
    let (mut kinds, mut blank, mut torn) = (BTreeSet::new(), 0, 0);
    let mut buffer = [0; MAX_CELL];
    for cell in 0..log.cells() {
        match log.read(&mut one.bench.flash.peeking(), cell, &mut buffer) {
            Cell::Blank => blank += 1,
            Cell::Torn => torn += 1,
            Cell::Valid { kind, .. } => {
                kinds.insert(kind);
            }
        }
    }
    (kinds, blank, torn)
}

#[test]
fn every_kind_of_paper_is_in_a_frozen_state() {
    let frozen = frozen();
    let map = *frozen[0].bench.map();
    let mut found: BTreeSet<u8> = BTreeSet::new();
    let mut is_full = false;
    for one in &frozen {
        for slot in map.slots {
            let (kinds, blank, _) = cells(one, slot.trailer, DOCUMENT_CELL);
            found.extend(kinds);
            is_full |= blank == 0;
        }
    }
    // Installed, authorized, commanded, self-confirmed (docs/SPEC.md, cells).
    assert_eq!(found, BTreeSet::from([0x10, 0x11, 0x12, 0x13]));
    assert!(is_full, "one trailer is full");
    let pending = frozen
        .iter()
        .map(|one| cells(one, map.pending, PENDING_CELL));
    let pending: Vec<_> = pending.collect();
    let kinds: BTreeSet<u8> = pending
        .iter()
        .flat_map(|(kinds, ..)| kinds.clone())
        .collect();
    // An authorization, a key set, that an authorization has failed, and a command that waits for a reset.
    assert_eq!(kinds, BTreeSet::from([0x30, 0x31, 0x32, 0x33]));
    assert!(
        pending.iter().any(|(_, blank, _)| *blank == 0),
        "one is full"
    );
    let copies = frozen
        .iter()
        .flat_map(|one| map.record.map(|copy| cells(one, copy, RECORD_CELL)));
    let copies: Vec<_> = copies.collect();
    assert!(
        copies.iter().any(|(_, _, torn)| *torn > 0),
        "one copy is torn"
    );
    assert!(
        copies.iter().any(|(kinds, ..)| kinds.is_empty()),
        "one copy is wiped"
    );
    assert!(
        copies.iter().any(|(_, blank, _)| *blank == 0),
        "one copy is full"
    );
}

/// The newest name in a block of names: its sequence, K, and whether it names anything.
fn newest_name(one: &Frozen, block: u32) -> Option<(u32, u16)> {
    let staging = one.bench.map().staging;
    let region = Region {
        start: staging.start + block * NAMES_LEN,
        len: NAMES_LEN,
    };
    let log = CellLog::new(region, NAME_CELL);
    let mut newest = None;
    log.for_each(&mut one.bench.flash.peeking(), |kind, sequence, data| {
        if kind == NAME_KIND && newest.is_none_or(|(old, _)| sequence >= old) {
            newest = Some((sequence, u16::from_be_bytes([data[4], data[5]])));
        }
    });
    newest
}

#[test]
fn every_shape_of_the_staging_log_is_in_a_frozen_state() {
    let frozen = frozen();
    let map = *frozen[0].bench.map();
    let has = |what: &str, is_so: &dyn Fn(&Frozen) -> bool| {
        let found = frozen.iter().any(is_so);
        assert!(found, "no frozen staging log is {what}");
    };
    let needed = |one: &Frozen| one.state.said[0].needed;
    let k = |one: &Frozen| newest_name(one, 0).map_or(0, |(_, k)| k);
    has("blank", &|one| newest_name(one, 0).is_none());
    has("closed", &|one| {
        newest_name(one, 0).is_some_and(|(_, k)| k == 0)
    });
    has("named, a part there", &|one| {
        needed(one) > 1 && needed(one) < k(one)
    });
    has("one symbol short", &|one| needed(one) == 1);
    has("whole, and waiting", &|one| {
        needed(one) == 0 && one.reports[0].bundle.stage == Stage::Receiving
    });
    has("whole, the slot busy", &|one| {
        needed(one) == 0 && one.reports[0].bundle.refusal == Refusal::SlotBusy
    });
    has("named in its second block", &|one| {
        newest_name(one, 1).is_some()
    });
    let names = |one: &Frozen| {
        let region = Region {
            start: map.staging.start,
            len: NAMES_LEN,
        };
        cells(one, region, NAME_CELL)
    };
    has("a torn name", &|one| names(one).2 > 0);
    has("full of names, and begun anew", &|one| {
        newest_name(one, 0).is_some_and(|(sequence, _)| sequence > 20) && names(one).1 > 10
    });
    for golden in [0, 1] {
        has("gone on with in golden", &|one| {
            one.state
                .said
                .get(golden)
                .is_some_and(|said| said.needed > 0)
        });
    }
}
