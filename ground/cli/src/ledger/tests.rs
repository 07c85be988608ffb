//! Tampering is found, and every state of the file has its remedy.

use std::fs;

use lightday_wire::ObjectKind;
use serde_json::json;

use super::*;

/// A directory for one ledger, removed behind the test.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("lightday-ledger-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.join("ledger.sqlite")
    }

    pub(super) fn filled(&self) -> Ledger {
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

pub(super) fn actor() -> Actor {
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
