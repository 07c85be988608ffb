//! Shapes of the staging log: what a bundle in reception leaves there, each from the launch on.

use lightday_sim::flash::{CutForm, Fault};
use lightday_tests::bench_ground::Built;
use lightday_tests::bench_vehicle::describe;
use lightday_wire::{Action, Epoch, ObjectKind, SlotId, SlotState};

use crate::setting::{Bench, ERASE, Life, first_image, image, launch};
use crate::ways::{authorize, hear, on_trial, until};

/// Bytes of a naming cell.
const NAME_CELL: u32 = 256;

/// All of them.
pub const ALL: &[(&str, Life)] = &[
    ("received: the first three symbols", || received(0..3).0),
    ("received: the envelope alone is missing", || {
        received(4..19).0
    }),
    ("received: all but one", || {
        let (mut bench, built) = received(0..1);
        bench.deliver(&built.object, 2..built.object.k());
        bench
    }),
    ("received: backwards, with parity", || {
        let (mut bench, built) = received(0..0);
        let k = built.object.k();
        bench.deliver(&built.object, (k - 4..k + 6).rev());
        bench
    }),
    (
        "received: a part of one that nobody judged, then forgotten for a higher epoch",
        || {
            let (mut bench, _) = received(2..6);
            let epoch = Epoch::new(1).unwrap();
            bench.ground.epoch = 1;
            bench.command(Action::EpochSwitch { epoch });
            bench
        },
    ),
    ("received: a delta to what runs, in part", || {
        let mut bench = launch();
        let base = describe(&first_image(), 1);
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, Some(base), |_| {});
        bench.deliver(&built.object, 0..9);
        bench
    }),
    ("whole: it waits for its base", || {
        let mut bench = launch();
        let base = describe(&image(7, 100), 2);
        let built = bench
            .ground
            .bundle_with(&image(3, 3000), 3, Some(base), |_| {});
        bench.deliver_all(&built.object);
        bench
    }),
    ("whole: it waits while another image is armed", || {
        let mut bench = launch();
        bench.command(Action::Hold { held: true });
        bench.try_out(2, 2);
        bench.stage(3, 3);
        bench
    }),
    ("whole: it waits while another image is on trial", || {
        on_trial(|bench| drop(bench.stage(3, 3)))
    }),
    ("in part, while another image is on trial", || {
        on_trial(|bench| {
            let built = bench.ground.bundle(&image(3, 3000), 3);
            bench.deliver(&built.object, 0..7);
        })
    }),
    ("whole: it is solved", || {
        let mut bench = launch();
        let built = bench.ground.bundle(&image(2, 3000), 2);
        bench.deliver(&built.object, 1..built.object.k());
        let parity = built.object.k();
        let key = bench.uplink(0);
        let frame = built
            .object
            .frame(parity, &key, lightday_wire::TagLen::Eight);
        bench.hear(&frame.unwrap());
        until(&mut bench, |b| b.record().patch_attempts == 1);
        (0..6).for_each(|_| bench.step());
        bench
    }),
    ("written into its slot, and not said so yet", || {
        let mut bench = launch();
        let built = bench.ground.bundle(&image(2, 3000), 2);
        hear(&mut bench, &built.object);
        until(&mut bench, |b| b.state(SlotId::B) == SlotState::Patching);
        let trailer = bench.map().slot(SlotId::B).trailer;
        let papers = trailer.start..trailer.start + 1;
        until(&mut bench, |b| {
            b.flash.peek(papers.clone()) == Some(&b"L"[..])
        });
        bench
    }),
    ("aborted: the log is closed", || {
        let (mut bench, built) = received(0..5);
        let (kind, number) = (ObjectKind::Bundle, built.number);
        bench.command(Action::Abort { kind, number });
        bench
    }),
    ("polluted: the log is closed", || {
        let (mut bench, built) = received(0..0);
        let k = built.object.k();
        bench.deliver(&built.object, 0..k - 1);
        let bad = bench.polluted(&built.object, k + 7, 0);
        bench.hear(&bad);
        bench.settle();
        bench
    }),
    ("the second object, over what the first one left", || {
        let mut bench = launch();
        bench.update(2, 2);
        let built = bench.ground.bundle(&image(3, 2000), 3);
        bench.deliver(&built.object, 3..8);
        bench
    }),
    ("the block of names full, and begun anew", || {
        let mut bench = launch();
        let names = ERASE / NAME_CELL;
        for n in 0..names + 4 {
            let built = bench.ground.bundle(&image(2, 3000), 2);
            bench.deliver(&built.object, 0..2);
            if n < names + 3 {
                let (kind, number) = (ObjectKind::Bundle, built.number);
                bench.command(Action::Abort { kind, number });
            }
        }
        bench
    }),
    ("a symbol that power tore", || cut(5, CutForm::Partial(3))),
    ("a name that power tore", || cut(0, CutForm::Partial(9))),
    ("an erase of the log that power cut off", || {
        let mut bench = launch();
        let old = bench.stage(2, 2);
        authorize(&mut bench, &old, None);
        let image_ = old.image.digest;
        bench.command(Action::Confirm { image: image_ });
        let built = bench.ground.bundle(&image(3, 3000), 3);
        bench
            .flash
            .cut_at(bench.flash.operations() + 1, CutForm::Partial(8));
        deliver_while_powered(&mut bench, &built);
        bench
    }),
    ("names in the second block, the first one dead", || dead(0)),
    ("a dead block of symbols passed over", || dead(2)),
];

/// A bundle of which these symbols arrived.
fn received(symbols: std::ops::Range<u16>) -> (Bench, Built) {
    let mut bench = launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver(&built.object, symbols);
    (bench, built)
}

fn deliver_while_powered(bench: &mut Bench, built: &Built) {
    for index in 0..built.object.k() {
        if bench.flash.is_powered() {
            bench.deliver(&built.object, [index]);
        }
    }
    assert!(!bench.flash.is_powered(), "power was cut");
}

/// Power is cut at an operation of a reception.
fn cut(operation: u64, form: CutForm) -> Bench {
    let mut bench = launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let at = bench.flash.operations() + operation;
    bench.flash.cut_at(at, form);
    deliver_while_powered(&mut bench, &built);
    bench
}

/// A block of the log takes no erase and no program; the second object since finds it so.
fn dead(block: u32) -> Bench {
    let mut bench = launch();
    bench.update(2, 2);
    let address = bench.map().staging.start + block * ERASE;
    let now = bench.flash.operations();
    bench.flash.fail_at(now, Fault::DeadBlock { address });
    let built = bench.ground.bundle(&image(3, 9000), 3);
    bench.deliver(&built.object, 0..60);
    bench
}
