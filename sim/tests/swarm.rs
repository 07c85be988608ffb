//! The swarm: one seed draws everything (link, passes, geometry, ECC, application, every command, the next key set, a
//! second bundle, cuts, faults of the flash, upsets, a lost record, intruder), and the invariants must hold whatever comes of it.
//!
//! `LIGHTDAY_SWARM=2000 cargo test --release -p lightday-sim --test swarm -- --nocapture` flies more than CI
//! does; `LIGHTDAY_SEED=n` repeats one and prints its story.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use lightday_sim::demo;
use lightday_sim::ending::Ending;
use lightday_sim::flash::{CutForm, Fault};
use lightday_sim::ground::{Base, Intent, Order};
use lightday_sim::link::Loss;
use lightday_sim::outcome::Outcome;
use lightday_sim::rng::Rng;
use lightday_sim::scenario::{BUNDLE, Images, Prepared, Scenario};
use lightday_sim::time::Span;
use lightday_sim::trace::Keep;
use lightday_sim::vehicle::Behaviour;
use lightday_trust::digest::sha256;
use lightday_wire::command::Region;
use lightday_wire::{Action, Epoch, Location, ObjectKind, ObjectNumber, SlotId};

const OLD: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v2.bin");
const NEW: &[u8] = include_bytes!("../../tests/fixtures/orbiter-thumb-v3.bin");
const MISSIONS: u64 = 32;
/// Bytes of an image.
const IMAGE: usize = 30_000;

fn ppm(rng: &mut Rng, most: u64) -> u32 {
    u32::try_from(rng.below(most)).unwrap()
}

fn draw(seed: u64) -> Scenario {
    let rng = &mut Rng::stream(seed, "swarm");
    // Small images: what is drawn is the world around them.
    let part = |bytes: &[u8]| bytes[..IMAGE].to_vec();
    let images = Images::new(&part(OLD), &part(OLD), &part(NEW));
    let behaviour = *rng.pick(&Behaviour::ALL).unwrap();
    let mut scenario = demo::scenario(behaviour.name(), images).unwrap();
    scenario.name = format!("swarm-{seed}");
    scenario.length = Span::from_days(21);
    scenario.loss = match rng.below(3) {
        0 => Loss::None,
        1 => Loss::Random {
            loss_ppm: ppm(rng, 300_000),
        },
        _ => Loss::bursts(
            ppm(rng, 300_000),
            u32::try_from(rng.between(2, 30)).unwrap(),
        ),
    };
    scenario.lost_pass_ppm = ppm(rng, 300_000);
    scenario.bit_error_ppb = ppm(rng, 20_000);
    scenario.duplicate_ppm = ppm(rng, 50_000);
    scenario.schedule.first = Span::from_hours(rng.below(24));
    scenario.schedule.length = Span::from_hours(rng.between(3, 20));
    scenario.is_attacked = rng.below(4) == 0;
    scenario.intent = draw_intent(rng);
    scenario.orders = draw_orders(rng);
    scenario.resyncs = rng.below(4) != 0;
    if rng.below(6) == 0 {
        scenario.wipes.push(Span::from_hours(rng.between(1, 300)));
    }
    scenario.has_ecc = rng.below(2) == 0;
    let mut operation = 0;
    for _ in 0..rng.below(5) {
        operation += rng.below(150);
        let seed = rng.next_u64();
        let form = match rng.below(7) {
            0 => CutForm::NotDone,
            1 => CutForm::Barely(seed),
            2 => CutForm::Partial(seed),
            3 => CutForm::Scattered(seed),
            4 => CutForm::Nearly(seed),
            5 => CutForm::Unstable(seed),
            _ => CutForm::Flickers(seed),
        };
        scenario.cuts.push((operation, form));
        operation += 1;
    }
    for _ in 0..rng.below(6).saturating_sub(3) {
        let fault = (rng.below(200), draw_fault(rng));
        scenario.faults.push(fault);
    }
    let mut hours = 0;
    for _ in 0..rng.below(8) {
        hours += rng.between(1, 60);
        scenario.upsets.push(Span::from_hours(hours));
    }
    let memory = &mut scenario.profile.memory;
    memory.slot_size = 64 * 1024;
    memory.staging_size = 64 * 1024;
    (memory.program_granule, memory.erase_block) = match rng.below(4) {
        0 => (4, 4096),
        1 => (8, 2048),
        2 => (16, 8192),
        _ => (256, 8192),
    };
    // Symbols are whole granules.
    let granule = memory.program_granule;
    scenario.profile.link.symbol_len_max = 200.max(granule);
    scenario
}

/// What the people want: an update in half of the missions.
fn draw_intent(rng: &mut Rng) -> Intent {
    match rng.below(12) {
        0 | 1 => Intent::UpdateThenRollback,
        2 => Intent::UpdateThen(Action::BootGolden),
        3 => Intent::UpdateThen(Action::Hold { held: true }),
        4 => Intent::HoldThenUpdate,
        5 => Intent::Abort(BUNDLE),
        _ => Intent::Update,
    }
}

/// What they send besides, at times of their own: now and then the next key set and a second bundle, and any command.
fn draw_orders(rng: &mut Rng) -> Vec<(Span, Order)> {
    let mut orders = Vec::new();
    if rng.below(4) == 0 {
        let base = *rng.pick(&[Base::Old, Base::New]).unwrap();
        orders.push((Span::from_hours(rng.below(72)), Order::Follower(base)));
    }
    if rng.below(4) == 0 {
        orders.push((Span::from_hours(rng.below(300)), Order::Keys));
    }
    for _ in 0..rng.below(8).saturating_sub(3) {
        let order = Order::Command(draw_command(rng));
        orders.push((Span::from_hours(rng.below(400)), order));
    }
    orders.sort_by_key(|(at, _)| *at);
    orders
}

