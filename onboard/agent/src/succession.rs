//! Keys and epochs: how the vehicle passes from one key set, link key or lost record to the next. All of it
//! only goes forward, and floors outlast the record.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::cells::CellError;
use lightday_boot::{Elapsed, Record, SlotRecord, succession};
use lightday_trust::Direction;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{
    Envelope, Epoch, Location, ObjectKind, ObjectNumber, Refusal, RevertCause, SlotId, SlotState,
};

use crate::agent::Agent;
use crate::command::Outcome;
use crate::platform::DecoderRam;
use crate::small::{SmallObject, SmallReceptions};

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Link epochs only go up, and the switch must come under the key of the epoch that it names.
    pub(crate) fn switch_epoch(&mut self, epoch: Epoch, under: Epoch) -> Result<(), Refusal> {
        if !self.is_later(epoch) || epoch != under {
            return Err(Refusal::EpochOrder);
        }
        self.record.epoch = epoch;
        // Whoever had the old key may have sent some of these symbols.
        self.drop_reception();
        self.small = SmallReceptions::default();
        Ok(())
    }

    pub(crate) fn rekey(&mut self) {
        // Each dump goes down under one key: two packets that say the same would pass for two answers.
        self.dump = None;
        self.derive_frame_keys();
    }

    /// The keys of frames and reports, of the epoch in force.
    pub(crate) fn derive_frame_keys(&mut self) {
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
    pub(crate) fn resync<F: NorFlash>(
        &mut self,
        flash: &mut F,
        epoch: Epoch,
        under: Epoch,
        next: [ObjectNumber; 4],
    ) -> Result<(), Refusal> {
        if !self.is_later(epoch) || epoch != under {
            return Err(Refusal::EpochOrder);
        }
        // What waits there was sent before: root may give its numbers out anew, and the higher would win.
        self.forget_pending(flash)
            .map_err(|_| Refusal::FlashFault)?;
        self.switch_epoch(epoch, under)?;
        self.refresh_facts(flash);
        let slots = self.facts.map(|facts| match facts.installed {
            Some(installed) if facts.was_confirmed() => SlotRecord {
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
        self.raise_to_papers(flash);
        Ok(())
    }

    /// The numbers that root set may be those of an old ledger. What lies in the trailers was sent, and must be newer
    /// than nothing that is sent from now on: an old Confirm would end a new trial.
    fn raise_to_papers<F: NorFlash>(&mut self, flash: &mut F) {
        for slot in SlotId::ALL {
            let facts = self.slot_facts(slot);
            let bundle = facts.installed.filter(|i| i.is_signed).map(|i| i.bundle);
            let authorized = self.newest_authorized(flash, slot);
            for (kind, used) in [
                (ObjectKind::Bundle, bundle),
                (ObjectKind::Authorization, authorized),
                (ObjectKind::Command, facts.heard),
            ] {
                if let Some(number) = used {
                    self.record.raise_next(kind, number);
                }
            }
        }
    }

    /// The next key set. It waits in flash for the loader, which verifies it again and alone writes key
    /// sets and floors; the verdict stays `Started` until then.
    pub(crate) fn key_set<F: NorFlash>(
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
        verified.map_err(|error| error.refusal())?;
        self.record.raise_next(ObjectKind::KeySet, object.number);
        if self.record.trial_slot().is_some() || self.record_armed_slot().is_some() {
            return Err(Refusal::SlotBusy);
        }
        self.check_reconfirmed(flash)?;
        let bytes = object.bytes.get(..envelope.encoded_len());
        let bytes = bytes.ok_or(Refusal::Malformed)?;
        let mut kept = succession::keep(flash, &self.config.map, object.number, bytes);
        if kept == Err(CellError::Full) && !self.is_pending_wanted(flash) {
            let erased = self.forget_pending(flash);
            erased.map_err(|_| Refusal::FlashFault)?;
            kept = succession::keep(flash, &self.config.map, object.number, bytes);
        }
        match kept {
            Ok(()) => Ok(Outcome::Reset),
            Err(CellError::TooLong | CellError::Full) => Err(Refusal::StagingTooSmall),
            Err(_) => Err(Refusal::FlashFault),
        }
    }

    /// Whether home is provable under the key set in force alone.
    pub(crate) fn check_reconfirmed<F: NorFlash>(&self, flash: &mut F) -> Result<(), Refusal> {
        let config = &self.config;
        let current = self.keys.current.as_ref().ok_or(Refusal::UnknownKey)?;
        if succession::is_reconfirmed(flash, &config.map, config.identity, self.home(), current) {
            Ok(())
        } else {
            Err(Refusal::ReconfirmFirst)
        }
    }
}
