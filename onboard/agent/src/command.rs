//! Small objects, once complete: authorization, command, key set. The order is always number, MAC,
//! signature, persist, execute; a number is used up by what was signed, whatever becomes of it.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::trailer::Entry;
use lightday_boot::{Elapsed, Record, SlotRecord, Supervisor, Trial, keys, loader};
use lightday_trust::keyset::KeySetContext;
use lightday_trust::{Direction, KeySet};
use lightday_wire::report::Verdict;
use lightday_wire::{
    Action, Command, CommandContext, Digest, Envelope, Epoch, Location, ObjectKind, ObjectNumber,
    Refusal, RevertCause, SlotId, SlotState, Stage,
};

use crate::agent::Agent;
use crate::digest::RegionDigest;
use crate::platform::{Application, Now, Platform};
use crate::small::SmallObject;

/// What a command that was carried out comes to.
pub(crate) enum Outcome {
    /// Done.
    Done,
    /// Begun; the loader, or a later step, finishes it.
    Started,
    /// Begun, and a reset has to follow.
    Reset,
}

impl<const N: usize, const W: usize> Agent<N, W> {
    /// Verifies and carries out a complete small object.
    pub(crate) fn execute<F: NorFlash, S: Supervisor, A: Application>(
        &mut self,
        now: Now,
        platform: &mut Platform<'_, F, S, A>,
        object: &SmallObject,
    ) {
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
            Ok(Outcome::Done) => (Stage::Done, Refusal::None),
            Ok(Outcome::Started | Outcome::Reset) => (Stage::Started, Refusal::None),
            Err(why) => (Stage::Refused, why),
        };
        let verdict = Verdict {
            number: object.number,
            stage,
            refusal,
        };
        self.record.set_verdict(object.kind, verdict);
        let is_committed = self.is_lost || self.commit(platform.flash).is_ok();
        self.report_due = now.elapsed;
        if is_committed && matches!(result, Ok(Outcome::Reset)) {
            self.reset(platform.supervisor);
            return;
        }
        self.refresh_facts(platform.flash);
        if object.kind == ObjectKind::Authorization {
            self.check_authorized_slots(now, platform.flash);
        }
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
                return Ok(Outcome::Done);
            }
            Action::Resync { epoch, next } if self.is_lost => {
                self.resync(platform.flash, epoch, object.epoch, next)?;
                self.record.raise_next(ObjectKind::Command, object.number);
                return Ok(Outcome::Done);
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
        self.record.command_loss = self.record.command_loss.max(until);
        let Some(slot) = self.trial_slot() else {
            if matches!(self.running, Location::Slot(_)) {
                platform
                    .supervisor
                    .set_deadline(self.record.command_loss, false);
            }
            return;
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
            let entry = Entry::Commanded {
                number: object.number,
                envelope: bytes(object),
            };
            let _ = trailer.append(platform.flash, entry);
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
            Action::Abort { kind, number } => self.abort(kind, number),
            Action::Rollback { image } => self.rollback(platform.flash, object, image),
            Action::BootGolden => Ok(self.boot_golden()),
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
            SlotState::Confirmed => Outcome::Done,
            _ => return Err(Refusal::NoTrial),
        };
        self.append_command(flash, slot, object)?;
        Ok(outcome)
    }

    /// Appends a command to a slot's trailer.
    fn append_command<F: NorFlash>(
        &self,
        flash: &mut F,
        slot: SlotId,
        object: &SmallObject,
    ) -> Result<(), Refusal> {
        let entry = Entry::Commanded {
            number: object.number,
            envelope: bytes(object),
        };
        self.trailer(slot)
            .append(flash, entry)
            .map_err(|error| match error {
                lightday_boot::cells::CellError::Full => Refusal::StagingTooSmall,
                _ => Refusal::FlashFault,
            })
    }

    /// Forgets an object: its reception, and what it was installed to.
    fn abort(&mut self, kind: ObjectKind, number: ObjectNumber) -> Result<Outcome, Refusal> {
        if kind.uplink_index().is_none() || !number.is_in_window(ObjectNumber::default()) {
            // Numbers above the first window are aborted as they come near.
            if kind.uplink_index().is_none() {
                return Err(Refusal::OutOfRange);
            }
        }
        let next = self.record.next_number(kind);
        if number >= next && !number.is_in_window(next) {
            return Err(Refusal::OutOfRange);
        }
        self.record.raise_next(kind, number);
        if kind != ObjectKind::Bundle {
            return Ok(Outcome::Done);
        }
        if self
            .receiving()
            .is_some_and(|receiving| receiving <= number)
        {
            self.drop_reception();
            self.record.patch_attempts = 0;
        }
        let mut outcome = Outcome::Done;
        for slot in SlotId::ALL {
            let entry = self.record.slot_mut(slot);
            match entry.state {
                _ if entry.bundle != number => {}
                SlotState::Verified | SlotState::Armed | SlotState::Patching => {
                    entry.state = SlotState::Failed;
                }
                SlotState::Trial => {
                    self.record.trial.give_up = RevertCause::Commanded;
                    outcome = Outcome::Reset;
                }
                _ => {}
            }
        }
        let verdict = Verdict {
            number,
            stage: Stage::Failed,
            refusal: Refusal::Superseded,
        };
        self.record.set_verdict(ObjectKind::Bundle, verdict);
        Ok(outcome)
    }

    /// The older version boots on trial, by the policy of its own manifest.
    fn rollback<F: NorFlash>(
        &mut self,
        flash: &mut F,
        object: &SmallObject,
        image: Digest,
    ) -> Result<Outcome, Refusal> {
        let slot = self.slot_of(&image).ok_or(Refusal::UnknownImage)?;
        if self.record.trial_slot().is_some() || self.record_armed_slot().is_some() {
            return Err(Refusal::SlotBusy);
        }
        let facts = self.slot_facts(slot);
        let is_fit = self.running != Location::Slot(slot) && facts.may_be_home();
        let installed = facts
            .installed
            .filter(|_| is_fit)
            .ok_or(Refusal::UnknownImage)?;
        self.append_command(flash, slot, object)?;
        self.record.unbar(&image);
        self.record.slot_mut(slot).state = SlotState::Trial;
        self.record.trial = Trial::new(installed.trial.tries, installed.trial.lease_s);
        Ok(Outcome::Reset)
    }

    fn boot_golden(&mut self) -> Outcome {
        self.record.home = lightday_boot::record::HomeCode(Location::Golden);
        if self.record.trial_slot().is_some() {
            self.record.trial.give_up = RevertCause::Commanded;
        }
        if self.running == Location::Golden {
            Outcome::Done
        } else {
            Outcome::Reset
        }
    }

    /// Link epochs only go up, and the switch must come under the key of the epoch that it names.
    fn switch_epoch(&mut self, epoch: Epoch, under: Epoch) -> Result<(), Refusal> {
        if epoch <= self.record.epoch || epoch != under {
            return Err(Refusal::EpochOrder);
        }
        self.record.epoch = epoch;
        self.rekey();
        // Whoever had the old key may have sent some of these symbols.
        self.drop_reception();
        self.small = Default::default();
        Ok(())
    }

    fn rekey(&mut self) {
        let (vehicle, epoch) = (self.config.identity.vehicle, self.record.epoch);
        self.uplink = self
            .config
            .link_keys
            .frame_key(vehicle, Direction::Up, epoch);
        self.downlink = self
            .config
            .link_keys
            .frame_key(vehicle, Direction::Down, epoch);
    }

    /// After the record was lost: what the trailers prove, and the numbers that root sets anew.
    fn resync<F: NorFlash>(
        &mut self,
        flash: &mut F,
        epoch: Epoch,
        under: Epoch,
        next: [ObjectNumber; 4],
    ) -> Result<(), Refusal> {
        self.switch_epoch(epoch, under)?;
        self.refresh_facts(flash);
        let slots = self.facts.map(|facts| match facts.installed {
            Some(installed) if facts.may_be_home() => SlotRecord {
                state: SlotState::Confirmed,
                bundle: installed.bundle,
                image: installed.image.digest,
                size: installed.image.size,
                version: installed.image.version,
                security_counter: installed.security_counter,
            },
            _ => SlotRecord::EMPTY,
        });
        let mut record = Record::at_launch(slots, Location::Golden, self.record.key_set);
        record.epoch = epoch;
        record.next = next;
        record.security_counter = self.record.security_counter;
        record.revert_cause = RevertCause::RecordLost;
        record.command_loss = Elapsed::NEVER;
        self.record = record;
        self.is_lost = false;
        Ok(())
    }

    /// The next key set. It is stored beside the one in force; the record's commit puts it in force.
    fn key_set<F: NorFlash>(
        &mut self,
        flash: &mut F,
        object: &SmallObject,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, Refusal> {
        if self.is_lost {
            return Err(Refusal::RecordLost);
        }
        let context = KeySetContext {
            class: self.config.identity.class,
            number: object.number,
        };
        let keys = self.keys.current.as_ref().ok_or(Refusal::UnknownKey)?;
        let verified = keys.verify_successor(envelope, &context);
        let next: KeySet = verified.map_err(|error| error.refusal())?.into_inner();
        self.record.raise_next(ObjectKind::KeySet, object.number);
        if self.record.trial_slot().is_some() || self.record_armed_slot().is_some() {
            return Err(Refusal::SlotBusy);
        }
        self.check_reconfirmed(flash)?;
        keys::store(flash, self.config.map.key_sets, &next).map_err(|_| Refusal::FlashFault)?;
        self.record.key_set = next.version;
        self.keys.previous = self.keys.current.replace(next);
        Ok(Outcome::Done)
    }

    /// Two key sets are kept. What is home must be provable under the one that stays, or the next change
    /// but one would leave it without a proof.
    fn check_reconfirmed<F: NorFlash>(&self, flash: &mut F) -> Result<(), Refusal> {
        let Location::Slot(home) = self.record.home.0 else {
            return Ok(());
        };
        let only = keys::KeyRing {
            current: self.keys.current.clone(),
            previous: None,
        };
        let config = &self.config;
        let facts = loader::slot_facts(flash, &config.map, config.identity, &only);
        let is_proven = facts
            .get(home.index())
            .is_some_and(lightday_boot::SlotFacts::may_be_home);
        if is_proven {
            Ok(())
        } else {
            Err(Refusal::ReconfirmFirst)
        }
    }
}

/// The envelope of a small object, with nothing but zeros behind it.
fn parse(bytes: &[u8]) -> Option<Envelope<'_>> {
    let (envelope, rest) = Envelope::parse(bytes).ok()?;
    rest.iter().all(|b| *b == 0).then_some(envelope)
}

/// The bytes of a small object's envelope without the padding.
fn bytes(object: &SmallObject) -> &[u8] {
    let len = parse(&object.bytes).map_or(0, |envelope| envelope.encoded_len());
    object.bytes.get(..len).unwrap_or(&[])
}

impl<const N: usize, const W: usize> Agent<N, W> {
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
        let on_board = self.slot_of(&document.image).filter(|slot| {
            let entry = self.record.slot(*slot);
            entry.bundle == document.bundle
                && matches!(
                    entry.state,
                    SlotState::Verified | SlotState::Armed | SlotState::Reverted
                )
        });
        let is_expected = document.bundle >= self.record.next_number(ObjectKind::Bundle);
        if on_board.is_none() && !is_expected {
            return Err(Refusal::UnknownImage);
        }
        let kept = self.keep_pending(flash, object.number, bytes(object));
        kept.map_err(|_| Refusal::FlashFault)?;
        Ok(Outcome::Started)
    }
}