/// Every command but Confirm, which they send on a report alone. Those of which the vehicle carries out none are among them.
fn draw_command(rng: &mut Rng) -> Action {
    let epoch = Epoch::new(u8::try_from(rng.between(1, 3)).unwrap()).unwrap();
    let number =
        |rng: &mut Rng| ObjectNumber::new(u32::try_from(rng.between(1, 3)).unwrap()).unwrap();
    match rng.below(14) {
        0 | 1 => Action::EpochSwitch { epoch },
        2 => Action::Resync {
            epoch,
            next: [number(rng); 4],
        },
        3 | 4 => Action::MemoryDump {
            region: draw_region(rng),
            offset: ppm(rng, 3000),
            len: u16::try_from(rng.between(0, 1100)).unwrap(),
        },
        5 => Action::RegionDigest {
            region: draw_region(rng),
            offset: ppm(rng, 3000),
            len: ppm(rng, 40_000),
        },
        6 => Action::ReportRequest,
        7 => Action::Hold {
            held: rng.below(2) == 0,
        },
        8 => Action::BootGolden,
        9 => Action::Rollback {
            image: sha256(&OLD[..IMAGE]),
        },
        10 => Action::Abort {
            kind: *rng
                .pick(&[ObjectKind::Bundle, ObjectKind::Authorization])
                .unwrap(),
            number: number(rng),
        },
        11 => Action::SetTime {
            time_s: rng.below(1 << 40),
        },
        12 => Action::Scrub {
            region: draw_region(rng),
        },
        _ => Action::RetireBlock {
            address: ppm(rng, 400_000),
        },
    }
}

fn draw_region(rng: &mut Rng) -> Region {
    match rng.below(6) {
        0 => Region::Image(Location::Golden),
        1 => Region::Image(Location::Slot(SlotId::B)),
        2 => Region::Trailer(SlotId::A),
        // One that does not exist, too.
        3 => Region::Record(u8::try_from(rng.below(4)).unwrap()),
        4 => Region::Floors,
        _ => Region::Staging,
    }
}

/// Somewhere in the flash: nobody knows what lies there.
fn draw_fault(rng: &mut Rng) -> Fault {
    let mut address = u32::try_from(rng.below(400_000)).unwrap();
    // Half of them where the first record is, and what decides what boots.
    if rng.below(2) == 0 {
        address %= 16_384;
    }
    let range = address..address + u32::try_from(rng.between(1, 600)).unwrap();
    match rng.below(7) {
        0 => Fault::Skipped,
        1 => Fault::Refused,
        2 => Fault::DeadBlock { address },
        3 => Fault::NoErase,
        4 => Fault::Stuck {
            address,
            mask: 1 << rng.below(8),
            value: rng.next_u8(),
        },
        5 => Fault::Unreadable {
            range,
            one_in: rng.between(1, 5),
        },
        _ => Fault::Garbled {
            range,
            seed: rng.next_u64(),
        },
    }
}

fn fly(seed: u64, keep: Keep) -> Outcome {
    let scenario = draw(seed);
    match scenario.profile.memory.program_granule {
        4 => Prepared::<4, 4096>::new(scenario).unwrap().run(seed, keep),
        8 => Prepared::<8, 2048>::new(scenario).unwrap().run(seed, keep),
        16 => Prepared::<16, 8192>::new(scenario).unwrap().run(seed, keep),
        _ => Prepared::<256, 8192>::new(scenario)
            .unwrap()
            .run(seed, keep),
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// So many missions, on both cores, in the order of their seeds.
fn all(missions: u64) -> BTreeMap<u64, Outcome> {
    let next = AtomicU64::new(0);
    let flown = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= missions {
                        return;
                    }
                    let outcome = fly(seed, Keep::Digest);
                    flown.lock().unwrap().insert(seed, outcome);
                }
            });
        }
    });
    flown.into_inner().unwrap()
}

#[test]
fn whatever_is_drawn_the_invariants_hold() {
    if let Some(seed) = number("LIGHTDAY_SEED") {
        let outcome = fly(seed, Keep::Headlines);
        let drawn = draw(seed);
        println!(
            "{:?} ECC {} {:?} {:?} {:?} {:?}",
            drawn.intent, drawn.has_ecc, drawn.cuts, drawn.faults, drawn.orders, drawn.wipes
        );
        for entry in &outcome.timeline {
            println!("{entry}");
        }
        assert_eq!(outcome.violations, [], "{outcome}");
        return;
    }
    let missions = number("LIGHTDAY_SWARM").unwrap_or(MISSIONS);
    let mut endings = BTreeMap::<String, u32>::new();
    let mut broken = Vec::new();
    for (seed, outcome) in all(missions) {
        if std::env::var_os("LIGHTDAY_LIST").is_some() {
            println!("{outcome}");
        }
        *endings.entry(outcome.on_board.to_string()).or_default() += 1;
        if !outcome.violations.is_empty() {
            broken.push(format!("LIGHTDAY_SEED={seed}: {outcome}"));
        }
    }
    println!("{missions} missions: {endings:#?}");
    assert_eq!(broken, Vec::<String>::new());
    assert!(endings.contains_key(&Ending::Confirmed.to_string()));
}
