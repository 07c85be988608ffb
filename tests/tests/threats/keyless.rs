//! He owns the antenna and every past recording, and has no key.

use lightday_tests::bench_ground::Built;
use lightday_tests::bench_vehicle::image;
use lightday_trust::digest::sha256;
use lightday_trust::{LinkKey, LinkKeys};
use lightday_wire::{
    Action, Location, ObjectKind, Refusal, Region, ResetCause, SlotId, SlotState, Stage, TagLen,
    Window,
};

use crate::rig::Tapped;

/// One phase of a vehicle's life after the other; `between` comes after each.
fn live(tapped: &mut Tapped, mut between: impl FnMut(&mut Tapped, &str)) -> Built {
    between(tapped, "idle");
    let built = tapped.bench.ground.bundle(&image(6, 3000), 6);
    let k = built.object.k();
    tapped.send(&built.object, [0]);
    between(tapped, "the first symbol is there");
    tapped.send(&built.object, 1..k / 2);
    between(tapped, "receiving");
    tapped.send(&built.object, k / 2 + 1..k);
    between(tapped, "one symbol is missing");
    tapped.send(&built.object, [k + 9]);
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Verified);
    between(tapped, "verified");
    let early = tapped.bench.time_s() + 7200;
    let window = Some(Window {
        opens_s: early,
        closes_s: early + 86_400,
    });
    let authorization = tapped.bench.ground.authorization_with(&built, window, None);
    let half = authorization.k() / 2;
    tapped.send(&authorization, 0..half);
    between(tapped, "half an authorization is there");
    tapped.send(&authorization, half..authorization.k());
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Armed);
    between(tapped, "armed");
    tapped.bench.wait_s(3 * 3600);
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Trial);
    between(tapped, "on trial");
    tapped.command(Action::ReportRequest);
    between(tapped, "on trial, and heard");
    tapped.bench.reset(ResetCause::Upset);
    tapped.bench.settle();
    between(tapped, "on trial, after a reset");
    tapped.confirm(&built);
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Confirmed);
    between(tapped, "confirmed");
    tapped.command(Action::BootGolden);
    assert_eq!(tapped.bench.running(), Location::Golden);
    between(tapped, "golden");
    tapped.bench.wait_s(86_400);
    between(tapped, "a day later");
    built
}

#[test]
fn recordings_and_forgeries_change_no_bit_of_a_vehicle_in_any_phase() {
    changes_no_bit(TagLen::Eight);
}

#[test]
fn recordings_and_forgeries_change_no_bit_of_a_vehicle_with_tags_of_6_bytes() {
    changes_no_bit(TagLen::Six);
}

fn changes_no_bit(tag_len: TagLen) {
    let mut quiet = Tapped::with_a_past_under(tag_len);
    let mut expected = Vec::new();
    live(&mut quiet, |tapped, _| expected.push(tapped.state()));
    assert!(expected.len() > 12);
    let mut attacked = Tapped::with_a_past_under(tag_len);
    let mut phases = 0;
    live(&mut attacked, |tapped, phase| {
        tapped.attack();
        // Flash, its counters, record, reports and clock: all as if nobody had been there.
        assert!(tapped.state() == expected[phases], "{phase}");
        phases += 1;
    });
    assert_eq!(phases, expected.len());
    let (frames, objects) = (attacked.past.len(), attacked.objects.len());
    assert!(frames > 150 && objects > 20, "{frames} {objects}");
    let refused = attacked.bench.reports.iter().map(|r| r.frames_refused);
    assert_eq!(refused.max(), Some(255), "he was heard, and refused");
}

/// Whether `bytes` holds any eight bytes in a row of `secret`, which has no run of them by chance.
fn betrays(bytes: &[u8], secret: &[u8]) -> bool {
    let parts: Vec<&[u8]> = secret.windows(8).collect();
    bytes.windows(8).any(|window| parts.contains(&window))
}

#[test]
fn who_listens_reads_the_image_and_learns_no_key() {
    let mut tapped = Tapped::launch(TagLen::Eight);
    // The bench's own link keys are one byte over and over; these are told from anything else.
    let secret = |n: u8| LinkKey(sha256(&[n; 9]).0);
    tapped.bench.config.link_keys = LinkKeys(std::array::from_fn(|n| secret(n as u8)));
    tapped.bench.reset(ResetCause::PowerOn);
    tapped.bench.settle();
    let image = image(6, 3000);
    let built = tapped.bench.ground.bundle(&image, 6);
    tapped.send_all(&built.object);
    tapped.authorize(&built);
    tapped.confirm(&built);
    tapped.switch(1);
    tapped.command(Action::MemoryDump {
        region: Region::Image(Location::Slot(SlotId::B)),
        offset: 0,
        len: 64,
    });
    // The link is authenticated and not secret: the source symbols are the object, the dump is the flash.
    let header_len = 8;
    let symbols = tapped.past.iter().take(built.object.k().into());
    let heard: Vec<u8> = symbols
        .flat_map(|frame| frame[header_len..frame.len() - 8].to_vec())
        .collect();
    assert_eq!(heard[built.envelope_len..][..image.len()], image);
    let (_, part) = tapped.bench.parts.first().unwrap();
    assert_eq!(part.bytes(), Some(&image[..64]));
    // But nothing that goes up or down holds a part of a link key.
    let down = tapped.reflected();
    assert!(down.len() > 3, "{}", down.len());
    for frame in tapped.past.iter().chain(&down) {
        for epoch in 0..16 {
            assert!(
                !betrays(frame, &secret(epoch).0),
                "epoch {epoch}: {frame:x?}"
            );
        }
    }
}

