//! Memory dumps: the bytes of flash that a command asks for, in parts, and nothing else of it.

use lightday_sim::flash::Fault;
use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::number;
use lightday_tests::bench_vehicle::Bench;
use lightday_wire::dump::{DumpRange, MAX_LEN, PART_LEN, Part, ROUND_S, ROUNDS};
use lightday_wire::{
    Action, Epoch, Location, ObjectKind, ObjectNumber, Refusal, Region, ResetCause, SlotId, Stage,
    TagLen,
};
use proptest::prelude::*;

const SLOT_A: Region = Region::Image(Location::Slot(SlotId::A));

/// Every region that can be named, and where it lies.
fn regions(bench: &Bench) -> Vec<(Region, lightday_boot::Region)> {
    let map = bench.map();
    vec![
        (SLOT_A, map.slots[0].image),
        (Region::Image(Location::Slot(SlotId::B)), map.slots[1].image),
        (Region::Image(Location::Golden), map.golden[0].image),
        (Region::Trailer(SlotId::A), map.slots[0].trailer),
        (Region::Trailer(SlotId::B), map.slots[1].trailer),
        (Region::Record(0), map.record[0]),
        (Region::Record(1), map.record[1]),
        (Region::Record(2), map.record[2]),
        (Region::Floors, map.floors),
        (Region::Staging, map.staging),
    ]
}

fn dump(region: Region, offset: u32, len: u16) -> Action {
    Action::MemoryDump {
        region,
        offset,
        len,
    }
}

/// Asks for a dump; the parts that are sent at once.
fn ask(bench: &mut Bench, action: Action) -> (ObjectNumber, Vec<Part>) {
    let command = number(bench.ground.next[2]);
    let before = bench.parts.len();
    bench.command(action);
    let parts = bench.parts.get(before..).unwrap();
    (command, parts.iter().map(|(_, part)| *part).collect())
}

/// The bytes of all parts of a round, each of which is what the command asked for.
fn bytes(command: ObjectNumber, range: DumpRange, parts: &[Part]) -> Vec<u8> {
    assert_eq!(parts.len(), usize::from(range.parts()));
    let mut bytes = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        assert_eq!((part.command, usize::from(part.part)), (command, n));
        assert!(part.is_of(range), "{part:?}");
        bytes.extend(part.bytes().expect("it was read"));
    }
    bytes
}

fn verdict(bench: &Bench) -> (ObjectNumber, Stage, Refusal) {
    let verdict = bench.agent().verdict(ObjectKind::Command);
    (verdict.number, verdict.stage, verdict.refusal)
}

