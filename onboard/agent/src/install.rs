//! From K symbols to a verified slot, step by step. Each step ends in a state that a reset may interrupt:
//! the staging log is never touched, so everything begins again from it, at most
//! [`MAX_ATTEMPTS`] times.
//!
//! ```text
//! Recheck (slot free? base there?) -> EraseBlock -> Solve -> Payload digest -> Base digest
//!   -> commit Patching -> EraseTrailer -> EraseImage -> Patch -> ReadBack -> trailer -> commit Verified
//! ```

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::trailer::Entry;
use lightday_boot::{FlashError, Region, flash};
use lightday_delta::{Decoder, Lengths};
use lightday_fec::{Progress, Solver};
use lightday_trust::Digester;
use lightday_wire::report::Verdict;
use lightday_wire::{Digest, Location, MAX_ENVELOPE_LEN, ObjectKind, Refusal, SlotState, Stage};

use crate::admission::{Admitted, Objection};
use crate::agent::{Agent, Reception};
use crate::codec::{self, AnyDecoder, FlashIo};
use crate::platform::Now;

/// How often a bundle is solved and patched before it is given up.
pub const MAX_ATTEMPTS: u8 = 8;
/// Bytes hashed in a step.
const HASH_SLICE: u32 = 4096;
/// Bytes written in a step: a multiple of every granule.
const WRITE_SLICE: usize = 256;

/// A digest in the making over the first `len` bytes of a region.
#[derive(Clone)]
pub(crate) struct Hashing {
    region: Region,
    len: u32,
    at: u32,
    digester: Digester,
}

impl Hashing {
    pub(crate) fn new(region: Region, len: u32) -> Self {
        Self {
            region,
            len,
            at: 0,
            digester: Digester::bare(),
        }
    }

    /// Hashes a slice; the digest at the end.
    pub(crate) fn step<F: NorFlash>(
        &mut self,
        flash: &mut F,
    ) -> Result<Option<Digest>, FlashError> {
        let mut buffer = [0u8; 256];
        let end = self.at.saturating_add(HASH_SLICE).min(self.len);
        while self.at < end {
            let left = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let len = left.min(buffer.len());
            let chunk = buffer.get_mut(..len).ok_or(FlashError::OutOfRange)?;
            flash::read(flash, self.region, self.at, chunk)?;
            self.digester.update(chunk);
            self.at = self
                .at
                .saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        }
        Ok((self.at >= self.len).then(|| self.digester.clone().finish()))
    }
}

/// Where the way from K symbols to a verified slot stands.
// One state lives at a time, inside the agent: boxing would need an allocator.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Install {
    Idle,
    /// Every logged symbol is checked once more.
    Recheck,
    /// The block area is erased, from this offset on.
    EraseBlock(u32),
    Solve(Solver),
    Payload(Hashing),
    Base(Hashing),
    EraseTrailer,
    EraseImage(u32),
    Patch {
        decoder: AnyDecoder,
        written: u32,
    },
    ReadBack(Hashing),
}

impl<const N: usize, const W: usize> Agent<N, W> {
    /// All symbols are there.
    pub(crate) fn begin_install(&mut self) {
        self.install = Install::Recheck;
        self.staging.rescan();
    }

