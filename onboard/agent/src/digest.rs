//! The digest of a range of flash, asked for by command and computed slice by slice. Its answer goes down
//! as a packet of its own.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::{MemoryMap, Region as FlashRegion};
use lightday_wire::answer::Answer;
use lightday_wire::report::Verdict;
use lightday_wire::{Digest, ObjectKind, ObjectNumber, Refusal, Region, Stage};

use crate::agent::Agent;
use crate::hashing::Hashing;
use crate::platform::DecoderRam;

/// A digest that was asked for.
pub(crate) struct RegionDigest {
    command: ObjectNumber,
    hashing: Hashing,
}

impl RegionDigest {
    /// `None` where region or range do not exist.
    pub(crate) fn new(
        map: &MemoryMap,
        command: ObjectNumber,
        region: Region,
        offset: u32,
        len: u32,
    ) -> Option<Self> {
        let range = find(map, region)?.part(offset, len)?;
        Some(Self {
            command,
            hashing: Hashing::new(range, len),
        })
    }
}

/// Where a region lies that the ground may ask about. What holds keys is none of them: neither link keys, which are
/// nowhere in the map, nor key sets.
pub(crate) fn find(map: &MemoryMap, region: Region) -> Option<FlashRegion> {
    Some(match region {
        Region::Image(location) => map.image(location),
        Region::Trailer(slot) => map.slot(slot).trailer,
        Region::Record(copy) => *map.record.get(usize::from(copy))?,
        Region::Floors => map.floors,
        Region::Staging => map.staging,
    })
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// One slice.
    pub(crate) fn digest_step<F: NorFlash>(&mut self, flash: &mut F) {
        let Some(mut digest) = self.region_digest.take() else {
            return;
        };
        match digest.hashing.step(flash) {
            Ok(None) => self.region_digest = Some(digest),
            Ok(Some(found)) => self.answered(flash, digest.command, found),
            Err(_) => self.end_reading(flash, digest.command, Stage::Failed, Refusal::FlashFault),
        }
    }

    fn answered<F: NorFlash>(&mut self, flash: &mut F, command: ObjectNumber, digest: Digest) {
        self.answer = Some(Answer { command, digest });
        self.end_reading(flash, command, Stage::Done, Refusal::None);
    }

    /// The verdict on a command that reads flash, where it is still the latest.
    pub(crate) fn end_reading<F: NorFlash>(
        &mut self,
        flash: &mut F,
        command: ObjectNumber,
        stage: Stage,
        refusal: Refusal,
    ) {
        let verdict = self.record.verdict(ObjectKind::Command);
        if verdict.number == command {
            let verdict = Verdict {
                number: command,
                stage,
                refusal,
            };
            self.set_verdict(ObjectKind::Command, verdict);
            let _ = self.commit(flash);
        }
    }
}
