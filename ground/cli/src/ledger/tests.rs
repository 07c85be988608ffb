//! Tampering is found, steps are all or nothing, and every state of the file has its remedy.

use std::fs;

use lightday_wire::{ObjectKind, ObjectNumber};
use serde_json::json;

use super::sent::PassRow;
use super::*;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("lightday-ledger-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.join("ledger.sqlite")
    }

    fn filled(&self) -> Ledger {
        let mut ledger = Ledger::create(&self.path()).unwrap();
        for n in 0..5 {
            decide(&mut ledger, &format!("verb-{n}"));
        }
        ledger
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn actor() -> Actor {
    Actor {
        who: "ada".to_owned(),
        at_s: 1_795_448_409,
    }
}

fn decide(ledger: &mut Ledger, verb: &str) {
    ledger
        .step(&actor(), verb, |step| {
            let number = step.take_number(ObjectKind::Command)?;
            Ok(((), json!({ "number": number.get() })))
        })
        .unwrap();
}

/// Writes past the triggers, as an intruder with the file would, who then puts them back.
fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    let triggers: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    for (name, _) in &triggers {
        connection
            .execute_batch(&format!("DROP TRIGGER {name}"))
            .unwrap();
    }
    connection.execute_batch(sql).unwrap();
    for (_, sql) in &triggers {
        connection.execute_batch(sql).unwrap();
    }
}

#[test]
fn a_chain_that_nobody_touched_holds() {
    let scratch = Scratch::new("holds");
    let ledger = scratch.filled();
    let chain = ledger.verify().unwrap();
    assert_eq!(chain.decisions, 5);
    assert_ne!(chain.head.0, [0; 32]);
    assert_eq!(
        Ledger::open_to_read(&scratch.path())
            .unwrap()
            .verify()
            .unwrap(),
        chain
    );
}

#[test]
fn decisions_cannot_be_changed_or_removed() {
    let scratch = Scratch::new("triggers");
    let ledger = scratch.filled();
    for sql in [
        "UPDATE decisions SET who = 'eve' WHERE seq = 2",
        "DELETE FROM decisions WHERE seq = 5",
        "UPDATE numbers SET next = 1 WHERE kind = 3",
        "DELETE FROM numbers",
    ] {
        assert!(ledger.connection.execute(sql, []).is_err(), "{sql}");
    }
    assert_eq!(ledger.verify().unwrap().decisions, 5);
}

#[test]
fn tampering_behind_the_triggers_is_found() {
    let recompute =
        "UPDATE head SET seq = 4, digest = (SELECT digest FROM decisions WHERE seq = 3)";
    for (name, sql, says) in [
        (
            "who",
            "UPDATE decisions SET who = 'eve' WHERE seq = 2",
            "decision 2",
        ),
        (
            "what",
            "UPDATE decisions SET what = '{}' WHERE seq = 5",
            "decision 5",
        ),
        (
            "when",
            "UPDATE decisions SET at_s = at_s + 1 WHERE seq = 1",
            "decision 1",
        ),
        (
            "middle",
            "DELETE FROM decisions WHERE seq = 3",
            "decision 3 is missing",
        ),
        (
            "tail",
            "DELETE FROM decisions WHERE seq = 5",
            "cut off behind decision 4",
        ),
        ("head", recompute, "cut off behind decision 5"),
        (
            "swap",
            "UPDATE decisions SET digest = (SELECT digest FROM decisions d WHERE d.seq = 1) WHERE seq = 2",
            "decision 2",
        ),
    ] {
        let scratch = Scratch::new(name);
        drop(scratch.filled());
        tamper(&scratch.path(), sql);
        let error = Ledger::open(&scratch.path()).unwrap().verify().unwrap_err();
        assert_eq!(error.kind, Kind::Ledger);
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
}

/// A ledger with a row in every table of facts.
fn facts(scratch: &Scratch) -> Ledger {
    let mut ledger = Ledger::create(&scratch.path()).unwrap();
    let work = |step: &Step<'_>| {
        let (kind, number) = (ObjectKind::Command, step.take_number(ObjectKind::Command)?);
        step.add_object(
            &ObjectRow {
                kind,
                number,
                file: "documents/cmd-1.ldd".to_owned(),
                sha256: [7; 32],
                made_s: 1,
            },
            b"document",
        )?;
        step.add_document(kind, number, "{}")?;
        step.add_signature(&SignatureRow {
            kind,
            number,
            key: [1; 32],
            name: "dan".to_owned(),
            role: lightday_wire::Role::Flight,
            signature: [2; 64],
        })?;
        for first in [0, 9] {
            step.add_sent(&SentRow {
                kind,
                number,
                object: [3; 32],
                epoch: 0,
                k: 9,
                symbol_len: 64,
                first,
                count: 9,
                starts_s: 10,
                ends_s: 20,
                file: "uplink/1.frames".to_owned(),
                unsent_s: None,
                pass: None,
                places: Vec::new(),
            })?;
        }
        step.add_report(&ReportRow {
            received_s: 30,
            sequence: 1,
            frame: vec![4; 95],
            behind_sent: [number; 4],
        })?;
        step.add_answer(&AnswerRow {
            received_s: 30,
            command: number,
            frame: vec![5; 44],
            is_strange: true,
        })?;
        step.accept_number(kind, number, 1)?;
        step.add_key_set(1, &[5; 32])?;
        step.add_link_keys(&[6; 128])?;
        Ok(((), json!({})))
    };
    ledger.step(&actor(), "all", work).unwrap();
    let sql = "INSERT INTO bundles VALUES (1, zeroblob(32), 9, '1.0.0', NULL, 9, 1, 3)";
    let bundle = |step: &Step<'_>| {
        step.transaction.execute(sql, []).unwrap();
        Ok(((), json!({})))
    };
    ledger.step(&actor(), "build", bundle).unwrap();
    ledger
}

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
fn facts_that_change_without_a_decision_are_found() {
    for (name, sql) in [
        ("sent", "DELETE FROM sent WHERE first = 9"),
        ("sent", "UPDATE sent SET first = 1 WHERE first = 0"),
        ("numbers", "UPDATE numbers SET next = 1 WHERE kind = 3"),
        ("bundles", "UPDATE bundles SET security = 0"),
        ("documents", "UPDATE documents SET says = '[]'"),
        (
            "signatures",
            "UPDATE signatures SET signature = zeroblob(64)",
        ),
        (
            "reports",
            "INSERT INTO reports VALUES (9, 1, 2, zeroblob(95), 1, 1, 1, 1)",
        ),
        ("reports", "UPDATE reports SET command = 9"),
        ("answers", "UPDATE answers SET strange = 0"),
        ("accepted", "UPDATE accepted SET next = 9"),
        ("objects", "UPDATE objects SET sha256 = zeroblob(32)"),
        ("key_sets", "UPDATE key_sets SET sha256 = zeroblob(32)"),
        ("link_keys", "DELETE FROM link_keys"),
    ] {
        let scratch = Scratch::new(&format!("facts-{name}"));
        facts(&scratch).verify().unwrap();
        tamper(&scratch.path(), sql);
        let open = || Ledger::open(&scratch.path()).unwrap();
        let error = open().verify().unwrap_err();
        assert_eq!(error.kind, Kind::Ledger);
        assert!(
            error.to_string().contains(&format!("table `{name}`")),
            "{sql}: {error}"
        );
        // Not even when the noted state is made to fit.
        state::note(&open().connection).unwrap();
        assert!(open().verify().is_err(), "{sql}");
    }
    let scratch = Scratch::new("facts-none");
    drop(Ledger::create(&scratch.path()).unwrap());
    Ledger::open(&scratch.path()).unwrap().verify().unwrap();
    tamper(&scratch.path(), "UPDATE numbers SET next = 9");
    assert!(Ledger::open(&scratch.path()).unwrap().verify().is_err());
}