    /// One step.
    pub(crate) fn install_step<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        let state = core::mem::replace(&mut self.install, Install::Idle);
        let next = match state {
            Install::Idle => Ok(Install::Idle),
            Install::Recheck => self.rechecked(now, flash),
            Install::EraseBlock(at) => self.erase_block(flash, at),
            Install::Solve(solver) => self.solve(flash, solver),
            Install::Payload(hashing) => self.payload(flash, hashing),
            Install::Base(hashing) => self.base(flash, hashing),
            Install::EraseTrailer => self.erase_trailer(flash),
            Install::EraseImage(at) => self.erase_image(flash, at),
            Install::Patch { decoder, written } => self.patch(flash, decoder, written),
            Install::ReadBack(hashing) => self.read_back(now, flash, hashing),
        };
        match next {
            Ok(next) => self.install = next,
            Err(why) => self.fail(now, flash, why),
        }
    }

    /// The log was scanned anew; solve, if every symbol still stands.
    fn rechecked<F: NorFlash>(&mut self, now: Now, flash: &mut F) -> Result<Install, Refusal> {
        if !self.staging.is_complete() {
            return Ok(Install::Idle);
        }
        if !self.may_patch() {
            // While an image is armed or on trial, bundles only stage. The change that frees the slot,
            // or the next boot, takes it up again.
            self.hold = Refusal::SlotBusy;
            self.report_due = now.elapsed;
            return Ok(Install::Idle);
        }
        if matches!(self.reception, Reception::Waiting(_)) {
            return Ok(Install::Idle);
        }
        self.hold = Refusal::None;
        if self.record.patch_attempts >= MAX_ATTEMPTS {
            return Err(Refusal::AttemptsExhausted);
        }
        self.record.patch_attempts = self.record.patch_attempts.saturating_add(1);
        self.commit(flash).map_err(|_| Refusal::FlashFault)?;
        self.report_due = now.elapsed;
        Ok(Install::EraseBlock(0))
    }

    fn erase_block<F: NorFlash>(&mut self, flash: &mut F, at: u32) -> Result<Install, Refusal> {
        let named = self.staging.named().ok_or(Refusal::Superseded)?;
        if at < named.shape.block_len() {
            flash::erase_block(flash, self.config.map.block, at)
                .map_err(|_| Refusal::FlashFault)?;
            return Ok(Install::EraseBlock(
                at.saturating_add(flash::erase_size::<F>().max(1)),
            ));
        }
        let granule = u16::try_from(F::WRITE_SIZE).unwrap_or(u16::MAX);
        let solver = Solver::new(named.shape, granule, self.staging.order(), &mut self.work);
        solver
            .map(Install::Solve)
            .map_err(|_| Refusal::StagingTooSmall)
    }

    fn solve<F: NorFlash>(
        &mut self,
        flash: &mut F,
        mut solver: Solver,
    ) -> Result<Install, Refusal> {
        let mut io = self.staging.io(flash);
        match solver.step(self.staging.order(), &mut self.work, &mut io) {
            Ok(Progress::Working) => Ok(Install::Solve(solver)),
            Ok(Progress::Done) => self.solved(flash),
            Err(_) => Err(Refusal::FlashFault),
        }
    }

    /// The block is there: judge it anew, from the block itself, and hash its payload.
    fn solved<F: NorFlash>(&mut self, flash: &mut F) -> Result<Install, Refusal> {
        let named = self.staging.named().ok_or(Refusal::Superseded)?;
        let block = self.config.map.block;
        let room = named.shape.block_len();
        let mut prefix = [0u8; MAX_ENVELOPE_LEN];
        let len = usize::try_from(room)
            .unwrap_or(usize::MAX)
            .min(prefix.len());
        let prefix = prefix.get_mut(..len).ok_or(Refusal::FlashFault)?;
        flash::read(flash, block, 0, prefix).map_err(|_| Refusal::FlashFault)?;
        let admitted = match self.judge(named.number, prefix, room) {
            Ok(admitted) => admitted,
            Err(Objection::NotYet(why)) => {
                self.reception = Reception::Waiting(why);
                return Ok(Install::Idle);
            }
            Err(Objection::Incomplete) => return Err(Refusal::Malformed),
            Err(Objection::Untrusted(why) | Objection::Refused(why)) => return Err(why),
        };
        let size = admitted.manifest.payload.size;
        let payload = block
            .part(admitted.payload_offset, size)
            .ok_or(Refusal::Malformed)?;
        self.check_padding(flash, block, payload.end(), room)?;
        self.reception = Reception::Admitted(admitted);
        Ok(Install::Payload(Hashing::new(payload, size)))
    }

    /// Behind the payload the last symbol is filled with zeros, and with nothing else.
    fn check_padding<F: NorFlash>(
        &self,
        flash: &mut F,
        block: Region,
        from: u32,
        room: u32,
    ) -> Result<(), Refusal> {
        let mut buffer = [0u8; lightday_wire::frame::MAX_SYMBOL_LEN];
        let start = from.saturating_sub(block.start);
        let len = usize::try_from(room.saturating_sub(start)).unwrap_or(usize::MAX);
        let padding = buffer.get_mut(..len).ok_or(Refusal::Malformed)?;
        flash::read(flash, block, start, padding).map_err(|_| Refusal::FlashFault)?;
        if padding.iter().all(|b| *b == 0) {
            Ok(())
        } else {
            Err(Refusal::Malformed)
        }
    }

    /// The bundle that was admitted.
    fn admitted(&self) -> Result<&Admitted, Refusal> {
        match &self.reception {
            Reception::Admitted(admitted) => Ok(admitted),
            _ => Err(Refusal::Superseded),
        }
    }

    fn payload<F: NorFlash>(
        &mut self,
        flash: &mut F,
        mut hashing: Hashing,
    ) -> Result<Install, Refusal> {
        let Some(digest) = hashing.step(flash).map_err(|_| Refusal::FlashFault)? else {
            return Ok(Install::Payload(hashing));
        };
        if digest != self.admitted()?.manifest.payload.digest {
            return Err(Refusal::PayloadDigest);
        }
        if !self.may_patch() {
            return Ok(Install::Recheck);
        }
        self.check_base()
    }

    /// The inactive slot may be erased only while the active one is confirmed and nothing is armed or
    /// on trial.
    pub(crate) fn may_patch(&self) -> bool {
        self.record.trial_slot().is_none()
            && self.record_armed_slot().is_none()
            && self.running == self.record.home.0
            && match self.running {
                Location::Slot(slot) => self.record.slot(slot).state == SlotState::Confirmed,
                Location::Golden => true,
            }
    }

    fn check_base(&self) -> Result<Install, Refusal> {
        match self.admitted()?.base {
            Some((location, base)) => {
                let region = self.image_region(location);
                Ok(Install::Base(Hashing::new(region, base.size)))
            }
            None => Ok(Install::EraseTrailer),
        }
    }

    fn base<F: NorFlash>(
        &mut self,
        flash: &mut F,
        mut hashing: Hashing,
    ) -> Result<Install, Refusal> {
        let Some(digest) = hashing.step(flash).map_err(|_| Refusal::FlashFault)? else {
            return Ok(Install::Base(hashing));
        };
        match self.admitted()?.base {
            Some((_, base)) if base.digest == digest => Ok(Install::EraseTrailer),
            _ => Err(Refusal::BaseMismatch),
        }
    }

    /// From here on the slot holds nothing that may boot: said in the record first.
    fn erase_trailer<F: NorFlash>(&mut self, flash: &mut F) -> Result<Install, Refusal> {
        let admitted = self.admitted()?;
        let (target, number) = (admitted.target, admitted.number);
        let (image, counter) = (admitted.manifest.image, admitted.manifest.security_counter);
        let entry = self.record.slot_mut(target);
        entry.state = SlotState::Patching;
        entry.bundle = number;
        entry.image = image.digest;
        entry.size = image.size;
        entry.version = image.version;
        entry.security_counter = counter;
        self.commit(flash).map_err(|_| Refusal::FlashFault)?;
        self.trailer(target)
            .erase(flash)
            .map_err(|_| Refusal::FlashFault)?;
        if let Some(facts) = self.facts.get_mut(target.index()) {
            *facts = lightday_boot::SlotFacts::default();
        }
        Ok(Install::EraseImage(0))
    }

    /// The whole slot is erased, so that nothing of a longer image is left behind a shorter one.
    fn erase_image<F: NorFlash>(&mut self, flash: &mut F, at: u32) -> Result<Install, Refusal> {
        let admitted = self.admitted()?;
        let region = self.config.map.slot(admitted.target).image;
        if at < region.len {
            flash::erase_block(flash, region, at).map_err(|_| Refusal::FlashFault)?;
            return Ok(Install::EraseImage(
                at.saturating_add(flash::erase_size::<F>().max(1)),
            ));
        }
        let payload = &admitted.manifest.payload;
        let lengths = Lengths {
            patch: payload.size,
            base: admitted.base.map_or(0, |(_, base)| base.size),
            new: admitted.manifest.image.size,
        };
        let decoder = codec::open(payload, lengths, self.config.decoder_ram)?;
        Ok(Install::Patch {
            decoder,
            written: 0,
        })
    }

    /// Decodes the next bytes and programs them.
    fn patch<F: NorFlash>(
        &mut self,
        flash: &mut F,
        mut decoder: AnyDecoder,
        written: u32,
    ) -> Result<Install, Refusal> {
        let admitted = self.admitted()?;
        let region = self.config.map.slot(admitted.target).image;
        let payload = &admitted.manifest.payload;
        let mut io = FlashIo {
            flash,
            payload: self
                .config
                .map
                .block
                .part(admitted.payload_offset, payload.size)
                .ok_or(Refusal::Malformed)?,
            base: admitted
                .base
                .and_then(|(location, base)| self.image_region(location).part(0, base.size)),
            written: region.part(0, written).ok_or(Refusal::ImageTooLarge)?,
        };
        let mut slice = [0xffu8; WRITE_SLICE];
        let len = fill(&mut decoder, &mut io, &mut slice)?;
        let end = written.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        if end > admitted.manifest.image.size {
            return Err(Refusal::PatchBroken);
        }
        let granules = len.next_multiple_of(F::WRITE_SIZE.max(1)).min(slice.len());
        let bytes = slice.get(..granules).ok_or(Refusal::PatchBroken)?;
        flash::program(flash, region, written, bytes).map_err(|_| Refusal::FlashFault)?;
        if len == slice.len() {
            return Ok(Install::Patch {
                decoder,
                written: end,
            });
        }
        if end != admitted.manifest.image.size {
            return Err(Refusal::PatchBroken);
        }
        Ok(Install::ReadBack(Hashing::new(region, end)))
    }

    fn read_back<F: NorFlash>(
        &mut self,
        now: Now,
        flash: &mut F,
        mut hashing: Hashing,
    ) -> Result<Install, Refusal> {
        let Some(digest) = hashing.step(flash).map_err(|_| Refusal::FlashFault)? else {
            return Ok(Install::ReadBack(hashing));
        };
        if digest != self.admitted()?.manifest.image.digest {
            return Err(Refusal::ImageDigest);
        }
        let admitted = self.admitted()?.clone();
        let entry = Entry::Installed {
            number: admitted.number,
            base: admitted.base.map(|(_, base)| base),
            envelope: &admitted.envelope,
        };
        let trailer = self.trailer(admitted.target);
        trailer
            .append(flash, entry)
            .map_err(|_| Refusal::FlashFault)?;
        self.installed(now, flash, &admitted)?;
        Ok(Install::Idle)
    }

    /// Verified: commit it, and arm it at once if the authorization is there or none is needed.
    fn installed<F: NorFlash>(
        &mut self,
        now: Now,
        flash: &mut F,
        admitted: &Admitted,
    ) -> Result<(), Refusal> {
        let number = admitted.number;
        self.record.slot_mut(admitted.target).state = SlotState::Verified;
        self.record.raise_next(ObjectKind::Bundle, number);
        self.record.patch_attempts = 0;
        let verdict = Verdict {
            number,
            stage: Stage::Done,
            refusal: Refusal::None,
        };
        self.record.set_verdict(ObjectKind::Bundle, verdict);
        self.drop_reception();
        self.commit(flash).map_err(|_| Refusal::FlashFault)?;
        self.report_due = now.elapsed;
        self.refresh_facts(flash);
        self.arm_if_authorized(now, flash, admitted.target);
        Ok(())
    }

    /// Gives the bundle up, or lets it begin again where only the flash is to blame.
    fn fail<F: NorFlash>(&mut self, now: Now, flash: &mut F, why: Refusal) {
        let Some(number) = self.receiving() else {
            return self.drop_reception();
        };
        if why == Refusal::FlashFault && self.record.patch_attempts < MAX_ATTEMPTS {
            return self.begin_install();
        }
        let is_patching = |slot: &lightday_boot::SlotRecord| {
            slot.state == SlotState::Patching && slot.bundle == number
        };
        for slot in self
            .record
            .slots
            .iter_mut()
            .filter(|slot| is_patching(slot))
        {
            slot.state = SlotState::Failed;
        }
        // Polluted symbols say nothing about the bundle: the same number may be sent again.
        let is_polluted = matches!(
            why,
            Refusal::PayloadDigest
                | Refusal::SignatureBad
                | Refusal::SignatureMissing
                | Refusal::UnknownKey
                | Refusal::Malformed
                | Refusal::NotCanonical
        );
        self.drop_reception();
        if !is_polluted {
            self.record.raise_next(ObjectKind::Bundle, number);
        }
        self.record.patch_attempts = 0;
        let verdict = Verdict {
            number,
            stage: Stage::Failed,
            refusal: why,
        };
        self.record.set_verdict(ObjectKind::Bundle, verdict);
        let _ = self.commit(flash);
        self.report_due = now.elapsed;
    }

    /// Something changed that a complete bundle may have waited for: its base, or the slot.
    pub(crate) fn take_up_waiting(&mut self) {
        if matches!(self.install, Install::Idle) && self.staging.is_complete() && self.may_patch() {
            self.begin_install();
        }
    }
}

/// Fills `slice` as far as the image goes; returns the bytes decoded.
fn fill<F: NorFlash>(
    decoder: &mut AnyDecoder,
    io: &mut FlashIo<'_, F>,
    slice: &mut [u8],
) -> Result<usize, Refusal> {
    let mut len = 0usize;
    while let Some(out) = slice.get_mut(len..).filter(|out| !out.is_empty()) {
        match decoder.produce(io, out) {
            Ok(0) => break,
            Ok(count) => len = len.saturating_add(count),
            Err(lightday_delta::DecodeError::Io(_)) => return Err(Refusal::FlashFault),
            Err(lightday_delta::DecodeError::RamTooSmall) => return Err(Refusal::RamTooSmall),
            Err(_) => return Err(Refusal::PatchBroken),
        }
    }
    Ok(len)
}
