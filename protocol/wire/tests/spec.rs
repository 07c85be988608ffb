//! `docs/SPEC.md` against the code: tables of codes, of actions and regions, and the report's bytes.

mod common;

use std::fmt::Debug;

use common::{epoch, number};
use lightday_wire::dump;
use lightday_wire::report::{BODY_LEN, REPORT_LEN, RunningCode, flags};
use lightday_wire::{
    CodecId, Location, ObjectKind, Refusal, Region, Report, ResetCause, RevertCause, Role, SlotId,
    SlotReport, SlotState, Stage, Verdict, canon, report,
};

const SPEC: &str = include_str!("../../../docs/SPEC.md");

/// The cells of the rows of the table below a heading, without the table's own heading.
fn table(heading: &str) -> Vec<Vec<String>> {
    let (_, section) = SPEC
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("SPEC has no heading {heading}"));
    let section = section.split("\n#").next().expect("split gives one part");
    let lines = section.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

fn integer(text: &str) -> u8 {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("{text} is no code"))
}

/// Code and name of each row.
fn codes(heading: &str) -> Vec<(u8, String)> {
    table(heading)
        .into_iter()
        .map(|row| (integer(&row[0]), row[1].clone()))
        .collect()
}

fn same<T: Copy + Debug>(name: &str, all: &[T], code: impl Fn(T) -> u8) {
    let ours: Vec<_> = all.iter().map(|c| (code(*c), format!("{c:?}"))).collect();
    assert_eq!(codes(&format!("### `{name}`")), ours, "{name}");
}

#[test]
fn the_tables_of_codes_are_those_of_the_code() {
    same("ObjectKind", ObjectKind::ALL, ObjectKind::code);
    same("CodecId", CodecId::ALL, CodecId::code);
    same("Role", Role::ALL, Role::code);
    same("Stage", Stage::ALL, Stage::code);
    same("Refusal", Refusal::ALL, Refusal::code);
    same("SlotState", SlotState::ALL, SlotState::code);
    same("ResetCause", ResetCause::ALL, ResetCause::code);
    same("RevertCause", RevertCause::ALL, RevertCause::code);
}

fn first_byte<T: serde::Serialize>(value: &T) -> u8 {
    let mut buffer = [0; 64];
    canon::encode(value, &mut buffer).expect("it fits")[0]
}

fn variant(value: &impl Debug) -> String {
    let debug = format!("{value:?}");
    let end = debug.find(|c: char| !c.is_alphanumeric());
    debug[..end.unwrap_or(debug.len())].to_owned()
}

#[test]
fn the_tables_of_actions_and_regions_are_those_of_the_code() {
    let actions = common::commands();
    let ours: Vec<_> = actions
        .iter()
        .map(|(_, command)| (first_byte(command), variant(&command.action)))
        .collect();
    assert_eq!(codes("### `Action`"), ours);

    let regions = [
        Region::Image(Location::Golden),
        Region::Trailer(SlotId::A),
        Region::Record(0),
        Region::Floors,
        Region::Staging,
    ];
    let ours: Vec<_> = regions
        .iter()
        .map(|r| (first_byte(r), variant(r)))
        .collect();
    assert_eq!(codes("### `Region`"), ours);
}

#[test]
fn the_report_flags_are_those_of_the_code() {
    let ours = [
        (flags::LEASE_COOPERATIVE, "LEASE_COOPERATIVE"),
        (flags::RECORD_LOST, "RECORD_LOST"),
        (flags::UPLINK_PROVEN, "UPLINK_PROVEN"),
        (flags::HELD, "HELD"),
        (flags::HEALTHY, "HEALTHY"),
        (flags::STAGING_WORN, "STAGING_WORN"),
    ]
    .map(|(bit, name)| (bit, name.to_owned()));
    assert_eq!(codes("### Report flags"), ours);
}

/// A report of zeros, and one field after the other with no zero byte in it.
fn zero() -> Report {
    let slot = SlotReport {
        state: SlotState::Empty,
        version: common::version(0, 0, 0),
        digest: [0; 4],
    };
    Report {
        sequence: 0,
        time_s: 0,
        running: RunningCode(Location::Slot(SlotId::A)),
        slots: [slot; 2],
        golden: [0; 4],
        bundle: Verdict::IDLE,
        symbols_needed: 0,
        authorization: Verdict::IDLE,
        command: Verdict::IDLE,
        next: [number(0); 4],
        reset_cause: ResetCause::Unknown,
        resets: 0,
        tries_left: 0,
        environment_left: 0,
        lease_left_h: 0,
        revert_cause: RevertCause::None,
        reverted: number(0),
        key_set: 0,
        security_counter: 0,
        hold: Refusal::None,
        frames_refused: 0,
        flags: 0,
        state_digest: [0; 8],
    }
}

fn set_slot(slot: &mut SlotReport, field: &str) -> bool {
    match field {
        "state" => slot.state = SlotState::Golden,
        "version" => slot.version = common::version(0xff, 0xff, 0xffff),
        "digest" => slot.digest = [0xff; 4],
        _ => return false,
    }
    true
}

fn set_verdict(verdict: &mut Verdict, field: &str) -> bool {
    match field {
        "number" => verdict.number = number(0xff_ffff),
        "stage" => verdict.stage = Stage::Failed,
        "refusal" => verdict.refusal = Refusal::OutOfRange,
        _ => return false,
    }
    true
}

