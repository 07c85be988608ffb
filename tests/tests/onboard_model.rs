//! Model-coded patches on board: decoded in the agent's own RAM from whatever a reset leaves of them, and
//! refused before anything is erased where that RAM is too small.

use std::path::Path;

use lightday_delta::encode::{Encoded, ModelOptions, model};
use lightday_delta::model_ram;
use lightday_sim::flash::CutForm;
use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::{Built, launch_manifest};
use lightday_tests::bench_launch::Outfit;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, describe};
use lightday_trust::digest::sha256;
use lightday_wire::{
    Action, CodecId, Location, Manifest, ManifestContext, ObjectKind, Refusal, ResetCause, SlotId,
    SlotState, Stage, Target,
};

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);
/// RAM of the smallest profile.
const RAM: u32 = 16 * 1024;
/// Where the Thumb fixtures are linked.
const BASE: u64 = 0x0800_0000;
/// Bytes of a fixture where the whole would only take longer.
const PART: usize = 16_000;

/// An update and its patch.
struct Step {
    old: Vec<u8>,
    new: Vec<u8>,
    patch: Encoded,
}

impl Step {
    /// From one version of the fixture to the next, `len` bytes of each at most.
    fn of(len: usize) -> Self {
        let [old, new] = ["v2", "v3"].map(|version| {
            let name = format!("fixtures/orbiter-thumb-{version}.bin");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            let mut bytes = std::fs::read(path).unwrap();
            bytes.truncate(len);
            bytes
        });
        let mut options = ModelOptions::new(RAM);
        options.isa = Some(lightday_delta::Isa::Thumb);
        options.old_base = Some(BASE);
        let patch = model(&old, &new, &options).unwrap();
        assert!(patch.ram_needed <= RAM);
        Self { old, new, patch }
    }

    /// A vehicle that flies the old image.
    fn bench(&self, decoder_ram: u32) -> Bench {
        Bench::launch_with(Outfit {
            first: self.old.clone(),
            slot: self.new.len() as u32 + 4096,
            decoder_ram: decoder_ram as usize,
            ..Outfit::default()
        })
    }

    /// The bundle that brings the new one, its manifest changed before it is signed.
    fn bundle(&self, bench: &mut Bench, payload: &[u8], change: fn(&mut Manifest)) -> Built {
        let image = describe(&self.new, 2);
        let base = describe(&self.old, 1);
        let mut manifest = launch_manifest(image);
        manifest.base = Some(base.digest.prefix());
        manifest.payload.codec = CodecId::Model;
        manifest.payload.ram = self.patch.ram_needed;
        manifest.payload.digest = sha256(payload);
        manifest.payload.size = payload.len() as u32;
        change(&mut manifest);
        let number = bench.ground.take(ObjectKind::Bundle);
        let context = ManifestContext {
            target: Target::Vehicle(IDENTITY.vehicle),
            number,
            base: Some(base),
        };
        let envelope = bench.ground.staff.envelope(context, manifest);
        bench.ground.assemble(number, &envelope, payload, image)
    }

    fn sound(&self, bench: &mut Bench) -> Built {
        self.bundle(bench, &self.patch.payload, |_| {})
    }
}

#[test]
fn a_model_coded_bundle_is_installed_read_back_armed_booted_and_confirmed_in_16_kib() {
    let step = Step::of(usize::MAX);
    let mut bench = step.bench(RAM);
    let built = step.sound(&mut bench);
    let k = built.object.k();
    println!("{} B of patch, {k} symbols", step.patch.payload.len());
    // The first symbol is lost.
    bench.costs.clear();
    bench.deliver(&built.object, 1..=k);
    assert_eq!(bench.report().bundle.stage, Stage::Done);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    let size = built.image.size;
    assert_eq!(bench.slot_digest(SlotId::B, size), built.image.digest);
    let is_bounded = |cost: &lightday_tests::bench_vehicle::StepCost| {
        cost.is_commit || cost.programs + cost.erases <= 1
    };
    assert!(bench.costs.iter().all(is_bounded));
    let authorization = bench.ground.authorization(&built);
    bench.deliver_all(&authorization);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
    assert_eq!(bench.record().home.0, B);
}

#[test]
fn an_image_that_fills_its_last_slice_and_one_that_does_not_end_alike() {
    for len in [4096, 4096 - 248, 4096 - 8, 4095] {
        let step = Step::of(len);
        let mut bench = step.bench(RAM);
        let built = step.sound(&mut bench);
        bench.deliver_all(&built.object);
        assert_eq!(bench.state(SlotId::B), SlotState::Verified, "{len}");
    }
}

/// Drives an update to its end, whatever happens in between; the ground repeats what did not arrive.
fn drive(bench: &mut Bench, step: &Step, built: &Built) {
    let authorization = bench.ground.authorization(built);
    for _ in 0..40 {
        if !bench.settle_through_cuts() {
            continue;
        }
        match bench.state(SlotId::B) {
            SlotState::Trial => return,
            SlotState::Verified | SlotState::Armed => deliver(bench, &authorization),
            _ => deliver(bench, &built.object),
        }
        // What was home stays as it was.
        let len = step.old.len() as u32;
        assert_eq!(bench.slot_digest(SlotId::A, len), sha256(&step.old));
    }
    panic!("the update never ends: {:?}", bench.state(SlotId::B));
}

