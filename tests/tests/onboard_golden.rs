//! Golden with bad bits: what is left of it serves, and where nothing is left a vehicle that runs a slot in its
//! stead still takes updates and finds a home.

use lightday_agent::Health;
use lightday_boot::SlotMap;
use lightday_boot::floors::{self, Floor};
use lightday_boot::store::RecordStore;
use lightday_boot::trailer::{Entry, Trailer};
use lightday_tests::bench_ground::{Built, LEASE_S};
use lightday_tests::bench_vehicle::{Bench, COMMAND_LOSS_S, describe, image};
use lightday_wire::{
    Action, Location, ObjectNumber, Refusal, ResetCause, SlotId, SlotState, TagLen,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);

/// One bit of each copy's image is wrong.
fn kill_golden(bench: &mut Bench) {
    for SlotMap { image, .. } in bench.map().golden {
        bench.corrupt(image.start + 3000);
    }
}

/// Home is golden by command, golden is dead, and B, which was confirmed last, runs in its stead.
fn in_golden_s_stead() -> (Bench, Built) {
    let mut bench = Bench::launch();
    let second = bench.update(2, 2);
    kill_golden(&mut bench);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), B);
    assert_eq!(bench.record().home.0, Location::Golden);
    (bench, second)
}

/// A third image is delivered, tried in A and confirmed.
fn updates(bench: &mut Bench) {
    let third = bench.try_out(3, 3);
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (A, SlotState::Trial)
    );
    bench.command(Action::Confirm {
        image: third.image.digest,
    });
    assert_eq!(bench.state(SlotId::A), SlotState::Confirmed);
    assert_eq!(bench.record().home.0, A);
}

/// Regression: the agent read the papers of golden's first copy alone.
#[test]
fn golden_is_known_and_serves_as_base_whichever_of_its_papers_are_broken() {
    for copy in 0..2 {
        let mut bench = Bench::launch();
        let papers = bench.map().golden[copy].trailer.start;
        bench.corrupt(papers + 40);
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        let golden = describe(&image(9, 4000), 0);
        assert_eq!(bench.beacon().golden, golden.digest.prefix().short());
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, Some(golden), |_| {});
        bench.deliver_all(&built.object);
        assert_eq!(bench.state(SlotId::B), SlotState::Verified, "copy {copy}");
    }
}

/// Regression: home was golden, which no copy could be booted of; nothing was ever patched or activated again.
#[test]
fn with_golden_dead_the_slot_that_runs_in_its_stead_takes_a_whole_update() {
    let (mut bench, _) = in_golden_s_stead();
    updates(&mut bench);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.running(), A);
}

/// The same where both slots crashed too often: B runs as `Reverted`.
#[test]
fn with_golden_dead_a_vehicle_whose_slots_both_crashed_takes_a_whole_update() {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    kill_golden(&mut bench);
    for _ in 0..8 {
        bench.reset(ResetCause::Fault);
    }
    bench.settle();
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Reverted)
    );
    assert_eq!(bench.record().home.0, Location::Golden);
    updates(&mut bench);
}

/// A bundle that was cut off while A was patched from golden, before golden died.
#[test]
fn with_golden_dead_a_slot_that_is_half_patched_is_patched_to_its_end() {
    let mut bench = Bench::launch();
    bench.update(2, 2);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), Location::Golden);
    let third = bench.ground.bundle(&image(3, 3000), 3);
    bench.deliver(&third.object, 0..third.object.k() - 1);
    let last = third.object.k() - 1;
    let frame = third.object.frame(last, &bench.uplink(0), TagLen::Eight);
    bench.hear(&frame.unwrap());
    while bench.state(SlotId::A) != SlotState::Patching {
        bench.step();
    }
    for _ in 0..3 {
        bench.step();
    }
    kill_golden(&mut bench);
    bench.reset(ResetCause::BrownOut);
    bench.settle();
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (B, SlotState::Verified)
    );
    let authorization = bench.ground.authorization(&third);
    bench.deliver_all(&authorization);
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (A, SlotState::Trial)
    );
}

