//! From K symbols to a verified slot, step by step. Each step ends in a state that a reset may interrupt:
//! the staging log is never touched, so everything begins again from it, at most
//! [`MAX_ATTEMPTS`] times.
//!
//! ```text
//! Recheck (slot free? base there?) -> EraseBlock -> Solve -> Judge -> Payload digest -> Base digest
//!   -> Begin (commit) -> EraseTrailer -> EraseImage -> Patch -> ReadBack -> WriteTrailer -> End (commit)
//! ```

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::trailer::Entry;
use lightday_boot::{Elapsed, Region, SlotFacts, SlotRecord, flash};
use lightday_fec::{Progress, Solver};
use lightday_wire::{Location, MAX_ENVELOPE_LEN, Refusal, SlotState};

use crate::admission::{Admitted, Objection};
use crate::agent::{Agent, Reception};
use crate::codec::AnyDecoder;
use crate::hashing::Hashing;
use crate::platform::{DecoderRam, Now};

/// How often a bundle is solved and patched before it is given up.
pub const MAX_ATTEMPTS: u8 = 8;

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
    /// The block is there: it is judged anew, from the block itself.
    Judge,
    Payload(Hashing),
    Base(Hashing),
    /// From here on the slot holds nothing that may boot: said in the record first.
    Begin,
    EraseTrailer(u32),
    EraseImage(u32),
    Patch {
        decoder: AnyDecoder,
        written: u32,
    },
    ReadBack(Hashing),
    WriteTrailer,
    End,
}

impl Install {
    /// Whether it writes to the slot, or is about to.
    const fn touches_slot(&self) -> bool {
        matches!(
            self,
            Self::Begin
                | Self::EraseTrailer(_)
                | Self::EraseImage(_)
                | Self::Patch { .. }
                | Self::ReadBack(_)
                | Self::WriteTrailer
        )
    }
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// All symbols are there.
    pub(crate) fn begin_install(&mut self) {
        self.install = Install::Recheck;
        self.install_retry = Elapsed::NEVER;
        self.staging.rescan();
    }