/// Delivers symbols as long as there is power.
fn deliver(bench: &mut Bench, object: &UplinkObject) {
    for index in 0..object.k() {
        if bench.flash.is_powered() {
            bench.deliver(object, [index]);
        }
    }
}

#[test]
fn power_cut_at_any_operation_of_an_update_ends_in_the_right_image() {
    let step = Step::of(PART);
    let start = || {
        let mut bench = step.bench(RAM);
        let built = step.sound(&mut bench);
        (bench, built)
    };
    let (mut bench, built) = start();
    let first = bench.flash.operations();
    drive(&mut bench, &step, &built);
    let last = bench.flash.operations();
    assert!(last - first > 100, "{}", last - first);
    // In turns left undone, half done and unstable.
    for operation in first..last {
        let form = match operation % 3 {
            0 => CutForm::NotDone,
            1 => CutForm::Partial(operation),
            _ => CutForm::Unstable(operation),
        };
        let (mut bench, built) = start();
        bench.flash.cut_at(operation, form);
        drive(&mut bench, &step, &built);
        let what = format!(
            "{form:?} at {operation} of {first}..{last}: {:?}",
            bench.boots
        );
        assert_eq!(bench.running(), B, "{what}");
        let size = built.image.size;
        let digest = bench.slot_digest(SlotId::B, size);
        assert_eq!(digest, built.image.digest, "{what}");
        let mut boots = bench.boots.iter();
        assert!(boots.all(|b| [Some(A), Some(B)].contains(b)), "{what}");
    }
}

#[test]
fn a_second_patch_begins_with_what_the_first_left_in_ram() {
    let step = Step::of(PART);
    let mut bench = step.bench(RAM);
    let built = step.sound(&mut bench);
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    // The same agent, without a reset in between.
    let boots = bench.boots.len();
    let again = step.sound(&mut bench);
    bench.deliver_all(&again.object);
    assert_eq!(bench.record().slot(SlotId::B).bundle, again.number);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    assert_eq!(bench.boots.len(), boots);
}

#[test]
fn a_signed_payload_that_is_broken_fails_and_boots_nowhere() {
    let step = Step::of(PART);
    let len = step.patch.payload.len();
    let mut spoiled: Vec<Vec<u8>> = (0..24)
        .map(|turn| {
            let mut payload = step.patch.payload.clone();
            // The front and the map, then everything.
            let at = if turn < 12 {
                turn
            } else {
                (turn - 12) * len / 12
            };
            payload[at % len] ^= 1 << (turn % 8);
            payload
        })
        .collect();
    spoiled.push(step.patch.payload[..len / 2].to_vec());
    spoiled.push(step.patch.payload[..1].to_vec());
    spoiled.push(Vec::new());
    spoiled.push([&step.patch.payload[..], &[0; 9]].concat());
    for (turn, payload) in spoiled.iter().enumerate() {
        let mut bench = step.bench(RAM);
        let built = step.bundle(&mut bench, payload, |_| {});
        bench.deliver_all(&built.object);
        let verdict = bench.report().bundle;
        assert_eq!(verdict.stage, Stage::Failed, "{turn}: {verdict:?}");
        let why = [
            Refusal::PatchBroken,
            Refusal::ImageDigest,
            Refusal::RamTooSmall,
        ];
        assert!(why.contains(&verdict.refusal), "{turn}: {verdict:?}");
        let state = bench.state(SlotId::B);
        assert!(
            [SlotState::Empty, SlotState::Failed].contains(&state),
            "{turn}"
        );
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        assert_eq!(bench.running(), A, "{turn}");
    }
}

/// Delivers a bundle that is refused and says why; the other slot is as it was.
fn refused(step: &Step, decoder_ram: u32, change: fn(&mut Manifest)) -> Refusal {
    let mut bench = step.bench(decoder_ram);
    let before = bench.flash.operations();
    let built = step.bundle(&mut bench, &step.patch.payload, change);
    bench.deliver_all(&built.object);
    assert!(!bench.slot_changed_since(before, SlotId::B));
    assert_eq!(bench.state(SlotId::B), SlotState::Empty);
    let verdict = bench.report().bundle;
    assert_eq!(verdict.number, built.number);
    verdict.refusal
}

#[test]
fn what_asks_for_more_ram_than_there_is_touches_no_slot() {
    let step = Step::of(4096);
    let needed = step.patch.ram_needed;
    assert_eq!(model_ram(&step.patch.payload), Ok(needed));
    // The manifest states more than the vehicle has.
    assert_eq!(refused(&step, needed - 1, |_| {}), Refusal::RamTooSmall);
    let why = refused(&step, RAM, |m| m.payload.ram = RAM + 1);
    assert_eq!(why, Refusal::RamTooSmall);
    // The payload asks for more than its manifest states.
    for change in [(|m| m.payload.ram -= 1) as fn(&mut Manifest), |m| {
        m.payload.ram = 0
    }] {
        assert_eq!(refused(&step, RAM, change), Refusal::RamTooSmall);
    }
    // A vehicle without RAM for it has no such codec.
    assert_eq!(refused(&step, 0, |_| {}), Refusal::UnsupportedCodec);
    // The codec has no parameters.
    let why = refused(&step, RAM, |m| m.payload.params.push(1).unwrap());
    assert_eq!(why, Refusal::UnsupportedCodec);
}
