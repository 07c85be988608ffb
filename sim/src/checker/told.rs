//! What the ground was told, held against the cells of the flash.

use lightday_boot::{Record, SlotRecord};
use lightday_trust::digest::sha256;
use lightday_wire::report::Verdict;
use lightday_wire::{Digest, ObjectKind, Report, SlotId, Stage};

use super::{Checker, Violation};
use crate::flash::SimFlash;
use crate::time::MissionTime;

impl Checker {
    /// Ground was told that an image is confirmed.
    pub fn told_confirmed(&mut self, at: MissionTime, image: [u8; 4]) {
        let is_so = |known: &Digest| known.prefix().short() == image;
        if !self.confirmed.iter().any(is_so) {
            let mut padded = [0; 32];
            padded[..4].copy_from_slice(&image);
            self.report(at, Violation::FalseSuccess(Digest(padded)));
        }
    }

    /// A report said that a slot holds a confirmed image.
    pub fn told_of_slot<const W: usize, const E: usize>(
        &mut self,
        at: MissionTime,
        flash: &SimFlash<W, E>,
        slot: SlotId,
    ) {
        if !self.tolerates_damage && !self.is_confirmed_and_intact(flash, slot) {
            self.report(at, Violation::FalseReport(slot));
        }
    }

    /// A report said how far the latest objects came. What it calls done, the record in flash calls done too; and the image
    /// of a bundle that is done lies whole in its slot.
    pub fn told_done<const W: usize, const E: usize>(
        &mut self,
        at: MissionTime,
        flash: &SimFlash<W, E>,
        report: &Report,
    ) {
        let Some(record) = self.record.as_ref().filter(|_| !self.tolerates_damage) else {
            return;
        };
        let told = [
            (ObjectKind::Bundle, report.bundle),
            (ObjectKind::Authorization, report.authorization),
            (ObjectKind::Command, report.command),
        ];
        let is_false = |(kind, told): &(ObjectKind, Verdict)| {
            let is_kept = record.verdict(*kind) == *told;
            let is_there = *kind != ObjectKind::Bundle || self.is_installed(flash, record, *told);
            told.stage == Stage::Done && !(is_kept && is_there)
        };
        if let Some((kind, _)) = told.into_iter().find(is_false) {
            self.report(at, Violation::FalseDone(kind));
        }
    }

    /// Whether the image of a bundle that is done lies in its slot, or was there until a later one came.
    fn is_installed<const W: usize, const E: usize>(
        &self,
        flash: &SimFlash<W, E>,
        record: &Record,
        told: Verdict,
    ) -> bool {
        let is_whole = |slot: SlotId, entry: &SlotRecord| {
            let region = self.map.slot(slot).image;
            let end = region.start + entry.size.min(region.len);
            let bytes = flash.peek(region.start..end);
            bytes.is_some_and(|bytes| sha256(bytes) == entry.image)
        };
        SlotId::ALL.into_iter().any(|slot| {
            let entry = record.slot(slot);
            entry.bundle > told.number || (entry.bundle == told.number && is_whole(slot, entry))
        })
    }
}
