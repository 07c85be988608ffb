//! A memory dump, asked for by command: bytes of flash, read once, and sent in parts. They are kept in RAM for as long as
//! they are sent, so that each part says the same every time, whatever is written meanwhile. A reset forgets them. A part
//! that an upset of the RAM changed is sent no more: two versions of one part are what a forger makes.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::cells::CRC;
use lightday_boot::{Elapsed, MemoryMap, Region as FlashRegion, flash};
use lightday_wire::dump::{self, DumpRange, Part};
use lightday_wire::{ObjectNumber, Refusal, Region, Stage, canon};

use crate::agent::Agent;
use crate::digest::find;
use crate::platform::{DecoderRam, Now};

/// A dump that was asked for.
pub(crate) struct Dump {
    command: ObjectNumber,
    range: DumpRange,
    place: FlashRegion,
    bytes: [u8; dump::MAX_LEN as usize],
    /// The CRC of each part as it was read.
    sums: [u32; dump::MAX_PARTS as usize],
    /// A bit for each part that the flash did not give.
    unread: u32,
    is_read: bool,
    /// The part that is sent next.
    next: u8,
    /// Rounds that are not sent to their end yet.
    rounds: u8,
    /// When the next part is due.
    due: Elapsed,
}

impl Dump {
    /// `None` where region or range do not exist, or the range is longer than a dump may be.
    pub(crate) fn new(
        map: &MemoryMap,
        command: ObjectNumber,
        region: Region,
        (offset, len): (u32, u16),
    ) -> Option<Self> {
        let range = DumpRange::new(offset, len)?;
        Some(Self {
            command,
            range,
            place: find(map, region)?.part(offset, u32::from(len))?,
            bytes: [0; dump::MAX_LEN as usize],
            sums: [0; dump::MAX_PARTS as usize],
            unread: 0,
            is_read: false,
            next: 0,
            rounds: dump::ROUNDS,
            due: Elapsed::NEVER,
        })
    }

    /// Whether its bytes are still to be read.
    pub(crate) const fn is_unread(&self) -> bool {
        !self.is_read
    }

    /// When it has something to send.
    pub(crate) const fn due(&self) -> Elapsed {
        self.due
    }

    /// Reads all of it, part by part: a word that faults costs its part alone. Returns whether all of it was read.
    fn read<F: NorFlash>(&mut self, now: Elapsed, flash: &mut F) -> bool {
        for part in 0..self.range.parts() {
            let place = self.place;
            let bytes = self.bytes_mut(part);
            let is_read =
                bytes.is_some_and(|(at, bytes)| flash::read(flash, place, at, bytes).is_ok());
            if !is_read {
                self.unread |= bit(part);
            }
            let sum = self.sum(part);
            if let Some(kept) = self.sums.get_mut(usize::from(part)) {
                *kept = sum;
            }
        }
        self.is_read = true;
        self.due = now;
        self.unread == 0
    }

    fn bytes_mut(&mut self, part: u8) -> Option<(u32, &mut [u8])> {
        let (from, len) = self.range.part(part)?;
        let (start, end) = (usize::from(from), usize::from(from.checked_add(len)?));
        Some((u32::from(from), self.bytes.get_mut(start..end)?))
    }

    /// The CRC of a part, and of whose it is.
    fn sum(&self, part: u8) -> u32 {
        let mut digest = CRC.digest();
        digest.update(&self.command.to_be_bytes());
        digest.update(&[u8::from(self.unread & bit(part) == 0)]);
        if let Some((from, len)) = self.range.part(part) {
            let (start, end) = (usize::from(from), usize::from(from.saturating_add(len)));
            digest.update(self.bytes.get(start..end).unwrap_or_default());
        }
        digest.finalize()
    }

    /// Whether the part that is due says what it said when it was read.
    fn holds(&self) -> bool {
        self.sums.get(usize::from(self.next)) == Some(&self.sum(self.next))
    }

    /// The part that is due.
    fn part(&self, now: Elapsed) -> Option<Part> {
        if now < self.due {
            return None;
        }
        let (from, len) = self.range.part(self.next)?;
        let (start, end) = (usize::from(from), usize::from(from.checked_add(len)?));
        let is_read = self.unread & bit(self.next) == 0;
        let bytes = self.bytes.get(start..end).filter(|_| is_read);
        Part::new(self.command, self.range, self.next, bytes)
    }

    /// The part that was due is sent. Returns whether something is left to send.
    fn sent(&mut self, now: Elapsed) -> bool {
        self.next = self.next.saturating_add(1);
        if self.next >= self.range.parts() {
            self.next = 0;
            self.rounds = self.rounds.saturating_sub(1);
            self.due = now.plus_s(dump::ROUND_S);
        }
        self.rounds != 0
    }
}

const fn bit(part: u8) -> u32 {
    1u32.wrapping_shl(part as u32)
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Reads all bytes of the dump that was asked for.
    pub(crate) fn dump_step<F: NorFlash>(&mut self, now: Now, flash: &mut F) {
        let Some(dump) = self.dump.as_mut().filter(|dump| dump.is_unread()) else {
            return;
        };
        let command = dump.command;
        let (stage, refusal) = match dump.read(now.elapsed, flash) {
            true => (Stage::Done, Refusal::None),
            false => (Stage::Failed, Refusal::FlashFault),
        };
        self.end_reading(flash, command, stage, refusal);
    }

    /// Writes the part that is due to the front of `out` and returns its packet's length.
    pub(crate) fn poll_dump(&mut self, now: Now, out: &mut [u8]) -> Option<usize> {
        let dump = self.dump.as_mut()?;
        let mut body = [0; dump::BODY_LEN];
        let part = dump.part(now.elapsed)?;
        let holds = dump.holds();
        let body = canon::encode(&part, &mut body).ok()?;
        let len = self.downlink.seal_part(body, out)?;
        if !dump.sent(now.elapsed) {
            self.dump = None;
        }
        holds.then_some(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_an_upset_changed_is_sent_no_more() {
        let mut dump = Dump {
            command: ObjectNumber::new(7).unwrap(),
            range: DumpRange::new(0, 200).unwrap(),
            place: FlashRegion { start: 0, len: 200 },
            bytes: [3; dump::MAX_LEN as usize],
            sums: [0; dump::MAX_PARTS as usize],
            unread: bit(2),
            is_read: true,
            next: 0,
            rounds: dump::ROUNDS,
            due: Elapsed(0),
        };
        dump.sums = core::array::from_fn(|part| dump.sum(part as u8));
        let whole: [bool; 4] = core::array::from_fn(|part| {
            dump.next = part as u8;
            dump.holds() && dump.part(Elapsed(0)).is_some()
        });
        assert_eq!(whole, [true; 4]);
        dump.bytes[70] ^= 4;
        dump.unread ^= bit(3);
        let after: [bool; 4] = core::array::from_fn(|part| {
            dump.next = part as u8;
            dump.holds()
        });
        assert_eq!(after, [true, false, true, false]);
        dump.command = ObjectNumber::new(6).unwrap();
        dump.next = 0;
        assert!(!dump.holds());
    }
}
