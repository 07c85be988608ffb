//! He has the link keys and the key of one signer too few: whoever of the signatures of a document is the one
//! that he lacks, it does nothing.

use lightday_station::object::UplinkObject;
use lightday_station::signed::Drafted;
use lightday_tests::bench_ground::{launch_manifest, number};
use lightday_tests::bench_launch::Outfit;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, describe, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::{
    Action, Activation, Authorization, AuthorizationContext, Command, CommandContext, Digest,
    Epoch, Manifest, ManifestContext, ObjectKind, Refusal, SlotId, SlotState, Stage, Target,
};

/// Two of every role must sign.
fn launch() -> Bench {
    launch_with((2, 2))
}

/// Two of release, and so many of verification and of flight.
fn launch_with(signers: (u8, u8)) -> Bench {
    Bench::launch_with(Outfit {
        release: 2,
        signers,
        ..Outfit::default()
    })
}

/// Each envelope of `document` that lacks one signature, as an object.
fn one_short<T: Drafted>(
    bench: &Bench,
    kind: ObjectKind,
    context: T::Context,
    document: T,
) -> Vec<UplinkObject> {
    let n = bench.record().next_number(kind);
    let envelopes = bench.ground.staff.envelopes_one_short(context, document);
    assert!(envelopes.len() >= 2, "a threshold of one is no threshold");
    let cut = |envelope: &Vec<u8>| bench.ground.small(kind, n, envelope);
    envelopes.iter().map(cut).collect()
}

/// Delivers what lacks a signature, under each of the epochs: it is refused for that, and changes nothing.
fn does_nothing(bench: &mut Bench, objects: &[UplinkObject]) {
    let (record, state) = (bench.record().clone(), bench.agent().state_digest());
    let (writes, boots) = (bench.writes(), bench.boots.len());
    for object in objects {
        for epoch in [0, 1] {
            bench.ground.epoch = epoch;
            bench.deliver_all(object);
        }
        let verdict = bench.agent().verdict(object.kind());
        assert_eq!(
            (verdict.stage, verdict.refusal),
            (Stage::Refused, Refusal::SignatureMissing)
        );
    }
    bench.ground.epoch = 0;
    assert_eq!(bench.record(), &record);
    assert_eq!(bench.agent().state_digest(), state);
    assert_eq!((bench.writes(), bench.boots.len()), (writes, boots));
    // Nor is anything said of what lies in flash.
    assert_eq!((bench.answers.len(), bench.parts.len()), (0, 0));
}

fn actions(image: Digest) -> Vec<Action> {
    let epoch = Epoch::new(1).unwrap();
    vec![
        Action::Confirm { image },
        Action::Rollback { image },
        Action::BootGolden,
        Action::ReportRequest,
        Action::Hold { held: true },
        Action::Abort {
            kind: ObjectKind::Bundle,
            number: number(7),
        },
        Action::RegionDigest {
            region: lightday_wire::Region::Floors,
            offset: 0,
            len: 8,
        },
        Action::MemoryDump {
            region: lightday_wire::Region::Floors,
            offset: 0,
            len: 8,
        },
        Action::EpochSwitch { epoch },
        Action::Resync {
            epoch,
            next: [number(3); 4],
        },
    ]
}

#[test]
fn a_command_that_lacks_one_signature_does_nothing_in_any_phase() {
    let mut bench = launch();
    let golden = sha256(&first_image());
    for phase in 0..3 {
        let image = match phase {
            0 => golden,
            1 => bench.stage(2, 2).image.digest,
            _ => bench.try_out(3, 3).image.digest,
        };
        let vehicle = IDENTITY.vehicle;
        for action in actions(image) {
            let number = bench.record().next_number(ObjectKind::Command);
            let context = CommandContext { vehicle, number };
            let command = Command { action };
            let objects = one_short(&bench, ObjectKind::Command, context, command);
            does_nothing(&mut bench, &objects);
        }
    }
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
    // With all of them it is carried out.
    let image = bench.record().slot(SlotId::B).image;
    bench.command(Action::Confirm { image });
    assert_eq!(bench.state(SlotId::B), SlotState::Confirmed);
}

#[test]
fn an_authorization_that_lacks_one_signature_arms_nothing() {
    let mut bench = launch();
    let built = bench.stage(2, 2);
    let context = AuthorizationContext {
        vehicle: IDENTITY.vehicle,
        number: bench.record().next_number(ObjectKind::Authorization),
    };
    let authorization = Authorization {
        bundle: built.number,
        image: built.image.digest,
        window: None,
        expires_s: None,
        evidence_root: Digest([7; 32]),
    };
    let objects = one_short(&bench, ObjectKind::Authorization, context, authorization);
    assert_eq!(objects.len(), 4, "two of verification, two of flight");
    does_nothing(&mut bench, &objects);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    let whole = bench.ground.authorization(&built);
    bench.deliver_all(&whole);
    assert_eq!(bench.state(SlotId::B), SlotState::Trial);
}

fn manifest(activation: Activation, is_self_confirmed: bool) -> Manifest {
    let mut manifest = launch_manifest(describe(&image(2, 3000), 2));
    manifest.activation = activation;
    manifest.evidence_root = Some(Digest([7; 32]));
    manifest.trial.self_confirm = is_self_confirmed;
    manifest
}

#[test]
fn a_bundle_that_lacks_one_signature_installs_nothing_and_uses_no_number_up() {
    let bytes = image(2, 3000);
    for activation in [Activation::OnAuthorization, Activation::LoadAndGo] {
        // Six signatures would not fit the trailer.
        let signers = match activation {
            Activation::LoadAndGo => (1, 1),
            _ => (2, 2),
        };
        for is_self_confirmed in [false, true] {
            let bench = launch_with(signers);
            let n = bench.record().next_number(ObjectKind::Bundle);
            let context = ManifestContext {
                target: Target::Vehicle(IDENTITY.vehicle),
                number: n,
                base: None,
            };
            let manifest = manifest(activation, is_self_confirmed);
            let envelopes = bench
                .ground
                .staff
                .envelopes_one_short(context, manifest.clone());
            let roles = 1 + usize::from(is_self_confirmed);
            assert!(envelopes.len() >= 2 * roles, "{}", envelopes.len());
            let image = describe(&bytes, 2);
            for envelope in envelopes {
                let mut bench = launch_with(signers);
                let (record, operation) = (bench.record().clone(), bench.flash.operations());
                let built = bench.ground.assemble(n, &envelope, &bytes, image);
                bench.deliver_all(&built.object);
                let refusal = bench.report().bundle.refusal;
                assert_eq!(refusal, Refusal::SignatureMissing);
                assert_eq!(bench.record(), &record);
                assert!(!bench.slot_changed_since(operation, SlotId::B));
            }
            // With all of them it is installed.
            let mut bench = launch_with(signers);
            let whole = bench.ground.staff.envelope(context, manifest);
            let built = bench.ground.assemble(n, &whole, &bytes, image);
            bench.deliver_all(&built.object);
            assert_eq!(bench.report().bundle.stage, Stage::Done);
            assert_eq!(bench.slot_digest(SlotId::B, 3000), image.digest);
        }
    }
}