/// The image on trial fails; the one before it runs in golden's stead as before, and the next bundle is taken.
#[test]
fn with_golden_dead_a_trial_that_fails_ends_in_the_slot_before() {
    let (mut bench, _) = in_golden_s_stead();
    bench.application.health = Health::Failing;
    bench.try_out(3, 3);
    assert_eq!(
        (bench.running(), bench.state(SlotId::A)),
        (B, SlotState::Reverted)
    );
    bench.application.health = Health::Healthy;
    let fourth = bench.try_out(4, 4);
    bench.command(Action::Confirm {
        image: fourth.image.digest,
    });
    assert_eq!(bench.record().home.0, A);
}

/// Regression: a rollback to what ran was refused, and a Confirm said `Done` and changed nothing: nothing made a home
/// of the slot that ran in golden's stead.
#[test]
fn with_golden_dead_a_rollback_to_the_slot_that_runs_makes_it_home_again() {
    let (mut bench, second) = in_golden_s_stead();
    let image = second.image.digest;
    bench.command(Action::Rollback { image });
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
    bench.command(Action::Confirm { image });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    assert_eq!(bench.record().home.0, B);
    // What is home, and runs, is nothing to roll back to.
    bench.command(Action::Rollback { image });
    assert_eq!(bench.report().command.refusal, Refusal::UnknownImage);
}

/// A trial of what runs in golden's stead is a trial as any other.
#[test]
fn with_golden_dead_a_rollback_to_the_slot_that_runs_needs_its_confirm() {
    let (mut bench, second) = in_golden_s_stead();
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    bench.wait_s(u64::from(LEASE_S) + 10);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Reverted)
    );
    assert_eq!(bench.record().home.0, Location::Golden);
}

/// Regression: where two slots could run in golden's stead, one that crashes at each boot did so for ever.
#[test]
fn with_golden_dead_two_slots_take_turns_where_they_crash() {
    let (mut bench, _) = in_golden_s_stead();
    let mut boots = Vec::new();
    for _ in 0..12 {
        bench.reset(ResetCause::Watchdog);
        boots.push(bench.running());
    }
    assert_eq!(boots, [B, B, B, A, A, A, A, B, B, B, B, A]);
    // An hour of health forgives, and power that fails is no crash.
    bench.wait_s(2 * 3600 + 10);
    for _ in 0..9 {
        bench.reset(ResetCause::PowerOn);
        assert_eq!(bench.running(), B);
    }
}

/// Regression: resets by software were not counted, and a slot that ends its panics by one ran for ever beside a good
/// one. The reset by which it came there is the first.
#[test]
fn with_golden_dead_two_slots_take_turns_where_their_panics_end_in_a_reset_by_software() {
    let (mut bench, _) = in_golden_s_stead();
    let mut boots = Vec::new();
    for _ in 0..15 + 17 + 1 {
        bench.reset(ResetCause::Software);
        boots.push(bench.running());
    }
    let expected = [vec![B; 15], vec![A; 17], vec![B]].concat();
    assert_eq!(boots, expected);
}

/// An image that may confirm itself is delivered to `slot` and on trial there, with an application of this health.
fn try_out_eager(bench: &mut Bench, seed: u8, slot: SlotId, health: Health) -> Built {
    let built = bench
        .ground
        .bundle_with(&image(seed, 3000), seed, None, |m| {
            m.trial.self_confirm = true;
            m.security_counter = 5;
        });
    bench.deliver_all(&built.object);
    let authorization = bench.ground.authorization(&built);
    bench.application.health = health;
    bench.deliver_all(&authorization);
    assert_eq!(
        (bench.running(), bench.state(slot)),
        (Location::Slot(slot), SlotState::Trial)
    );
    built
}

/// A signed command is heard, and what is on trial in `slot` confirms itself.
fn confirms_itself(bench: &mut Bench, slot: SlotId) {
    bench.command(Action::ReportRequest);
    bench.wait_s(61);
    assert_eq!(bench.state(slot), SlotState::Confirmed);
    assert_eq!(bench.record().home.0, Location::Slot(slot));
}