#[test]
fn a_dump_is_what_lies_in_flash_of_every_region() {
    let mut bench = Bench::launch();
    for (region, place) in regions(&bench) {
        let last = place.len - u32::from(MAX_LEN);
        for (offset, len) in [
            (0, MAX_LEN),
            (0, 1),
            (17, 200),
            (last, MAX_LEN),
            (place.len - 1, 1),
        ] {
            let start = place.start + offset;
            let before = bench.flash.peek(start..start + u32::from(len)).unwrap();
            let before = before.to_vec();
            let (command, parts) = ask(&mut bench, dump(region, offset, len));
            let found = bytes(command, DumpRange::new(offset, len).unwrap(), &parts);
            // The record changes with the verdict on the command.
            if !matches!(region, Region::Record(_)) {
                assert_eq!(found, before, "{region:?} {offset} {len}");
            }
            assert_eq!(verdict(&bench), (command, Stage::Done, Refusal::None));
            assert_eq!(bench.beacon().command.stage, Stage::Done);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked for: all of it where it exists, nothing where it does not.
    #[test]
    fn a_range_is_dumped_whole_or_refused(
        which in 0usize..10, offset in prop_oneof![0u32..40_000, any::<u32>()],
        len in prop_oneof![0u16..1100, any::<u16>()],
    ) {
        let mut bench = Bench::launch();
        let (region, place) = regions(&bench)[which];
        let is_there = (1..=MAX_LEN).contains(&len)
            && offset.checked_add(len.into()).is_some_and(|end| end <= place.len);
        let writes = bench.writes().1;
        let (command, parts) = ask(&mut bench, dump(region, offset, len));
        if is_there {
            let found = bytes(command, DumpRange::new(offset, len).unwrap(), &parts);
            prop_assert_eq!(found.len(), usize::from(len));
            prop_assert_eq!(verdict(&bench), (command, Stage::Done, Refusal::None));
        } else {
            prop_assert_eq!(parts, []);
            prop_assert_eq!(verdict(&bench), (command, Stage::Refused, Refusal::OutOfRange));
            bench.wait_s(2 * ROUND_S);
            prop_assert_eq!(bench.parts.len(), 0);
        }
        prop_assert_eq!(bench.writes().1, writes, "nothing but the record is written");
    }
}

#[test]
fn a_region_or_range_that_does_not_exist_is_refused() {
    let mut bench = Bench::launch();
    let len = bench.map().floors.len;
    for (region, offset, len) in [
        (Region::Record(3), 0, 1),
        (Region::Record(255), 0, 1),
        (Region::Floors, 0, 0),
        (Region::Floors, 0, MAX_LEN + 1),
        (Region::Floors, len, 1),
        (Region::Floors, len - 1, 2),
        (Region::Floors, u32::MAX, u16::MAX),
    ] {
        let (command, parts) = ask(&mut bench, dump(region, offset, len));
        assert_eq!(parts, []);
        let refused = (command, Stage::Refused, Refusal::OutOfRange);
        assert_eq!(verdict(&bench), refused, "{region:?} {offset} {len}");
    }
}

/// Link keys are in no region: they are handed to the agent, and on no flash of its map. The key sets, which hold
/// public keys alone, are in none that can be named.
#[test]
fn no_region_that_can_be_named_holds_keys() {
    let bench = Bench::launch();
    let map = bench.map();
    let launch_keys = map.golden.map(|copy| copy.trailer);
    for (region, place) in regions(&bench) {
        for keys in map.key_sets.into_iter().chain(launch_keys) {
            let is_apart = place.end() <= keys.start || keys.end() <= place.start;
            assert!(is_apart, "{region:?} holds key sets");
        }
        let bytes = bench.flash.peek(place.start..place.end()).unwrap();
        for key in &bench.config.link_keys.0 {
            let holds = bytes.windows(8).any(|window| key.0.starts_with(window));
            assert!(!holds, "{region:?} holds a link key");
        }
    }
}

#[test]
fn all_parts_go_down_eight_times_and_say_the_same_whatever_is_written_meanwhile() {
    let mut bench = Bench::launch();
    let record = Region::Record(1);
    let (command, first) = ask(&mut bench, dump(record, 0, 150));
    let range = DumpRange::new(0, 150).unwrap();
    let told = bytes(command, range, &first);
    // Each of these commits the record; none of them takes the dump's place.
    for round in 1..ROUNDS {
        bench.command(Action::Hold {
            held: round % 2 == 0,
        });
        bench.wait_s(ROUND_S);
    }
    bench.wait_s(20 * ROUND_S);
    let rounds: Vec<_> = bench.parts.chunks(first.len()).collect();
    assert_eq!(rounds.len(), usize::from(ROUNDS));
    for (round, pair) in rounds.iter().zip(rounds.iter().skip(1)) {
        let apart_ms = pair[0].0 - round.last().unwrap().0;
        assert_eq!(apart_ms / 1000, ROUND_S);
    }
    for round in &rounds {
        let parts: Vec<Part> = round.iter().map(|(_, part)| *part).collect();
        assert_eq!(bytes(command, range, &parts), told);
    }
    let place = bench.map().record[1].start;
    let now = bench.flash.peek(place..place + 150).unwrap();
    assert_ne!(now, told, "nothing was written meanwhile");
}

/// The frames of an object arrive, and the agent steps until `is_done`, in the middle of what it does then.
fn deliver_until(bench: &mut Bench, object: &UplinkObject, is_done: impl Fn(&Bench) -> bool) {
    let key = bench.uplink(0);
    for index in 0..object.k() {
        let frame = object.frame(index, &key, TagLen::Eight);
        bench.hear(&frame.unwrap());
        while index + 1 == object.k() && !is_done(bench) {
            bench.step();
        }
    }
}

#[test]
fn a_report_that_is_due_goes_before_the_parts_of_a_dump_that_are_left() {
    let mut bench = Bench::launch();
    bench.wait_s(10);
    let object = bench.ground.command(dump(SLOT_A, 0, MAX_LEN));
    deliver_until(&mut bench, &object, |bench| bench.parts.len() >= 3);
    let reports = bench.reports.len();
    let asked = bench.ground.command(Action::ReportRequest);
    deliver_until(&mut bench, &asked, |bench| bench.reports.len() > reports);
    assert_eq!(bench.report().command.number, asked.number());
    assert!(bench.parts.len() <= 4, "{}", bench.parts.len());
    bench.settle();
    assert_eq!(bench.parts.len(), 16);
}

#[test]
fn a_reset_forgets_a_dump_and_the_ground_may_ask_again() {
    let mut bench = Bench::launch();
    // Before it was read: the verdict stays where it was.
    let object = bench.ground.command(dump(SLOT_A, 0, MAX_LEN));
    deliver_until(&mut bench, &object, |bench| {
        verdict(bench).1 == Stage::Started
    });
    bench.reset(ResetCause::Upset);
    bench.wait_s(3 * ROUND_S);
    assert_eq!(bench.parts, []);
    assert_eq!(verdict(&bench).1, Stage::Started);
    // In the middle of a round: what was sent was sent, and no more comes.
    let second = number(bench.ground.next[2]);
    let object = bench.ground.command(dump(SLOT_A, 0, MAX_LEN));
    deliver_until(&mut bench, &object, |bench| bench.parts.len() >= 5);
    bench.reset(ResetCause::PowerOn);
    bench.wait_s(3 * ROUND_S);
    assert_eq!(bench.parts.len(), 5);
    assert_eq!(verdict(&bench), (second, Stage::Done, Refusal::None));
    // Heard again, the same command is old; another one brings it.
    bench.deliver_all(&object);
    assert_eq!(bench.parts.len(), 5);
    let (command, parts) = ask(&mut bench, dump(SLOT_A, 0, MAX_LEN));
    bytes(command, DumpRange::new(0, MAX_LEN).unwrap(), &parts);
}

#[test]
fn what_the_flash_does_not_give_is_told_and_costs_no_other_part() {
    let mut bench = Bench::launch();
    let place = bench.map().slots[0].image;
    let start = place.start + 200;
    let now = bench.flash.operations();
    let range = start..start + 8;
    bench
        .flash
        .fail_at(now, Fault::Unreadable { range, one_in: 1 });
    let range = DumpRange::new(100, 300).unwrap();
    let (command, parts) = ask(&mut bench, dump(SLOT_A, 100, 300));
    assert_eq!(
        verdict(&bench),
        (command, Stage::Failed, Refusal::FlashFault)
    );
    assert_eq!(parts.len(), 5);
    for part in &parts {
        assert!(part.is_of(range));
        let covers = (part.offset..part.offset + u32::from(part.len)).contains(&200);
        assert_eq!(part.bytes().is_none(), covers, "{part:?}");
        if let Some(bytes) = part.bytes() {
            let from = place.start + part.offset;
            let lies = bench.flash.peek(from..from + u32::from(part.len));
            assert_eq!(bytes, lies.unwrap());
        }
    }
    assert_eq!(
        parts.iter().filter(|part| part.bytes().is_none()).count(),
        1
    );
    assert_eq!(bench.beacon().command.refusal, Refusal::FlashFault);
}

#[test]
fn another_dump_takes_its_place_and_a_refused_one_does_not() {
    let mut bench = Bench::launch();
    let (first, _) = ask(&mut bench, dump(SLOT_A, 0, 100));
    ask(&mut bench, dump(SLOT_A, u32::MAX, 100));
    bench.parts.clear();
    bench.wait_s(ROUND_S + 60);
    assert!(!bench.parts.is_empty());
    assert!(bench.parts.iter().all(|(_, part)| part.command == first));
    let (second, _) = ask(&mut bench, dump(Region::Floors, 0, 64));
    bench.parts.clear();
    bench.wait_s(10 * ROUND_S);
    assert_eq!(bench.parts.len(), usize::from(ROUNDS - 1));
    assert!(bench.parts.iter().all(|(_, part)| part.command == second));
}

#[test]
fn an_epoch_switch_ends_a_dump_so_that_it_comes_down_under_one_key() {
    let mut bench = Bench::launch();
    // On trial the switch brings no reset.
    bench.try_out(2, 2);
    let (_, parts) = ask(&mut bench, dump(SLOT_A, 0, 100));
    assert_eq!(parts.len(), 2);
    let boots = bench.boots.len();
    bench.ground.epoch = 1;
    bench.command(Action::EpochSwitch {
        epoch: Epoch::new(1).unwrap(),
    });
    assert_eq!((bench.record().epoch.get(), bench.boots.len()), (1, boots));
    bench.wait_s(2 * ROUND_S);
    assert_eq!(bench.parts.len(), 2);
    let (command, parts) = ask(&mut bench, dump(SLOT_A, 0, 100));
    bytes(command, DumpRange::new(0, 100).unwrap(), &parts);
}

#[test]
fn a_dump_holds_no_bundle_up_and_writes_nothing_but_the_record() {
    let mut bench = Bench::launch();
    let built = bench
        .ground
        .bundle(&lightday_tests::bench_vehicle::image(2, 3000), 2);
    let half = built.object.k() / 2;
    bench.deliver(&built.object, 0..half);
    bench.costs.clear();
    let (command, parts) = ask(&mut bench, dump(Region::Staging, 0, MAX_LEN));
    bytes(command, DumpRange::new(0, MAX_LEN).unwrap(), &parts);
    let costs = std::mem::take(&mut bench.costs);
    assert!(
        costs
            .iter()
            .all(|cost| cost.is_commit || cost.programs + cost.erases == 0)
    );
    assert_eq!(costs.iter().filter(|cost| cost.is_commit).count(), 2);
    bench.deliver(&built.object, half..built.object.k());
    assert_eq!(bench.report().bundle.stage, Stage::Done);
    assert_eq!(u32::from(PART_LEN) * parts.len() as u32, u32::from(MAX_LEN));
}
