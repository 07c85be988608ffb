//! Small objects, once complete: authorization, command, key set. The order is always number, MAC,
//! signature, persist, execute; a number is used up by what was signed, whatever becomes of it.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::trailer::Entry;
use lightday_boot::{Supervisor, Trial, keys};
use lightday_wire::report::Verdict;
use lightday_wire::{
    Action, Command, CommandContext, Digest, Envelope, Location, MAX_ENVELOPE_LEN, ObjectKind,
    Refusal, RevertCause, SlotId, SlotState, Stage,
};

use crate::agent::Agent;
use crate::digest::RegionDigest;
use crate::documents::may_be_armed;
use crate::dump::Dump;
use crate::platform::{Application, DecoderRam, Now, Platform};
use crate::small::SmallObject;

/// What a command that was carried out comes to.
pub(crate) enum Outcome {
    /// Done.
    Done,
    /// Done, and the loader has to see it at once.
    DoneReset,
    /// Begun; the loader, or a later step, finishes it.
    Started,
    /// Begun, and a reset has to follow.
    Reset,
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Verifies and carries out a complete small object.
    pub(crate) fn execute<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
        object: &SmallObject,
    ) {
        let before = (self.record.clone(), self.is_lost);
        let result = match parse(&object.bytes) {
            Some(envelope) => match object.kind {
                ObjectKind::Authorization => self.authorization(platform.flash, object, &envelope),
                ObjectKind::Command => self.command(now, platform, object, &envelope),
                ObjectKind::KeySet => self.key_set(platform.flash, object, &envelope),
                _ => Err(Refusal::NotSupported),
            },
            None => Err(Refusal::Malformed),
        };
        let (stage, refusal) = match result {
            Ok(Outcome::Done | Outcome::DoneReset) => (Stage::Done, Refusal::None),
            Ok(Outcome::Started | Outcome::Reset) => (Stage::Started, Refusal::None),
            Err(why) => (Stage::Refused, why),
        };
        let verdict = Verdict {
            number: object.number,
            stage,
            refusal,
        };
        self.report_due = now.elapsed;
        if self.record == before.0 {
            // No signature held, or it was said under the wrong key: it used no number up, and anybody may
            // say it again. Nothing of it is written.
            return self.note_unsigned(object.kind, verdict);
        }
        self.unproven = 0;
        self.set_verdict(object.kind, verdict);
        if self.commit(platform.flash).is_err() {
            // What is not in flash is not so; the ground sees that the number is still free.
            (self.record, self.is_lost) = before;
            // Its papers may lie in a trailer all the same.
            return self.refresh_facts(platform.flash);
        }
        if matches!(result, Ok(Outcome::Reset | Outcome::DoneReset)) {
            return self.reset(platform.supervisor);
        }
        self.take_effect(now, platform.flash);
    }

    /// What follows from a record that was changed by a document.
    pub(crate) fn take_effect<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        let version = self.keys.current.as_ref().map(|set| set.version);
        if version != Some(self.record.key_set) {
            self.keys = keys::load(flash, &self.config.map, self.record.key_set);
        }
        if self.uplink.epoch() != self.record.epoch {
            self.rekey();
        }
        if self.trial_slot().is_some() {
            // A command may be all that a trial waits for.
            self.health_due = now.elapsed;
        }
        self.refresh_facts(flash);
        if self.record_armed_slot().is_none() {
            // What was held may be gone; what still waits says so anew.
            self.hold = Refusal::None;
        }
        self.arm_due = true;
        self.take_up_waiting();
    }

    fn command<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
        object: &SmallObject,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, Refusal> {
        let context = CommandContext {
            vehicle: self.config.identity.vehicle,
            number: object.number,
        };
        let keys = self.keys.current.as_ref().ok_or(Refusal::UnknownKey)?;
        let verified = keys.verify::<Command>(envelope, &context);
        let action = verified.map_err(|error| error.refusal())?.action;
        let later_epoch = object.epoch != self.record.epoch;
        match action {
            Action::EpochSwitch { epoch } if !self.is_lost => {
                self.switch_epoch(epoch, object.epoch)?;
                self.record.raise_next(ObjectKind::Command, object.number);
                self.heard(now, platform, object, action);
                // The loader raises the floor, so that the switch outlasts the record. On trial a reset
                // would cost a try: there the next boot does.
                return Ok(match self.record.trial_slot() {
                    Some(_) => Outcome::Done,
                    None => Outcome::DoneReset,
                });
            }
            Action::Resync { epoch, next } if self.is_lost => {
                self.resync(platform.flash, epoch, object.epoch, next)?;
                self.record.raise_next(ObjectKind::Command, object.number);
                return Ok(Outcome::DoneReset);
            }
            _ if self.is_lost => return Err(Refusal::RecordLost),
            // Under a later epoch's key nothing else is heard, signed or not.
            _ if later_epoch => return Err(Refusal::EpochOrder),
            _ => {}
        }
        self.record.raise_next(ObjectKind::Command, object.number);
        self.heard(now, platform, object, action);
        self.act(now, platform, object, action)
    }

    /// A signed command proves the uplink: it moves the command-loss timer on, and is kept in the
    /// trailer of the image on trial, where the loader finds it at the end of the lease.
    fn heard<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
        object: &SmallObject,
        action: Action,
    ) {
        let until = now.elapsed.plus_s(self.config.command_loss_s);
        self.record.renew_command_loss(until);
        let Some(slot) = self.trial_slot() else {
            let until = self.record.command_loss;
            return platform.supervisor.set_deadline(until, false);
        };
        let floor = self.record.trial.command_floor;
        let is_known = self
            .slot_facts(slot)
            .heard
            .is_some_and(|heard| heard >= floor);
        let trailer = self.trailer(slot);
        // The last cell is kept for the Confirm, which is appended by its own action.
        let is_confirm = matches!(action, Action::Confirm { .. });
        if !is_confirm && !is_known && trailer.free(platform.flash) > 1 {
            let _ = trailer.append(platform.flash, commanded(object));
        }
    }

    fn act<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
        object: &SmallObject,
        action: Action,
    ) -> Result<Outcome, Refusal> {
        match action {
            Action::Confirm { image } => self.confirm(platform.flash, object, image),
            Action::Abort { kind, number } => {
                let outcome = self.abort(platform.flash, kind, number)?;
                if matches!(outcome, Outcome::Reset)
                    && !self.is_kept_on_trial(platform.flash, object)
                {
                    self.keep_started(platform.flash, object.number, bytes(object));
                }
                Ok(outcome)
            }
            Action::Rollback { image } => self.rollback(platform.flash, object, image),
            Action::BootGolden => {
                // The record has room for one verdict: those before it are given up by being forgotten. If
                // that fails, golden boots all the same.
                let _ = self.forget_pending(platform.flash);
                let outcome = self.boot_golden();
                if matches!(outcome, Outcome::Reset) {
                    self.keep_started(platform.flash, object.number, bytes(object));
                }
                Ok(outcome)
            }
            Action::ReportRequest => Ok(Outcome::Done),
            Action::RegionDigest {
                region,
                offset,
                len,
            } => {
                let map = &self.config.map;
                let digest = RegionDigest::new(map, object.number, region, offset, len);
                self.region_digest = Some(digest.ok_or(Refusal::OutOfRange)?);
                Ok(Outcome::Started)
            }
            Action::MemoryDump {
                region,
                offset,
                len,
            } => {
                let dump = Dump::new(&self.config.map, object.number, region, (offset, len));
                self.dump = Some(dump.ok_or(Refusal::OutOfRange)?);
                Ok(Outcome::Started)
            }
            Action::Hold { held } => {
                self.record.held = held;
                self.activation_retry = now.elapsed;
                Ok(Outcome::Done)
            }
            _ => Err(Refusal::NotSupported),
        }
    }

    /// Stores the signed Confirm; the loader verifies it and confirms. For an image that is confirmed
    /// already it is stored too: that is how it outlives a change of key sets.
    fn confirm<F: NorFlash>(
        &mut self,
        flash: &mut F,
        object: &SmallObject,
        image: Digest,
    ) -> Result<Outcome, Refusal> {
        let Location::Slot(slot) = self.running else {
            return Err(Refusal::NoTrial);
        };
        let entry = self.record.slot(slot);
        if entry.image != image {
            return Err(Refusal::UnknownImage);
        }
        let outcome = match entry.state {
            SlotState::Trial => Outcome::Reset,
            // Already so, and provable under the key set in force: no cell is spent on it.
            SlotState::Confirmed if self.check_reconfirmed(flash).is_ok() => {
                return Ok(Outcome::Done);
            }
            SlotState::Confirmed => Outcome::Done,
            _ => return Err(Refusal::NoTrial),
        };
        self.append_command(flash, slot, object)?;
        Ok(outcome)
    }

    /// Whether a command lies in a slot's trailer already: its commit was refused, and it came again.
    fn is_kept<F: NorFlash>(&self, flash: &mut F, slot: SlotId, object: &SmallObject) -> bool {
        let mut is_kept = false;
        let trailer = self.trailer(slot);
        trailer.for_each(flash, |entry| is_kept |= entry == commanded(object));
        is_kept
    }

    /// Whether it lies in the trailer of the image on trial, as the first that was heard there.
    fn is_kept_on_trial<F: NorFlash>(&self, flash: &mut F, object: &SmallObject) -> bool {
        let slot = self.trial_slot();
        slot.is_some_and(|slot| self.is_kept(flash, slot, object))
    }

    /// Appends a command to a slot's trailer, if it is not there yet.
    fn append_command<F: NorFlash>(
        &self,
        flash: &mut F,
        slot: SlotId,
        object: &SmallObject,
    ) -> Result<(), Refusal> {
        if self.is_kept(flash, slot, object) {
            return Ok(());
        }
        self.trailer(slot)
            .append(flash, commanded(object))
            .map_err(|error| match error {
                lightday_boot::cells::CellError::Full => Refusal::TrailerFull,
                _ => Refusal::FlashFault,
            })
    }

    /// The older version boots on trial, by the policy of its own manifest; or what runs in golden's stead, to be
    /// home again.
    fn rollback<F: NorFlash>(
        &mut self,
        flash: &mut F,
        object: &SmallObject,
        image: Digest,
    ) -> Result<Outcome, Refusal> {
        if self.record.trial_slot().is_some() || self.record_armed_slot().is_some() {
            return Err(Refusal::SlotBusy);
        }
        let fit = |slot: SlotId| {
            let facts = self.slot_facts(slot);
            let at = Location::Slot(slot);
            let entry = self.record.slot(slot);
            let is_fit = (self.running != at || self.record.home.0 != at)
                && entry.image == image
                && facts.was_confirmed_by(entry);
            let installed = facts.installed.filter(|_| is_fit)?;
            // The loader exempts from the counter what the papers prove; on trial the record says no more than that.
            let may_win =
                facts.was_confirmed() || installed.security_counter >= self.record.security_counter;
            may_win.then_some((slot, installed))
        };
        let found = SlotId::ALL.into_iter().find_map(fit);
        let (slot, installed) = found.ok_or(Refusal::UnknownImage)?;
        // One cell for this command, and one for the Confirm: a trial without it could not be won.
        if self.trailer(slot).free(flash) < 2 && !self.is_kept(flash, slot, object) {
            return Err(Refusal::TrailerFull);
        }
        self.append_command(flash, slot, object)?;
        self.record.unbar(&image);
        self.record.slot_mut(slot).state = SlotState::Trial;
        self.record.trial = Trial::new(installed.trial.tries, installed.trial.lease_s);
        Ok(Outcome::Reset)
    }

    /// Golden boots and stays: what waits for its activation waits for a new authorization.
    fn boot_golden(&mut self) -> Outcome {
        for slot in SlotId::ALL {
            let load_and_go = self.is_load_and_go(slot);
            let entry = self.record.slot_mut(slot);
            if entry.state == SlotState::Armed {
                entry.state = if load_and_go {
                    SlotState::Reverted
                } else {
                    SlotState::Verified
                };
            }
        }
        self.give_up_authorization();
        self.record.home = lightday_boot::record::HomeCode(Location::Golden);
        // Golden may run since the trial's first boot could not be saved: the loader ends it.
        let is_on_trial = self.record.trial_slot().is_some();
        if is_on_trial {
            self.record.trial.give_up = RevertCause::Commanded;
        }
        if self.running == Location::Golden && !is_on_trial {
            Outcome::Done
        } else {
            Outcome::Reset
        }
    }
}

