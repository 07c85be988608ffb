//! Steps are all or nothing, numbers only go up, and what decisions keep of runs and passes is read as it was written.

use std::fs;

use lightday_wire::{ObjectKind, ObjectNumber};
use serde_json::json;

use super::sent::PassRow;
use super::tests::{Scratch, actor};
use super::*;

/// A run of `file` that begins at `starts_s`.
fn run(file: &str, starts_s: u64) -> SentRow {
    SentRow {
        kind: ObjectKind::Bundle,
        number: ObjectNumber::new(1).unwrap(),
        object: [3; 32],
        epoch: 0,
        k: 9,
        symbol_len: 64,
        first: 0,
        count: 9,
        starts_s,
        ends_s: starts_s + 5,
        file: file.to_owned(),
        unsent_s: None,
        pass: None,
        places: Vec::new(),
    }
}

#[test]
fn each_run_has_the_pass_that_its_decision_kept_and_older_ones_have_none() {
    let scratch = Scratch::new("passes");
    let mut ledger = Ledger::create(&scratch.path()).unwrap();
    // As it was written before passes were kept, and since.
    let old = json!({ "file": "uplink/1.frames", "sha256": "00" });
    let new = json!({ "file": "uplink/2.frames", "sha256": "00", "passes": [
        { "start_s": 100, "end_s": 200, "lost": 0.25, "light_time_s": null, "one_way_s": 7 },
        { "start_s": 200, "end_s": 300, "lost": 1.0, "light_time_s": 79_300, "one_way_s": 79_300 },
    ] });
    for (file, starts, what) in [
        ("uplink/1.frames", vec![100], old),
        ("uplink/2.frames", vec![100, 199, 200, 300], new),
    ] {
        let work = |step: &Step<'_>| {
            for starts_s in starts {
                step.add_sent(&run(file, starts_s))?;
            }
            Ok(((), what))
        };
        ledger.step(&actor(), "uplink", work).unwrap();
    }
    let said = json!({ "unsent": "uplink/2.frames", "sha256": "00" });
    ledger.step(&actor(), "uplink", |_| Ok(((), said))).unwrap();
    drop(ledger);
    let sent = Ledger::open_to_read(&scratch.path())
        .unwrap()
        .sent()
        .unwrap();
    let pass = |start_s, end_s, lost, light_time_s, one_way_s| {
        Some(PassRow {
            start_s,
            end_s,
            lost,
            light_time_s,
            one_way_s,
        })
    };
    let first = pass(100, 200, 0.25, None, 7);
    let found: Vec<_> = sent.iter().map(|run| run.pass).collect();
    let expected = [
        None,
        first,
        first,
        pass(200, 300, 1.0, Some(79_300), 79_300),
        None,
    ];
    assert_eq!(found, expected);
    let files: Vec<_> = sent.iter().map(|run| run.unsent_s.is_some()).collect();
    assert_eq!(files, [false, true, true, true, true]);
}

#[test]
fn each_run_has_the_places_of_its_own_frames() {
    let scratch = Scratch::new("places");
    let mut ledger = Ledger::create(&scratch.path()).unwrap();
    let places = |short: &str| json!({ "places": serde_json::from_str::<serde_json::Value>(short).unwrap() });
    for (file, objects) in [
        ("uplink/1.frames", vec![json!({}), places("[[0, 9, 1]]")]),
        // The second one is damaged, or of another time: nobody guesses.
        (
            "uplink/2.frames",
            vec![places("[[3, 9, 2]]"), places("[[0, 8, 1]]")],
        ),
    ] {
        let runs = objects.len();
        let what = json!({ "file": file, "objects": objects });
        let work = |step: &Step<'_>| {
            (0..runs).try_for_each(|_| step.add_sent(&run(file, 100)))?;
            Ok(((), what))
        };
        ledger.step(&actor(), "uplink", work).unwrap();
    }
    let found: Vec<_> = ledger
        .sent()
        .unwrap()
        .into_iter()
        .map(|run| run.places)
        .collect();
    let every_second: Vec<u32> = (0..9).map(|n| 3 + 2 * n).collect();
    assert_eq!(found, [vec![], (0..9).collect(), every_second, vec![]]);
}