/// The current objects, which the vehicle never heard: bundle, authorization, command.
fn current(tapped: &mut Tapped) -> Vec<Vec<u8>> {
    let built = tapped.bench.ground.bundle(&image(6, 3000), 6);
    let authorization = tapped.bench.ground.authorization(&built);
    let command = tapped.bench.ground.command(Action::ReportRequest);
    let k = built.object.k();
    let mut frames = tapped.jammed(&authorization, 0..authorization.k());
    frames.extend(tapped.jammed(&command, 1..command.k() + 1));
    // A part of the source symbols is lost: the block has to be solved.
    frames.extend(tapped.jammed(&built.object, (0..4).chain(k..2 * k - 4)));
    frames
}

#[test]
fn what_was_recorded_of_the_current_objects_costs_no_more_than_their_fresh_delivery() {
    let mut fresh = Tapped::with_a_past();
    let frames = current(&mut fresh);
    fresh.hear(&frames);
    assert_eq!(fresh.bench.state(SlotId::A), SlotState::Trial);
    let mut attacked = Tapped::with_a_past();
    let frames = current(&mut attacked);
    for frame in &frames {
        // Each of them over and over, with all that came before it, old and current.
        let known: Vec<_> = frames.iter().take_while(|f| *f != frame).cloned().collect();
        attacked.hear(&known);
        attacked.hear(&[frame.clone(), frame.clone()]);
    }
    attacked.attack();
    assert!(attacked.state() == fresh.state());
}

#[test]
fn a_command_that_was_held_back_is_void_once_a_later_one_was_heard() {
    let mut tapped = Tapped::with_a_past();
    let golden = tapped.bench.ground.command(Action::BootGolden);
    let held_back = tapped.jammed(&golden, 0..golden.k());
    tapped.command(Action::ReportRequest);
    let before = tapped.state();
    tapped.hear(&held_back);
    assert!(tapped.state() == before);
    // Until then it is what it was when it was signed: as good as late.
    let golden = tapped.bench.ground.command(Action::BootGolden);
    let held_back = tapped.jammed(&golden, 0..golden.k());
    tapped.bench.wait_s(86_400);
    tapped.hear(&held_back);
    assert_eq!(tapped.bench.running(), Location::Golden);
}

#[test]
fn an_authorization_that_was_held_back_arms_nothing_after_its_expiry_or_its_abort() {
    for is_aborted in [false, true] {
        let mut tapped = Tapped::with_a_past();
        let built = tapped.stage(6, 6);
        let expiry = (!is_aborted).then(|| tapped.bench.time_s() + 3600);
        let authorization = tapped.bench.ground.authorization_with(&built, None, expiry);
        let held_back = tapped.jammed(&authorization, 0..authorization.k());
        if is_aborted {
            tapped.command(Action::Abort {
                kind: ObjectKind::Authorization,
                number: authorization.number(),
            });
        } else {
            tapped.bench.wait_s(7200);
        }
        tapped.hear(&held_back);
        assert_eq!(tapped.bench.state(SlotId::A), SlotState::Verified);
        tapped.bench.wait_s(30 * 86_400 - 10_000);
        assert_eq!(tapped.bench.state(SlotId::A), SlotState::Verified);
    }
}

#[test]
fn a_part_of_a_bundle_installs_nothing_however_long_it_lies_there() {
    let mut tapped = Tapped::with_a_past();
    let built = tapped.bench.ground.bundle(&image(6, 3000), 6);
    let authorization = tapped.bench.ground.authorization(&built);
    let operation = tapped.bench.flash.operations();
    tapped.send(&built.object, 0..built.object.k() - 1);
    tapped.send_all(&authorization);
    for _ in 0..20 {
        tapped.bench.wait_s(86_400);
        tapped.attack();
    }
    assert_eq!(tapped.bench.agent().symbols_needed(), 1);
    for slot in SlotId::ALL {
        assert!(!tapped.bench.slot_changed_since(operation, slot));
    }
    tapped.send(&built.object, [built.object.k() + 30]);
    assert_eq!(tapped.bench.state(SlotId::A), SlotState::Trial);
}

#[test]
fn a_number_that_the_ground_used_twice_is_at_worst_a_block_that_is_refused() {
    let mut tapped = Tapped::with_a_past();
    let built = tapped.bench.ground.bundle(&image(6, 3000), 6);
    let k = built.object.k();
    tapped.jammed(&built.object, 0..2 * k);
    // The ground forgot it: another bundle of the same shape has its number.
    let again = tapped
        .bench
        .ground
        .bundle_numbered(built.number, &image(7, 3000), 7, None, |_| {});
    assert_eq!(again.object.k(), k);
    let operation = tapped.bench.flash.operations();
    let old = tapped.past[tapped.past.len() - 1].clone();
    tapped.send(&again.object, 0..k - 1);
    tapped.hear(&[old]);
    let verdict = tapped.bench.report().bundle;
    assert_eq!(verdict.stage, Stage::Failed);
    // Which of the two it is, is the padding's luck.
    assert!(matches!(
        verdict.refusal,
        Refusal::PayloadDigest | Refusal::Malformed
    ));
    for slot in SlotId::ALL {
        assert!(!tapped.bench.slot_changed_since(operation, slot));
    }
    // Under the next epoch nobody has recordings.
    tapped.switch(2);
    let recorded = tapped.past.clone();
    for index in 0..k {
        tapped.hear(&recorded);
        tapped.send(&again.object, [index]);
    }
    assert_eq!(
        tapped.bench.slot_digest(SlotId::A, 3000),
        again.image.digest
    );
}
