//! Trailers, manifests, pending documents and staging of a later release, under the loader and agent of this one.

use embedded_storage::nor_flash::NorFlash as _;
use lightday_boot::cells::{CellLog, DOCUMENT_CELL, PENDING_CELL};
use lightday_boot::trailer::{Entry, Trailer};
use lightday_tests::bench_ground::{launch_manifest, nobody, number};
use lightday_tests::bench_vehicle::{Bench, IDENTITY, image};
use lightday_wire::{
    Action, Authorization, AuthorizationContext, Location, ManifestContext, Refusal, ResetCause,
    RevertCause, SlotId, SlotState, Stage, Target,
};

use crate::ways::later_form;

const A: Location = Location::Slot(SlotId::A);
const B: Location = Location::Slot(SlotId::B);
/// Kinds of cells that this release does not know.
const LATER_KIND: u8 = 0x6d;
/// A naming cell of the staging log.
const NAME: (u32, u8) = (256, 0x20);

/// The first loader boots what a later agent installed, whatever else that one keeps in the trailer.
#[test]
fn papers_of_a_later_kind_in_a_trailer_are_passed_over() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    let trailer = bench.map().slot(SlotId::B).trailer;
    let log = CellLog::new(trailer, DOCUMENT_CELL);
    log.append(&mut bench.flash, LATER_KIND, 7, &[9; 300])
        .unwrap();
    bench.reset(ResetCause::Upset);
    bench.settle();
    assert_eq!(bench.running(), B);
    bench.command(Action::Confirm {
        image: built.image.digest,
    });
    log.append(&mut bench.flash, LATER_KIND, 8, &[9; 300])
        .unwrap();
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Confirmed)
    );
}

#[test]
fn papers_in_cells_of_a_later_form_prove_nothing() {
    let mut bench = Bench::launch();
    bench.try_out(2, 2);
    let trailer = bench.map().slot(SlotId::B).trailer;
    later_form(&mut bench, trailer.start);
    bench.reset(ResetCause::Upset);
    assert_eq!(bench.boots.last(), Some(&Some(A)));
    assert_eq!(bench.record().revert_cause, RevertCause::TrailerInvalid);
}

/// Regression: the loader read a manifest of any format as if it were of its own.
#[test]
fn a_manifest_of_a_later_format_proves_nothing_to_this_loader() {
    let mut bench = Bench::launch();
    let built = bench.try_out(2, 2);
    let region = bench.map().slot(SlotId::B).trailer;
    let mut manifest = launch_manifest(built.image);
    manifest.format = 2;
    let context = ManifestContext {
        target: Target::Vehicle(IDENTITY.vehicle),
        number: built.number,
        base: None,
    };
    let later = bench.ground.staff.envelope(context, manifest);
    let mut papers = Vec::new();
    let trailer = Trailer::new(region);
    trailer.for_each(&mut bench.flash, |entry| {
        if let Entry::Authorized { number, envelope } = entry {
            papers.push((number, envelope.to_vec()));
        }
    });
    bench.flash.erase(region.start, region.end()).unwrap();
    let installed = Entry::Installed {
        number: built.number,
        base: None,
        envelope: &later,
    };
    trailer.append(&mut bench.flash, installed).unwrap();
    for (number, envelope) in &papers {
        let entry = Entry::Authorized {
            number: *number,
            envelope,
        };
        trailer.append(&mut bench.flash, entry).unwrap();
    }
    bench.reset(ResetCause::Upset);
    assert_eq!(bench.boots.last(), Some(&Some(A)));
    assert_eq!(bench.record().revert_cause, RevertCause::TrailerInvalid);
}

#[test]
fn a_bundle_of_a_later_format_is_refused_before_anything_is_erased() {
    let mut bench = Bench::launch();
    let later = |m: &mut lightday_wire::Manifest| m.format = 2;
    let built = bench.ground.bundle_with(&image(2, 3000), 2, None, later);
    let before = bench.flash.operations();
    bench.deliver_all(&built.object);
    let verdict = bench.report().bundle;
    assert_eq!(
        (verdict.stage, verdict.refusal),
        (Stage::Refused, Refusal::UnsupportedFormat)
    );
    assert!(!bench.slot_changed_since(before, SlotId::B));
}

/// A reception that a later agent named in a way of its own is none: it begins anew, and nothing of it is taken
/// for something else.
#[test]
fn a_staging_log_of_a_later_form_is_received_anew() {
    let (cell, kind) = NAME;
    for data in [&[0, 0, 0, 1, 0, 9, 0, 128, 1][..], &[0; 4], &[0xff; 40]] {
        let mut bench = Bench::launch();
        let built = bench.ground.bundle(&image(2, 3000), 2);
        bench.deliver(&built.object, 0..5);
        let mut names = bench.map().staging;
        names.len = 4096;
        let log = CellLog::new(names, cell);
        log.erase(&mut bench.flash).unwrap();
        log.append(&mut bench.flash, kind, 9000, data).unwrap();
        bench.reset(ResetCause::PowerOn);
        bench.settle();
        assert_eq!(bench.agent().symbols_needed(), 0, "{data:?}");
        bench.deliver(&built.object, 5..built.object.k());
        assert_eq!(bench.state(SlotId::B), SlotState::Empty, "{data:?}");
        bench.deliver(&built.object, 0..5);
        assert_eq!(bench.state(SlotId::B), SlotState::Verified, "{data:?}");
        assert_eq!(bench.slot_digest(SlotId::B, 3000), built.image.digest);
    }
}

#[test]
fn a_symbol_of_a_later_form_is_a_lost_one() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    bench.deliver(&built.object, 0..5);
    let needed = bench.agent().symbols_needed();
    // The two reserved bytes of the third cell.
    let cell = u32::from(built.object.symbol_len()) + 8;
    let third = bench.map().staging.start + 4096 + 2 * cell.next_multiple_of(8);
    bench.flash.factory_load(third + 2, &[0, 1]);
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    assert_eq!(bench.agent().symbols_needed(), needed + 1);
    bench.deliver(&built.object, 2..built.object.k());
    assert_eq!(bench.slot_digest(SlotId::B, 3000), built.image.digest);
}

/// Whatever a later agent means by it: not even our own authorization arms from a cell of another kind.
#[test]
fn documents_of_a_later_kind_that_wait_are_passed_over() {
    let mut bench = Bench::launch();
    let built = bench.ground.bundle(&image(2, 3000), 2);
    let authorization = Authorization {
        bundle: built.number,
        image: built.image.digest,
        window: None,
        expires_s: None,
        evidence_root: nobody(),
    };
    let context = AuthorizationContext {
        vehicle: IDENTITY.vehicle,
        number: number(5),
    };
    let envelope = bench.ground.staff.envelope(context, authorization);
    let log = CellLog::new(bench.map().pending, PENDING_CELL);
    log.append(&mut bench.flash, LATER_KIND, 5, &envelope)
        .unwrap();
    bench.reset(ResetCause::PowerOn);
    bench.settle();
    bench.deliver_all(&built.object);
    assert_eq!(bench.state(SlotId::B), SlotState::Verified);
    // One of a kind that it knows is found behind it.
    let known = bench.ground.authorization(&built);
    bench.deliver_all(&known);
    assert_eq!(
        (bench.running(), bench.state(SlotId::B)),
        (B, SlotState::Trial)
    );
}