/// The envelope of a small object, with nothing but zeros behind it.
fn parse(bytes: &[u8]) -> Option<Envelope<'_>> {
    let (envelope, rest) = Envelope::parse(bytes).ok()?;
    rest.iter().all(|b| *b == 0).then_some(envelope)
}

/// A command as it lies in a trailer.
fn commanded(object: &SmallObject) -> Entry<'_> {
    Entry::Commanded {
        number: object.number,
        envelope: bytes(object),
    }
}

/// The bytes of a small object's envelope without the padding.
fn bytes(object: &SmallObject) -> &[u8] {
    let len = parse(&object.bytes).map_or(0, |envelope| envelope.encoded_len());
    object.bytes.get(..len).unwrap_or(&[])
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    fn authorization<F: NorFlash>(
        &mut self,
        flash: &mut F,
        object: &SmallObject,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, Refusal> {
        if self.is_lost {
            return Err(Refusal::RecordLost);
        }
        let context = lightday_wire::AuthorizationContext {
            vehicle: self.config.identity.vehicle,
            number: object.number,
        };
        let keys = self.keys.current.as_ref().ok_or(Refusal::UnknownKey)?;
        let verified = keys.verify::<lightday_wire::Authorization>(envelope, &context);
        let document = verified.map_err(|error| error.refusal())?;
        self.record
            .raise_next(ObjectKind::Authorization, object.number);
        let is_on_board = self.record.slots.iter().any(|entry| {
            entry.image == document.image
                && entry.bundle == document.bundle
                && may_be_armed(entry.state)
        });
        let is_expected = document.bundle >= self.record.next_number(ObjectKind::Bundle);
        if !is_on_board && !is_expected {
            return Err(Refusal::UnknownImage);
        }
        if envelope.encoded_len() > MAX_ENVELOPE_LEN {
            // No trailer would take it: kept, it would be waited for in vain.
            return Err(Refusal::StagingTooSmall);
        }
        self.keep_pending(flash, object.number, bytes(object))?;
        Ok(Outcome::Started)
    }
}