/// Regression: the slot whose Confirm was the newest ran, even if the other one had confirmed itself since.
#[test]
fn with_golden_dead_an_image_that_confirmed_itself_last_runs_first() {
    let mut bench = Bench::launch();
    let second = try_out_eager(&mut bench, 2, SlotId::B, Health::Healthy);
    kill_golden(&mut bench);
    confirms_itself(&mut bench, SlotId::B);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), B, "over an older Confirm");
    try_out_eager(&mut bench, 3, SlotId::A, Health::Healthy);
    confirms_itself(&mut bench, SlotId::A);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), A, "over one that did so before");
    bench.command(Action::Rollback {
        image: second.image.digest,
    });
    confirms_itself(&mut bench, SlotId::B);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), B, "once more, after a rollback");
}

/// The same where its trailer has no cell to say so: the record does.
#[test]
fn with_golden_dead_what_the_record_calls_confirmed_needs_no_cell_of_its_own() {
    let mut bench = Bench::launch();
    try_out_eager(&mut bench, 2, SlotId::B, Health::Healthy);
    let trailer = Trailer::new(bench.map().slot(SlotId::B).trailer);
    // One cell for the command that is to be heard, and one that stays free for a Confirm.
    while trailer.free(&mut bench.flash) > 2 {
        let nothing = Entry::Authorized {
            number: ObjectNumber::default(),
            envelope: &[],
        };
        trailer.append(&mut bench.flash, nothing).unwrap();
    }
    kill_golden(&mut bench);
    confirms_itself(&mut bench, SlotId::B);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), B);
}

/// B heard a command on trial, and was reverted for its health: it may confirm itself and was never confirmed.
fn heard_and_reverted() -> Bench {
    let mut bench = Bench::launch();
    try_out_eager(&mut bench, 2, SlotId::B, Health::Starting);
    bench.command(Action::ReportRequest);
    bench.application.health = Health::Failing;
    bench.wait_s(61);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (A, SlotState::Reverted)
    );
    bench.application.health = Health::Healthy;
    bench
}

/// Regression: the floor rose by its manifest, on the record's word alone. Nothing takes that back.
#[test]
fn an_image_that_was_never_confirmed_raises_no_floor() {
    let mut bench = heard_and_reverted();
    let store = RecordStore::new(bench.map().record);
    let mut stored = store.load(&mut bench.flash).unwrap();
    assert_eq!(stored.record.security_counter, 0);
    stored.record.security_counter = 5;
    let sequence = stored.sequence + 1;
    store
        .save(&mut bench.flash, sequence, &stored.record)
        .unwrap();
    bench.reset(ResetCause::PowerOn);
    assert_eq!(bench.record().security_counter, 5);
    let floors = bench.map().floors;
    let floor = floors::value(&mut bench.flash, floors, Floor::Security);
    assert_eq!(floor, 0);
}

/// Regression: an image that had heard a command and was reverted for its health took its turn once the confirmed one
/// had crashed four times, and the next bundle erased that.
#[test]
fn with_golden_dead_an_image_that_was_never_confirmed_runs_only_where_nothing_else_does() {
    let mut bench = heard_and_reverted();
    kill_golden(&mut bench);
    bench.command(Action::BootGolden);
    assert_eq!(bench.running(), A);
    for _ in 0..9 {
        bench.reset(ResetCause::Watchdog);
        assert_eq!(bench.running(), A);
    }
    let at = bench.map().slot(SlotId::A).image.start + 100;
    bench.corrupt(at);
    bench.reset(ResetCause::PowerOn);
    assert_eq!(bench.running(), B, "nothing else is whole");
}

/// Regression: no deadline stood where golden runs, nor before the first command. An upset in RAM that made the agent
/// deaf was never cured there but by power that failed.
#[test]
fn where_no_timer_runs_silence_ends_in_a_reset_all_the_same() {
    for is_golden in [true, false] {
        let mut bench = Bench::launch();
        if is_golden {
            bench.command(Action::BootGolden);
            bench.wait_s(COMMAND_LOSS_S - 100);
            bench.command(Action::ReportRequest);
        }
        let (runs, resets) = (bench.running(), bench.record().resets);
        bench.wait_s(COMMAND_LOSS_S - 100);
        assert_eq!(bench.record().resets, resets);
        bench.wait_s(200);
        assert_eq!(bench.record().resets, resets + 1);
        assert_eq!(bench.running(), runs);
        assert_eq!(bench.record().reset_cause, ResetCause::Deadline);
    }
}