#[test]
fn the_light_time_of_each_pass_is_the_one_that_was_stated_last() {
    let scratch = Scratch::new("light");
    let mut ledger = Ledger::create(&scratch.path()).unwrap();
    let row = |start_s: u64, light_time_s: Option<u64>| json!({ "start_s": start_s, "end_s": start_s + 100, "light_time_s": light_time_s });
    for (verb, what) in [
        // As it was written before light times were kept apart.
        (
            "uplink",
            json!({ "passes": [row(100, None), row(300, Some(7))] }),
        ),
        (
            "ingest",
            json!({ "light_times": [row(500, Some(8)), row(700, Some(9))] }),
        ),
        // Moved and mended; the part of a pass that an outage left states nothing of its own.
        (
            "uplink",
            json!({ "passes": [row(900, Some(1))], "light_times": [row(450, Some(10)), row(700, Some(11))] }),
        ),
        ("build", json!({ "light_times": [row(100, Some(1))] })),
    ] {
        ledger.step(&actor(), verb, |_| Ok(((), what))).unwrap();
    }
    let found: Vec<_> = ledger
        .light_times()
        .unwrap()
        .iter()
        .map(|r| (r.start_s, r.light_time_s))
        .collect();
    assert_eq!(found, [(300, 7), (450, 10), (700, 11)]);
}

#[test]
fn numbers_only_go_up_and_are_never_handed_out_twice() {
    let scratch = Scratch::new("numbers");
    let mut ledger = Ledger::create(&scratch.path()).unwrap();
    let n = |n| ObjectNumber::new(n).unwrap();
    let taken = ledger.step(&actor(), "a", |s| {
        Ok((s.take_number(ObjectKind::Bundle)?, json!({})))
    });
    assert_eq!(taken.unwrap(), n(1));
    let raise = |ledger: &mut Ledger, to| {
        ledger
            .step(&actor(), "ingest", |s| {
                Ok((s.raise_number(ObjectKind::Bundle, n(to))?, json!({})))
            })
            .unwrap()
    };
    assert!(raise(&mut ledger, 40));
    assert!(!raise(&mut ledger, 39));
    assert_eq!(ledger.next_number(ObjectKind::Bundle).unwrap(), n(40));
    assert!(raise(&mut ledger, 0x00ff_ffff));
    let last = ledger.step(&actor(), "a", |s| {
        Ok((s.take_number(ObjectKind::Bundle)?, json!({})))
    });
    assert_eq!(last.unwrap(), ObjectNumber::MAX);
    let none = ledger.step(&actor(), "a", |s| {
        Ok((s.take_number(ObjectKind::Bundle)?, json!({})))
    });
    assert!(none.unwrap_err().to_string().contains("all numbers"));
}

#[test]
fn a_step_that_fails_leaves_nothing() {
    let scratch = Scratch::new("rollback");
    let mut ledger = scratch.filled();
    let before = ledger.verify().unwrap();
    let next = ledger.next_number(ObjectKind::Command).unwrap();
    let failed: Result<()> = ledger.step(&actor(), "build", |step| {
        let number = step.take_number(ObjectKind::Command)?;
        step.add_object(
            &ObjectRow {
                kind: ObjectKind::Command,
                number,
                file: "documents/cmd-6.ldd".to_owned(),
                sha256: [7; 32],
                made_s: 1,
            },
            b"document",
        )?;
        Err(Error::new(Kind::Io, "the disk failed"))
    });
    assert_eq!(failed.unwrap_err().kind, Kind::Io);
    assert_eq!(ledger.verify().unwrap(), before);
    assert_eq!(ledger.next_number(ObjectKind::Command).unwrap(), next);
    assert_eq!(ledger.objects().unwrap(), []);
}

/// A power cut in mid-step: the journal is there, the transaction was never committed.
#[test]
fn a_step_that_is_cut_off_leaves_nothing() {
    let scratch = Scratch::new("cut");
    let before = scratch.filled().verify().unwrap();
    let connection = Connection::open(scratch.path()).unwrap();
    connection
        .execute_batch("PRAGMA cache_spill = 1; PRAGMA cache_size = 1; BEGIN IMMEDIATE;")
        .unwrap();
    // Enough to spill dirty pages into the file itself before the commit.
    for n in 1..=2_000 {
        connection
            .execute(
                "INSERT INTO reports VALUES (?1, 1, ?1, randomblob(95), 1, 1, 1, 1)",
                [n],
            )
            .unwrap();
    }
    let copy = Scratch::new("cut-copy");
    for entry in fs::read_dir(&scratch.0).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.0.join(entry.file_name())).unwrap();
    }
    assert!(
        copy.0.join("ledger.sqlite-journal").exists(),
        "the cut must leave a journal"
    );
    drop(connection);
    // Also for a verb that only reads.
    let ledger = Ledger::open_to_read(&copy.path()).unwrap();
    assert_eq!(ledger.verify().unwrap(), before);
    assert_eq!(ledger.reports().unwrap(), []);
}