#[test]
fn a_damaged_schema_is_named() {
    for (sql, says) in [
        ("DROP TABLE sent", "table `sent` is missing"),
        ("DROP TABLE head", "table `head` is missing"),
        (
            "DROP TRIGGER numbers_rise",
            "trigger `numbers_rise` is missing",
        ),
        (
            "CREATE TABLE extra (x)",
            "table `extra` is not the ledger's",
        ),
        (
            "DROP TRIGGER sent_last; CREATE TRIGGER sent_last BEFORE DELETE ON sent BEGIN SELECT 1; END",
            "trigger `sent_last` is another",
        ),
    ] {
        let scratch = Scratch::new("schema");
        drop(facts(&scratch));
        let connection = Connection::open(scratch.path()).unwrap();
        connection.execute_batch(sql).unwrap();
        let error = Ledger::open(&scratch.path()).err().unwrap();
        assert_eq!(error.kind, Kind::Ledger);
        assert!(error.to_string().contains(says), "{sql}: {error}");
    }
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
fn every_state_of_the_file_has_its_remedy() {
    let scratch = Scratch::new("states");
    let path = scratch.path();
    let says = |needle: &str| {
        let error = Ledger::open(&path)
            .and_then(|l| l.verify().map(drop))
            .unwrap_err();
        assert_eq!(error.kind, Kind::Ledger);
        let text = error.to_string();
        assert!(text.contains(needle) && text.contains("hint:"), "{text}");
        assert!(text.contains("ledger.sqlite"), "{text}");
    };
    says("no ledger here");
    fs::write(
        &path,
        b"not a database at all, but long enough to look at it twice",
    )
    .unwrap();
    says("damaged");
    fs::remove_file(&path).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    says("not a ledger of lightday");
    fs::remove_file(&path).unwrap();
    drop(scratch.filled());
    assert!(
        Ledger::create(&path).is_err(),
        "a ledger is never overwritten"
    );
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    says("newer lightday");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 1)
        .unwrap();
    says("before the first release");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", SCHEMA)
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(at) {
        *byte ^= 0xa5;
    }
    fs::write(&path, &bytes).unwrap();
    says("damaged");
}

#[test]
fn a_ledger_that_another_program_writes_to_says_so() {
    let scratch = Scratch::new("busy");
    let mut ledger = scratch.filled();
    ledger
        .connection
        .busy_timeout(Duration::from_millis(10))
        .unwrap();
    let other = Connection::open(scratch.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = ledger
        .step(&actor(), "a", |_| Ok(((), json!({}))))
        .unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
}
