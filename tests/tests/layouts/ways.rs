//! What the lives of vehicles are made of: steps that several of them share.

use embedded_storage::nor_flash::NorFlash as _;
use lightday_agent::Health;
use lightday_boot::cells::{CRC, HEADER_LEN, RECORD_CELL};
use lightday_sim::flash::CutForm;
use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::{Built, number};
use lightday_tests::bench_staff::Staff;
use lightday_trust::digest::sha256;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{
    Action, Activation, Digest, Epoch, Manifest, ObjectKind, ResetCause, RevertCause, SlotId,
    SlotState, Stage, TagLen, Window,
};

use crate::setting::{Bench, first_image, image, launch};

const B: SlotId = SlotId::B;
/// Steps in which anything that a test waits for has happened.
const STEPS: u32 = 20_000;

/// A vehicle that was reset once.
pub fn reset_by(cause: ResetCause) -> Bench {
    let mut bench = launch();
    bench.reset(cause);
    bench
}

/// Steps until it is so, and not one step further.
pub fn until(bench: &mut Bench, is_so: impl Fn(&Bench) -> bool) {
    for _ in 0..STEPS {
        if is_so(bench) {
            return;
        }
        bench.step();
    }
    panic!("it never is so");
}

/// The frames of an object arrive, and nothing is done yet with the last one.
pub fn hear(bench: &mut Bench, object: &UplinkObject) {
    let key = bench.uplink(bench.ground.epoch);
    bench.deliver(object, 0..object.k() - 1);
    let frame = object.frame(object.k() - 1, &key, TagLen::Eight).unwrap();
    bench.hear(&frame);
}

pub fn command_until_reset(bench: &mut Bench, action: Action) {
    let object = bench.ground.command(action);
    hear(bench, &object);
    until(bench, |b| b.supervisor.is_reset_requested());
}

/// Cut off in the midst of writing its slot, so many operations behind its beginning.
pub fn patching(form: CutForm, operations: u64) -> Bench {
    let mut bench = launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    hear(&mut bench, &built.object);
    until(&mut bench, |b| b.state(B) == SlotState::Patching);
    bench
        .flash
        .cut_at(bench.flash.operations() + operations, form);
    until(&mut bench, |b| !b.flash.is_powered());
    bench
}

/// A bundle of a manifest that the test changes, delivered.
pub fn bundle(bench: &mut Bench, seed: u8, change: impl FnOnce(&mut Manifest)) -> Built {
    let built = bench
        .ground
        .bundle_with(&image(seed, 3000), seed, None, change);
    bench.deliver_all(&built.object);
    built
}

/// Of a manifest: it arms its image itself.
pub fn load_and_go(manifest: &mut Manifest) {
    manifest.activation = Activation::LoadAndGo;
    manifest.evidence_root = Some(Digest([5; 32]));
}

/// Authorizes an image that is to be activated between two instants, in seconds from now on.
pub fn authorize(bench: &mut Bench, built: &Built, window: Option<(u64, u64)>) {
    let now_s = bench.time_s();
    let window = window.map(|(opens, closes)| Window {
        opens_s: now_s + opens,
        closes_s: now_s + closes,
    });
    let object = bench.ground.authorization_with(built, window, None);
    bench.deliver_all(&object);
}

pub fn armed(knows_time: bool, may_activate: bool, window: Option<(u64, u64)>) -> Bench {
    let mut bench = launch();
    bench.knows_time = knows_time;
    bench.application.may_activate = may_activate;
    let built = bench.stage(2, 2);
    authorize(&mut bench, &built, window);
    bench
}

/// Image 2 is on trial in B; then something happens.
pub fn on_trial(then: impl FnOnce(&mut Bench)) -> Bench {
    let mut bench = launch();
    bench.try_out(2, 2);
    assert_eq!(bench.state(B), SlotState::Trial);
    then(&mut bench);
    bench
}

/// The agent has given the trial up and said so in the record; the loader has not seen it yet.
pub fn given_up(cause: RevertCause) -> Bench {
    let mut bench = launch();
    let built = bench.stage(2, 2);
    bench.application.health = Health::Starting;
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    if cause == RevertCause::HealthFailed {
        bench.application.health = Health::Failing;
    }
    for _ in 0..STEPS {
        if bench.record().trial.give_up == cause {
            return bench;
        }
        // Not to the end of what falls due: that would be the reset.
        bench.idle(bench.agent().poll_timeout());
        bench.step();
    }
    panic!("it is never given up");
}

