//! Keys and epochs: how the vehicle passes from one key set, link key or lost record to the next. All of it
//! only goes forward, and floors outlast the record.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::floors::{self, Floor};
use lightday_boot::{Elapsed, Record, SlotRecord, keys, loader};
use lightday_trust::keyset::KeySetContext;
use lightday_trust::{Direction, KeySet};
use lightday_wire::{
    Envelope, Epoch, Location, ObjectKind, ObjectNumber, Refusal, RevertCause, SlotState,
};

use crate::agent::Agent;
use crate::command::Outcome;
use crate::small::SmallObject;

impl<const N: usize, const W: usize> Agent<N, W> {
    /// Link epochs only go up, and the switch must come under the key of the epoch that it names.
    pub(crate) fn switch_epoch(&mut self, epoch: Epoch, under: Epoch) -> Result<(), Refusal> {
        if epoch <= self.record.epoch || epoch != under {
            return Err(Refusal::EpochOrder);
        }
        self.record.epoch = epoch;
        // Whoever had the old key may have sent some of these symbols.
        self.drop_reception();
        self.small = Default::default();
        Ok(())
    }

    pub(crate) fn rekey(&mut self) {
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

    /// Raises floors to the record's numbers, a word a step: a switch must outlast the record.
    pub(crate) fn raise_floors<F: NorFlash>(&mut self, flash: &mut F) {
        let region = self.config.map.floors;
        for (floor, target) in [
            (Floor::Epoch, u32::from(self.record.epoch.get())),
            (Floor::KeySet, u32::from(self.record.key_set)),
        ] {
            let value = floors::value(flash, region, floor);
            if value < target {
                let raised = floors::raise(flash, region, floor, value.saturating_add(1));
                // A failing floor is the loader's business again at the next boot.
                self.floors_due = raised.is_ok();
                return;
            }
        }
        self.floors_due = false;
    }

    /// The next key set. It is stored beside the one in force; the record's commit puts it in force.
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
        let next: KeySet = verified.map_err(|error| error.refusal())?.into_inner();
        self.record.raise_next(ObjectKind::KeySet, object.number);
        if self.record.trial_slot().is_some() || self.record_armed_slot().is_some() {
            return Err(Refusal::SlotBusy);
        }
        self.check_reconfirmed(flash)?;
        keys::store(flash, &self.config.map, &next).map_err(|_| Refusal::FlashFault)?;
        self.record.key_set = next.version;
        Ok(Outcome::Done)
    }

    /// Two key sets are kept. What is home must be provable under the one that stays, or the next change
    /// but one would leave it without a proof.
    pub(crate) fn check_reconfirmed<F: NorFlash>(&self, flash: &mut F) -> Result<(), Refusal> {
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
