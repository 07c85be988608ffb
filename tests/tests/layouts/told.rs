//! What the record says of the latest object of each kind: every refusal that it can hold, each from the launch on.

use lightday_boot::cells::{MAX_DOCUMENTS, PENDING_CELL};
use lightday_boot::trailer::{Entry, Trailer};
use lightday_tests::bench_ground::{Built, nobody, number};
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::describe;
use lightday_trust::digest::sha256;
use lightday_wire::{
    Action, CodecId, ComponentId, Digest, Epoch, Manifest, ObjectKind, Refusal, Region, ResetCause,
    SlotId, SlotState, Stage,
};

use crate::setting::{Bench, Life, PENDING, SLOT, first_image, image, launch};
use crate::ways::{authorize, bundle, hear, load_and_go, on_trial, successor, until};

const B: SlotId = SlotId::B;

/// All of them.
pub const ALL: &[(&str, Life)] = &[
    ("refused: codec", || {
        refused(
            |m| m.payload.codec = CodecId::Model,
            Refusal::UnsupportedCodec,
        )
    }),
    ("refused: RAM", || {
        refused(|m| m.payload.ram = 1, Refusal::RamTooSmall)
    }),
    ("refused: image too large", || {
        refused(|m| m.image.size = SLOT + 1, Refusal::ImageTooLarge)
    }),
    ("refused: place", || {
        refused(|m| m.component = ComponentId(2), Refusal::WrongPlace)
    }),
    ("refused: no tries", || {
        refused(|m| m.trial.tries = 0, Refusal::Malformed)
    }),
    ("refused: load-and-go without evidence", || {
        refused(
            |m| {
                load_and_go(m);
                m.evidence_root = None;
            },
            Refusal::EvidenceMissing,
        )
    }),
    ("refused: security counter", || {
        let mut bench = launch();
        let built = bundle(&mut bench, 2, |m| m.security_counter = 1);
        authorize(&mut bench, &built, None);
        let image = built.image.digest;
        bench.command(Action::Confirm { image });
        bundle(&mut bench, 3, |m| m.security_counter = 0);
        bundle_is(bench, Stage::Refused, Refusal::SecurityCounter)
    }),
    ("refused: load-and-go, barred", || {
        let mut bench = launch();
        bundle(&mut bench, 2, load_and_go);
        (0..3).for_each(|_| bench.reset(ResetCause::Fault));
        bench.settle();
        bundle(&mut bench, 2, load_and_go);
        bundle_is(bench, Stage::Refused, Refusal::Barred)
    }),
    ("failed: digest of the image", || {
        let mut bench = launch();
        bundle(&mut bench, 2, |m| m.image.digest = nobody());
        bundle_is(bench, Stage::Failed, Refusal::ImageDigest)
    }),
    ("failed: patch", || {
        let mut bench = launch();
        bundle(&mut bench, 2, |m| m.image.size -= 1);
        bundle_is(bench, Stage::Failed, Refusal::PatchBroken)
    }),
    ("failed: digest of the payload", || {
        let mut bench = launch();
        bundle(&mut bench, 2, |m| m.payload.digest = nobody());
        bundle_is(bench, Stage::Failed, Refusal::PayloadDigest)
    }),
    ("failed: base", || {
        let mut bench = launch();
        let base = describe(&first_image(), 1);
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, Some(base), |_| {});
        bench.deliver(&built.object, 1..built.object.k());
        let at = bench.map().slot(SlotId::A).image.start + 4321;
        bench.corrupt(at);
        bench.deliver(&built.object, [0]);
        let bench = bundle_is(bench, Stage::Failed, Refusal::BaseMismatch);
        mended(bench, at)
    }),
    ("failed: attempts", || {
        let mut bench = launch();
        let built = bench.ground.bundle(&image(2, 3000), 2);
        hear(&mut bench, &built.object);
        for attempt in 1..=8 {
            until(&mut bench, |b| {
                b.record().patch_attempts == attempt && b.state(B) == SlotState::Patching
            });
            bench.reset(ResetCause::Upset);
        }
        bench.settle();
        bundle_is(bench, Stage::Failed, Refusal::AttemptsExhausted)
    }),
    ("authorization of no image", || {
        let mut bench = launch();
        let mut built = bench.stage(2, 2);
        built.image.digest = Digest([3; 32]);
        authorize(&mut bench, &built, None);
        told(
            bench,
            ObjectKind::Authorization,
            Stage::Refused,
            Refusal::UnknownImage,
        )
    }),
    ("authorization while those that wait are all wanted", || {
        let mut bench = launch();
        let first = bench.ground.bundle(&image(2, 3000), 2);
        // More than there are cells, and as many as wait in RAM.
        let more = MAX_DOCUMENTS.min(PENDING / PENDING_CELL) + 12;
        (0..more).for_each(|_| authorize(&mut bench, &first, None));
        told(
            bench,
            ObjectKind::Authorization,
            Stage::Refused,
            Refusal::StagingTooSmall,
        )
    }),
    ("authorization whose window was missed", || {
        let mut bench = waits_for_its_window();
        bench.application.may_activate = false;
        bench.wait_s(7300);
        told(
            bench,
            ObjectKind::Authorization,
            Stage::Failed,
            Refusal::WindowMissed,
        )
    }),
    ("authorization that expired", || {
        let mut bench = launch();
        bench.application.may_activate = false;
        let built = bench.stage(2, 2);
        let until = bench.time_s() + 100;
        let object = bench.ground.authorization_with(&built, None, Some(until));
        bench.deliver_all(&object);
        bench.wait_s(300);
        told(
            bench,
            ObjectKind::Authorization,
            Stage::Failed,
            Refusal::Expired,
        )
    }),
    ("authorization that was aborted", || {
        let mut bench = waits_for_its_window();
        let (kind, number) = (ObjectKind::Authorization, number(1));
        bench.command(Action::Abort { kind, number });
        told(
            bench,
            ObjectKind::Authorization,
            Stage::Failed,
            Refusal::Superseded,
        )
    }),
    ("authorization without a cell for its papers", || {
        let mut bench = launch();
        let built = bench.stage(2, 2);
        fill(&mut bench, B, 1);
        authorize(&mut bench, &built, None);
        told(
            bench,
            ObjectKind::Authorization,
            Stage::Failed,
            Refusal::TrailerFull,
        )
    }),
    ("Confirm of another image", || {
        commanded(Action::Confirm { image: nobody() }, Refusal::UnknownImage)
    }),
    ("Confirm in golden", || {
        let mut bench = launch();
        bench.command(Action::BootGolden);
        bench.command(Action::Confirm {
            image: sha256(&first_image()),
        });
        told(bench, ObjectKind::Command, Stage::Refused, Refusal::NoTrial)
    }),
    ("rollback during a trial", || {
        let bench = on_trial(|bench| {
            let image = sha256(&first_image());
            bench.command(Action::Rollback { image });
        });
        told(
            bench,
            ObjectKind::Command,
            Stage::Refused,
            Refusal::SlotBusy,
        )
    }),
    ("rollback without a cell for its Confirm", || {
        let mut bench = launch();
        bench.update(2, 2);
        fill(&mut bench, SlotId::A, 1);
        let image = sha256(&first_image());
        bench.command(Action::Rollback { image });
        told(
            bench,
            ObjectKind::Command,
            Stage::Refused,
            Refusal::TrailerFull,
        )
    }),
    ("digest of a region that does not exist", || {
        commanded(
            Action::RegionDigest {
                region: Region::Record(9),
                offset: 0,
                len: 8,
            },
            Refusal::OutOfRange,
        )
    }),
    ("a command that is reserved", || {
        commanded(Action::SetTime { time_s: 5 }, Refusal::NotSupported)
    }),
    ("a resynchronisation that nobody needs", || {
        let mut bench = launch();
        let epoch = Epoch::FIRST;
        bench.command(Action::Resync {
            epoch,
            next: [number(1); 4],
        });
        told(
            bench,
            ObjectKind::Command,
            Stage::Refused,
            Refusal::NotSupported,
        )
    }),
    ("key set before home is confirmed anew", || {
        let mut bench = launch();
        for version in [2, 3] {
            let next = Staff::new(u8::try_from(version).unwrap(), version);
            let object = successor(&mut bench, &next);
            bench.deliver_all(&object);
            if bench.record().key_set == version {
                bench.ground.staff = next;
            }
        }
        assert_eq!(bench.record().key_set, 2);
        bench
    }),
    ("key set during a trial", || {
        on_trial(|bench| {
            let object = successor(bench, &Staff::new(2, 2));
            bench.deliver_all(&object);
        })
    }),
];

