//! Upkeep of the record. Once a day the agent looks at it in flash: between two commits nobody else would, and the
//! loader, which would find it lost, boots golden. And before each step it holds what RAM has of it against a CRC: a
//! commit writes all of it, and an upset of a number that only goes up would be so for ever.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::cells::{CRC, RECORD_CELL};
use lightday_boot::floors::{self, Floor};
use lightday_boot::store::{RecordStore, Stored};
use lightday_boot::{Elapsed, MemoryMap, Record, SlotRecord, Supervisor, keys, loader};
use lightday_wire::{Location, canon};

use crate::agent::Agent;
use crate::install::Install;
use crate::platform::{DecoderRam, Now};
use crate::small::SmallReceptions;

/// Seconds between two looks.
const LOOK_S: u64 = 86_400;
/// The same where the record was lost at the start: nothing but a resynchronisation is heard until it is found.
const LOST_LOOK_S: u64 = 3600;

/// Seconds to the next look.
pub(crate) const fn look_s(is_lost: bool) -> u64 {
    if is_lost { LOST_LOOK_S } else { LOOK_S }
}

/// The record as flash and floors have it, its sequence, and whether it is lost.
pub(crate) fn read_record<F: NorFlash>(flash: &mut F, map: &MemoryMap) -> (Record, u32, bool) {
    let stored = RecordStore::new(map.record).load(flash);
    let is_lost = stored.is_none();
    let sequence = stored.as_ref().map_or(0, |stored| stored.sequence);
    let mut record = stored.map_or_else(
        || Record::at_launch([SlotRecord::EMPTY; 2], Location::Golden, 0),
        |stored| stored.record,
    );
    loader::apply_floors(flash, map, &mut record);
    (record, sequence, is_lost)
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Reads the three copies. Where they are not in step, or not what RAM holds, the record is
    /// committed as any other time: from what RAM holds, under a sequence above all that is stored. A vehicle
    /// that lost its record has nothing to write: it asks for a reset where there is one after all. So does one that was to
    /// try an image, and does not run it: the loader tries it, or ends the trial. And one that runs something else than
    /// home, once the record takes a commit.
    pub(crate) fn look_at_record<F: NorFlash, S: Supervisor>(
        &mut self,
        now: Now,
        flash: &mut F,
        supervisor: &mut S,
    ) {
        self.record_due = now.elapsed.plus_s(look_s(self.is_lost));
        let stored = RecordStore::new(self.config.map.record).load(flash);
        self.look_at_keys(flash, stored.as_ref().map_or(0, |s| s.record.key_set));
        if self.is_lost {
            if stored.is_some() {
                self.reset(supervisor);
            }
            return;
        }
        // The boot that was to try it could not be counted, and home or golden runs in its stead.
        let is_tried = |slot| self.running == Location::Slot(slot);
        if self.record.trial_slot().is_some_and(|slot| !is_tried(slot)) {
            self.reset(supervisor);
            return;
        }
        // A crash of home that could not be counted ended in golden, which the record does not name.
        if self.running != self.home() && self.record.trial_slot().is_none() {
            if self.commit(flash).is_ok() {
                self.reset(supervisor);
            }
            return;
        }
        // Nor what RAM knows and flash refused to take down when it was said.
        let is_same = |s: &Stored| s.sequence == self.sequence && s.record == self.record;
        let is_whole = stored.is_some_and(|s| s.in_step && is_same(&s));
        if !is_whole {
            // Where not one copy takes it, tomorrow's look tries again.
            let _ = self.commit(flash);
        }
    }

    /// Reads the keys again, of which no CRC is held in RAM: they could not be read at the start, or an upset changed them,
    /// and nothing would be heard until a reset. What cannot be read now changes nothing.
    fn look_at_keys<F: NorFlash>(&mut self, flash: &mut F, stored: u16) {
        let map = &self.config.map;
        let floor = floors::proven(flash, map.floors, Floor::KeySet);
        let floor = u16::try_from(floor).unwrap_or(u16::MAX);
        let known = self.record.key_set;
        let version = keys::in_force(flash, map, known.max(stored), floor);
        let ring = keys::load(flash, map, version);
        if version >= known && ring.current.is_some() && ring != self.keys {
            self.record.key_set = version;
            self.keys = ring;
            self.refresh_facts(flash);
        }
        self.derive_frame_keys();
    }

    /// Notes that blocks of the staging log that failed cost a frame: in a day they are tried anew. The ground hears of
    /// it at once.
    pub(crate) fn note_shortage(&mut self, now: Now) {
        if self.room_due == Elapsed::NEVER && self.staging.may_recover() {
            self.room_due = now.elapsed.plus_s(LOOK_S);
            self.report_due = now.elapsed;
        }
    }

    /// The second look at the room of the staging log. Reads as much of it as a step of the scan.
    pub(crate) fn look_at_room<F: NorFlash>(&mut self, flash: &mut F) {
        self.room_due = Elapsed::NEVER;
        self.staging.look_again(flash);
    }

    /// The CRC of the record in RAM.
    fn sum(&self) -> u32 {
        let mut buffer = [0u8; RECORD_CELL as usize];
        let mut digest = CRC.digest();
        digest.update(canon::encode(&self.record, &mut buffer).unwrap_or(&[]));
        digest.update(&self.sequence.to_be_bytes());
        digest.update(&[u8::from(self.is_lost)]);
        digest.finalize()
    }

    /// What RAM holds of the record now is what it should hold until the next call.
    pub(crate) fn seal(&mut self) {
        self.record_sum = self.sum();
    }

    /// Whether RAM holds another record than the last call left.
    pub(crate) fn is_upset(&self) -> bool {
        self.record_sum != self.sum()
    }

    /// Takes the record from flash again, as after a reset, and begins anew what rested on it. What was not committed
    /// is forgotten. Where nothing is stored, or can be read, nothing is written: it asks for a reset.
    pub(crate) fn reload_record<F: NorFlash, S: Supervisor>(
        &mut self,
        now: Now,
        flash: &mut F,
        supervisor: &mut S,
    ) {
        (self.record, self.sequence, self.is_lost) = read_record(flash, &self.config.map);
        if self.is_lost {
            // Flash may not be readable just now. Whether the record is lost is the loader's to say.
            return self.reset(supervisor);
        }
        self.small = SmallReceptions::default();
        self.inbox = None;
        // It may belong to an object that flash does not name yet.
        self.symbol = None;
        self.commit_due = false;
        self.settle_due = now.elapsed;
        self.install = Install::Idle;
        self.install_retry = Elapsed::NEVER;
        self.staging.reload();
        self.take_effect(now, flash);
        self.record_due = now.elapsed.plus_s(LOOK_S);
        self.report_due = now.elapsed;
    }
}

#[cfg(test)]
mod tests;