pub fn rearm(bench: &mut Bench) {
    let slot = *bench.record().slot(B);
    let built = bench
        .ground
        .bundle_numbered(slot.bundle, &image(2, 3000), 2, None, |_| {});
    authorize(bench, &built, None);
}

pub fn barred(count: u8) -> Bench {
    let mut bench = launch();
    for seed in 0..count {
        bench.try_out(20 + seed, 20 + seed);
        (0..3).for_each(|_| bench.reset(ResetCause::Fault));
        bench.settle();
        assert_eq!(bench.state(B), SlotState::Reverted);
    }
    bench
}

/// The key set of `next`, as it goes up.
pub fn successor(bench: &mut Bench, next: &Staff) -> UplinkObject {
    let number = bench.ground.take(ObjectKind::KeySet);
    let class = bench.config.identity.class;
    let context = KeySetContext { class, number };
    let envelope = bench.ground.staff.succession(next, context, true);
    bench.ground.small(ObjectKind::KeySet, number, &envelope)
}

pub fn rotated(version: u16) -> Bench {
    let mut bench = launch();
    for version in 2..=version {
        let next = Staff::new(u8::try_from(version).unwrap(), version);
        let object = successor(&mut bench, &next);
        bench.deliver_all(&object);
        assert_eq!(bench.record().key_set, version);
        bench.ground.staff = next;
        let image = sha256(&first_image());
        bench.command(Action::Confirm { image });
        assert_eq!(bench.report().command.stage, Stage::Done);
    }
    bench
}

pub fn switch_epoch(bench: &mut Bench, epoch: u8) {
    bench.ground.epoch = epoch;
    let epoch = Epoch::new(epoch).unwrap();
    bench.command(Action::EpochSwitch { epoch });
    assert_eq!(bench.record().epoch, epoch);
}

pub fn in_epoch(epoch: u8) -> Bench {
    let mut bench = launch();
    switch_epoch(&mut bench, epoch);
    bench
}

pub fn lose_record(bench: &mut Bench) {
    for copy in bench.map().record {
        bench.flash.erase(copy.start, copy.end()).unwrap();
    }
    bench.reset(ResetCause::PowerOn);
    bench.settle();
}

pub fn resync(bench: &mut Bench) {
    bench.ground.epoch = 1;
    let (epoch, next) = (Epoch::new(1).unwrap(), [10, 20, 30, 40].map(number));
    bench.ground.next[2] = 35;
    bench.command(Action::Resync { epoch, next });
}

/// Image 2 is home in B, and A is the inactive slot; then something happens.
pub fn over_b(then: impl FnOnce(&mut Bench)) -> Bench {
    let mut bench = launch();
    bench.update(2, 2);
    then(&mut bench);
    bench
}

/// A Hold whose commit power cut off in one of the three copies.
pub fn commit_cut(copy: u64) -> Bench {
    let mut bench = launch();
    let object = bench.ground.command(Action::Hold { held: true });
    hear(&mut bench, &object);
    let at = bench.flash.operations() + copy;
    bench.flash.cut_at(at, CutForm::Partial(copy + 1));
    until(&mut bench, |b| !b.flash.is_powered());
    bench
}

/// Makes a whole cell one of a later form, whole by its own checksum; a blank one stays blank.
pub fn later_form(bench: &mut Bench, cell: u32) {
    let bytes = bench.flash.peek(cell..cell + RECORD_CELL).unwrap();
    if bytes[..2] != *b"LD" {
        return;
    }
    let mut head = bytes[..12].to_vec();
    head[3] = 2;
    let len = usize::from(u16::from_be_bytes([head[8], head[9]]));
    let mut digest = CRC.digest();
    digest.update(&head);
    digest.update(&bytes[HEADER_LEN..HEADER_LEN + len]);
    head.extend(digest.finalize().to_be_bytes());
    bench.flash.factory_load(cell, &head);
}