/// Sets the field of this name so that every byte of it changes; false if there is none.
fn set(report: &mut Report, field: &str) -> bool {
    match field.split_once('.') {
        Some(("slots[0]", field)) => return set_slot(&mut report.slots[0], field),
        Some(("slots[1]", field)) => return set_slot(&mut report.slots[1], field),
        Some(("bundle", field)) => return set_verdict(&mut report.bundle, field),
        Some(("authorization", field)) => return set_verdict(&mut report.authorization, field),
        Some(("command", field)) => return set_verdict(&mut report.command, field),
        _ => {}
    }
    match field {
        "sequence" => report.sequence = u32::MAX,
        "time_s" => report.time_s = u32::MAX,
        "running" => report.running = RunningCode(Location::Golden),
        "golden" => report.golden = [0xff; 4],
        "symbols_needed" => report.symbols_needed = u16::MAX,
        "next" => report.next = [number(0xff_ffff); 4],
        "reset_cause" => report.reset_cause = ResetCause::Fault,
        "resets" => report.resets = u16::MAX,
        "tries_left" => report.tries_left = u8::MAX,
        "environment_left" => report.environment_left = u8::MAX,
        "lease_left_h" => report.lease_left_h = u16::MAX,
        "revert_cause" => report.revert_cause = RevertCause::RecordLost,
        "reverted" => report.reverted = number(0xff_ffff),
        "key_set" => report.key_set = u16::MAX,
        "security_counter" => report.security_counter = u16::MAX,
        "hold" => report.hold = Refusal::OutOfRange,
        "frames_refused" => report.frames_refused = u8::MAX,
        "flags" => report.flags = u8::MAX,
        "state_digest" => report.state_digest = [0xff; 8],
        _ => return false,
    }
    true
}

fn packet(report: &Report) -> Vec<u8> {
    let mut body = [0; BODY_LEN];
    let body = canon::encode(report, &mut body).expect("it fits");
    [&[report::first_byte(epoch(0))], body, &[0; 8]].concat()
}

#[test]
fn the_byte_table_of_the_report_is_that_of_the_code() {
    let zeros = packet(&zero());
    assert_eq!(zeros.len(), REPORT_LEN);
    let mut end = 0;
    for row in table("## Report") {
        let [offset, len, field, _] = &row[..] else {
            panic!("four cells: {row:?}");
        };
        let (offset, len): (usize, usize) = (offset.parse().unwrap(), len.parse().unwrap());
        assert_eq!(offset, end, "{field} begins where the field before it ends");
        end = offset + len;
        if field == "first" || field == "tag" {
            continue;
        }
        let mut changed = zero();
        assert!(set(&mut changed, field), "the report has no field {field}");
        let changed = packet(&changed);
        for (at, (a, b)) in zeros.iter().zip(&changed).enumerate() {
            let inside = (offset..end).contains(&at);
            assert_eq!(a != b, inside, "{field}, byte {at}");
        }
    }
    assert_eq!(end, REPORT_LEN, "the table ends where the report ends");
}

/// The part of a dump of zeros with a field changed so that every byte of it changes; none if there is no such field.
fn changed_part(field: &str) -> Option<Vec<u8>> {
    let (command, offset) = match field {
        "command" => (number(0xff_ffff), 0),
        "offset" => (number(0), u32::MAX - 128),
        _ => (number(0), 0),
    };
    let range = dump::DumpRange::new(offset, 128)?;
    let part = dump::Part::new(command, range, 0, None)?;
    let part = match field {
        "none" | "command" | "offset" => part,
        "part" => dump::Part { part: 1, ..part },
        "len" => dump::Part { len: 1, ..part },
        "is_read" => dump::Part {
            is_read: true,
            ..part
        },
        "bytes" => dump::Part {
            is_read: false,
            ..dump::Part::new(command, range, 0, Some(&[0xff; 64]))?
        },
        _ => return None,
    };
    let mut body = [0; dump::BODY_LEN];
    let body = canon::encode(&part, &mut body).expect("it fits");
    Some([&[dump::first_byte(epoch(0))], body, &[0; 8]].concat())
}

#[test]
fn the_byte_table_of_a_dump_s_part_is_that_of_the_code() {
    let plain = changed_part("none").unwrap();
    assert_eq!(plain.len(), dump::DUMP_LEN);
    let mut end = 0;
    for row in table("## Dump") {
        let [offset, len, field, _] = &row[..] else {
            panic!("four cells: {row:?}");
        };
        let (offset, len): (usize, usize) = (offset.parse().unwrap(), len.parse().unwrap());
        assert_eq!(offset, end, "{field} begins where the field before it ends");
        end = offset + len;
        if field == "first" || field == "tag" {
            continue;
        }
        let changed = changed_part(field).unwrap_or_else(|| panic!("no field {field}"));
        for (at, (a, b)) in plain.iter().zip(&changed).enumerate() {
            let inside = (offset..end).contains(&at);
            assert_eq!(a != b, inside, "{field}, byte {at}");
        }
    }
    assert_eq!(end, dump::DUMP_LEN, "the table ends where the part ends");
}

#[test]
fn the_glossary_is_in_order_and_explains_each_word_once() {
    let glossary = include_str!("../../../docs/GLOSSARY.md");
    let words: Vec<_> = glossary
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .collect();
    assert!(words.len() > 80);
    for row in &words {
        let [_, word, meaning, from, _] = row[..] else {
            panic!("three cells: {row:?}");
        };
        assert!(!meaning.is_empty() && !from.is_empty(), "{word}");
    }
    for pair in words.windows(2) {
        assert!(
            pair[0][1] < pair[1][1],
            "{} before {}",
            pair[0][1],
            pair[1][1]
        );
    }
}