/// A bundle that release signed and policy refuses.
fn refused(change: fn(&mut Manifest), why: Refusal) -> Bench {
    let mut bench = launch();
    bundle(&mut bench, 2, change);
    bundle_is(bench, Stage::Refused, why)
}

fn bundle_is(bench: Bench, stage: Stage, why: Refusal) -> Bench {
    told(bench, ObjectKind::Bundle, stage, why)
}

fn commanded(action: Action, why: Refusal) -> Bench {
    let mut bench = launch();
    bench.command(action);
    told(bench, ObjectKind::Command, Stage::Refused, why)
}

/// Holds that the record says so.
fn told(bench: Bench, kind: ObjectKind, stage: Stage, why: Refusal) -> Bench {
    let verdict = bench.record().verdict(kind);
    assert_eq!((verdict.stage, verdict.refusal), (stage, why), "{kind:?}");
    bench
}

/// The upset is corrected, as parity would: it was not what is to be frozen.
fn mended(mut bench: Bench, at: u32) -> Bench {
    bench.corrupt(at);
    bench
}

fn waits_for_its_window() -> Bench {
    let mut bench = launch();
    let built: Built = bench.stage(2, 2);
    authorize(&mut bench, &built, Some((3600, 7200)));
    bench
}

/// Papers in a trailer until so many cells are free.
fn fill(bench: &mut Bench, slot: SlotId, free: u32) {
    let trailer = Trailer::new(bench.map().slot(slot).trailer);
    while trailer.free(&mut bench.flash) > free {
        let entry = Entry::Commanded {
            number: number(0),
            envelope: &[0; 40],
        };
        trailer.append(&mut bench.flash, entry).unwrap();
    }
}