    /// One step.
    pub(crate) fn install_step<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        let state = core::mem::replace(&mut self.install, Install::Idle);
        self.install_retry = Elapsed::NEVER;
        if state.touches_slot() && !self.may_patch() {
            // Something was armed meanwhile: the bundle stages only, and is taken up again.
            return;
        }
        let next = match state {
            Install::Idle => Ok(Install::Idle),
            Install::Recheck => self.rechecked(now, flash),
            Install::Judge => self.solved(now, flash),
            Install::EraseBlock(at) => self.erase_block(flash, at),
            Install::Solve(solver) => self.solve(flash, solver),
            Install::Payload(hashing) => self.payload(flash, hashing),
            Install::Base(hashing) => self.base(flash, hashing),
            Install::Begin => self.begin_patch(now, flash),
            Install::EraseTrailer(at) => self.erase_trailer(flash, at),
            Install::EraseImage(at) => self.erase_image(flash, at),
            Install::Patch { decoder, written } => self.patch(flash, decoder, written),
            Install::ReadBack(hashing) => self.read_back(flash, hashing),
            Install::WriteTrailer => self.write_trailer(flash),
            Install::End => self.installed(now, flash),
        };
        match next {
            Ok(next) => self.install = next,
            Err(why) => self.fail(now, flash, why),
        }
    }

    /// The log was scanned anew; solve, if every symbol still stands.
    fn rechecked<F: NorFlash>(&mut self, now: Now, flash: &mut F) -> Result<Install, Refusal> {
        if !self.staging.is_complete() {
            // A symbol was lost that had been there: the ground should hear of it.
            self.report_due = now.elapsed;
            return Ok(Install::Idle);
        }
        if !self.may_patch() {
            // While an image is armed or on trial, bundles only stage. The change that frees the slot,
            // or the next boot, takes it up again.
            self.report_due = now.elapsed;
            return Ok(Install::Idle);
        }
        if matches!(self.reception, Reception::Waiting(_)) {
            return Ok(Install::Idle);
        }
        if self.record.patch_attempts >= MAX_ATTEMPTS {
            return Err(Refusal::AttemptsExhausted);
        }
        let attempts = self.record.patch_attempts;
        self.record.patch_attempts = attempts.saturating_add(1);
        if self.commit(flash).is_err() {
            self.record.patch_attempts = attempts;
            return Ok(self.wait_to_install(now, Install::Recheck));
        }
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
            Ok(Progress::Done) => Ok(Install::Judge),
            Err(_) => {
                if let Some(position) = io.unread {
                    self.staging.pass_over(position);
                }
                Err(Refusal::FlashFault)
            }
        }
    }

    /// Judges the block and begins to hash its payload.
    fn solved<F: NorFlash>(&mut self, now: Now, flash: &mut F) -> Result<Install, Refusal> {
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
                // It was solved to be judged, not to be patched: waiting wears out no attempt.
                self.record.patch_attempts = self.record.patch_attempts.saturating_sub(1);
                self.commit_due = true;
                self.report_due = now.elapsed;
                return Ok(Install::Idle);
            }
            Err(Objection::Refused(why)) => {
                // Signed, as an early verdict would have found it: its number is used up.
                self.end_bundle(now, flash, named.number, why, true);
                return Ok(Install::Idle);
            }
            Err(objection) => {
                // What the first symbols proved, the block does not hold.
                self.reception = Reception::Unjudged;
                return Err(match objection {
                    Objection::Untrusted(why) => why,
                    _ => Refusal::Malformed,
                });
            }
        };
        self.reception = Reception::Admitted(admitted);
        let payload = self.payload_region()?;
        self.check_padding(flash, block, payload.end(), room)?;
        Ok(Install::Payload(Hashing::new(payload, payload.len)))
    }

    /// Where the payload lies in the solved block.
    fn payload_region(&self) -> Result<Region, Refusal> {
        let admitted = self.admitted()?;
        let size = admitted.manifest.payload.size;
        let payload = self.config.map.block.part(admitted.payload_offset, size);
        payload.ok_or(Refusal::Malformed)
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
    pub(crate) fn admitted(&self) -> Result<&Admitted, Refusal> {
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
        self.check_front(flash)?;
        if !self.may_patch() {
            return Ok(Install::Recheck);
        }
        self.check_base()
    }

    /// The inactive slot may be erased only while the active one is confirmed and nothing is armed or
    /// on trial. What runs in golden's stead was confirmed once, whatever became of it since,
    /// or nothing that was is whole any more.
    pub(crate) fn may_patch(&self) -> bool {
        self.record.trial_slot().is_none()
            && self.record_armed_slot().is_none()
            && self.running == self.home()
            && match self.record.home.0 {
                Location::Slot(slot) => self.record.slot(slot).state == SlotState::Confirmed,
                Location::Golden => true,
            }
    }

    fn check_base(&self) -> Result<Install, Refusal> {
        match self.admitted()?.base {
            Some((_, base)) => {
                let region = self.admitted()?.base_region.ok_or(Refusal::BaseMismatch)?;
                Ok(Install::Base(Hashing::new(region, base.size)))
            }
            None => Ok(Install::Begin),
        }
    }

    /// Goes on to the second copy of golden, where there is one.
    fn next_copy(&mut self) -> Result<Install, Refusal> {
        let [first, second] = self.config.map.golden.map(|copy| copy.image);
        match &mut self.reception {
            Reception::Admitted(admitted)
                if admitted.base_region == Some(first) && first != second =>
            {
                admitted.base_region = Some(second);
                self.check_base()
            }
            _ => Err(Refusal::BaseMismatch),
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
            Some((_, base)) if base.digest == digest => Ok(Install::Begin),
            _ => self.next_copy(),
        }
    }

    /// A step whose commit flash refused comes again: no attempt is used up where nothing but the record failed.
    pub(crate) fn wait_to_install(&mut self, now: Now, step: Install) -> Install {
        self.install_retry = self.wait_longer(now);
        step
    }

    fn begin_patch<F: NorFlash>(&mut self, now: Now, flash: &mut F) -> Result<Install, Refusal> {
        let admitted = self.admitted()?;
        let (target, number) = (admitted.target, admitted.number);
        let (image, counter) = (admitted.manifest.image, admitted.manifest.security_counter);
        let entry = SlotRecord {
            state: SlotState::Patching,
            bundle: number,
            image: image.digest,
            size: image.size,
            version: image.version,
            security_counter: counter,
        };
        let before = core::mem::replace(self.record.slot_mut(target), entry);
        if self.commit(flash).is_err() {
            // Nothing was touched: what is in the slot may be the way back.
            *self.record.slot_mut(target) = before;
            // And what it is made from may rot meanwhile.
            let payload = self.payload_region()?;
            let hashing = Hashing::new(payload, payload.len);
            return Ok(self.wait_to_install(now, Install::Payload(hashing)));
        }
        if let Some(facts) = self.facts.get_mut(target.index()) {
            *facts = SlotFacts::default();
        }
        Ok(Install::EraseTrailer(0))
    }

    fn erase_trailer<F: NorFlash>(&mut self, flash: &mut F, at: u32) -> Result<Install, Refusal> {
        let region = self.config.map.slot(self.admitted()?.target).trailer;
        if at >= region.len {
            return Ok(Install::EraseImage(0));
        }
        flash::erase_block(flash, region, at).map_err(|_| Refusal::FlashFault)?;
        let next = at.saturating_add(flash::erase_size::<F>().max(1));
        Ok(Install::EraseTrailer(next))
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
        self.open_decoder()
    }

    fn read_back<F: NorFlash>(
        &mut self,
        flash: &mut F,
        mut hashing: Hashing,
    ) -> Result<Install, Refusal> {
        let Some(digest) = hashing.step(flash).map_err(|_| Refusal::FlashFault)? else {
            return Ok(Install::ReadBack(hashing));
        };
        if digest != self.admitted()?.manifest.image.digest {
            return Err(Refusal::ImageDigest);
        }
        Ok(Install::WriteTrailer)
    }

    fn write_trailer<F: NorFlash>(&mut self, flash: &mut F) -> Result<Install, Refusal> {
        let admitted = self.admitted()?;
        let entry = Entry::Installed {
            number: admitted.number,
            base: admitted.base.map(|(_, base)| base),
            envelope: &admitted.envelope,
        };
        let trailer = self.trailer(admitted.target);
        trailer
            .append(flash, entry)
            .map_err(|_| Refusal::FlashFault)?;
        Ok(Install::End)
    }
}
