//! `docs/SPEC.md`, "In flash", against the code.

use std::collections::BTreeMap;

use lightday_boot::cells::{DOCUMENT_CELL, HEADER_LEN, KEY_SET_CELL, PENDING_CELL, RECORD_CELL};
use lightday_boot::record::{CRASH_LIMIT, ENVIRONMENT_BUDGET, HomeCode, MAX_BARRED};
use lightday_boot::{Elapsed, Record};
use lightday_wire::{
    Digest, Epoch, Location, Refusal, ResetCause, RevertCause, SlotState, Stage, Verdict, Version,
};

use crate::store::encoded;
use crate::vehicle::{number, record};

const SPEC: &str = include_str!("../../../docs/SPEC.md");

/// The rows of the table below a heading.
fn table(heading: &str) -> Vec<Vec<String>> {
    let (_, section) = SPEC
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("SPEC has no heading {heading}"));
    let lines = section.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

/// Each field of the record, set to what differs from [`record`] in all of its bytes.
fn change(record: &mut Record, field: &str) {
    let trial = &mut record.trial;
    let far = Elapsed(0x0101_0101_0101_0101);
    match field {
        "format" => {}
        "home" => record.home = HomeCode(Location::Golden),
        "slots[0].state" => record.slots[0].state = SlotState::Failed,
        "slots[0].bundle" => record.slots[0].bundle = number(0xff_fffe),
        "slots[0].image" => record.slots[0].image = Digest([0; 32]),
        "slots[0].size" => record.slots[0].size = 0xffff_f00f,
        "slots[0].version" => {
            record.slots[0].version = Version {
                major: 1,
                minor: 1,
                patch: 0x0101,
            };
        }
        "slots[0].security_counter" => record.slots[0].security_counter = 0x0101_0101,
        "slots[1]" => record.slots[1] = lightday_boot::SlotRecord::EMPTY,
        "trial.started" => trial.started = true,
        "trial.tries_left" => trial.tries_left = 9,
        "trial.environment_left" => trial.environment_left = 9,
        "trial.command_floor" => trial.command_floor = number(0x01_0101),
        "trial.lease_s" => trial.lease_s = 0x0101_0101,
        "trial.deadline" => trial.deadline = far,
        "trial.health_deadline" => trial.health_deadline = far,
        "trial.healthy" => trial.healthy = true,
        "trial.give_up" => trial.give_up = RevertCause::Commanded,
        "next" => record.next = [0x01_0100; 4].map(number),
        "verdicts" => {
            let verdict = Verdict {
                number: number(0x01_0101),
                stage: Stage::Done,
                refusal: Refusal::OutOfRange,
            };
            record.verdicts = [verdict; 4];
        }
        "barred" => record.barred = [Digest([1; 32]); MAX_BARRED],
        "revert_cause" => record.revert_cause = RevertCause::Commanded,
        "reverted" => record.reverted = number(0x01_0101),
        "resets" => record.resets = 0x0101,
        "reset_cause" => record.reset_cause = ResetCause::Fault,
        "crashes" => record.crashes = 1,
        "environment" => record.environment = 1,
        "patch_attempts" => record.patch_attempts = 1,
        "held" => record.held = true,
        "command_loss" => record.command_loss = far,
        "epoch" => record.epoch = Epoch::new(3).unwrap(),
        "key_set" => record.key_set = 0x0100,
        "security_counter" => record.security_counter = 0x0101_0101,
        _ => panic!("{field} is no field of the record"),
    }
}

#[test]
fn the_table_of_the_boot_record_is_that_of_the_code() {
    let before = encoded(&record());
    let mut end = 0;
    for row in table("### Boot record") {
        let [offset, len] = [0, 1].map(|cell| row[cell].parse::<usize>().expect("a number"));
        let field = &row[2];
        assert_eq!(offset, end, "{field} follows the field before it");
        end = offset + len;
        let mut changed = record();
        change(&mut changed, field);
        let after = encoded(&changed);
        for (at, (old, new)) in before.iter().zip(&after).enumerate() {
            let is_inside = (offset..end).contains(&at);
            assert!(is_inside || old == new, "{field}: byte {at} changes");
        }
        if field != "format" {
            assert_ne!(before[offset], after[offset], "{field}: its first byte");
            assert_ne!(before[end - 1], after[end - 1], "{field}: its last byte");
        }
    }
    assert_eq!(end, before.len());
    assert!(SPEC.contains(&format!("The record is {end} B")));
}

#[test]
fn the_constants_of_the_section_are_those_of_the_code() {
    let numbers: BTreeMap<String, u32> = table("### Cells")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].parse().expect("a number")))
        .collect();
    assert_eq!(numbers["boot record"], RECORD_CELL);
    assert_eq!(numbers["trailer"], DOCUMENT_CELL);
    assert_eq!(numbers["pending document"], PENDING_CELL);
    assert_eq!(numbers["key set"], KEY_SET_CELL);
    assert_eq!(HEADER_LEN, 16);
    assert!(SPEC.contains(&format!("more than {ENVIRONMENT_BUDGET} resets by")));
    assert!(SPEC.contains(&format!("more than {CRASH_LIMIT} crashes")));
}
