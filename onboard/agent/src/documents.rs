//! Documents on board beside the record: slot facts, key sets, the authorization that waits for its image.
//! Verified when read, each time.

use embedded_storage::nor_flash::NorFlash;
use heapless::Vec;
use lightday_boot::cells::{CellError, CellLog, PENDING_CELL};
use lightday_boot::trailer::{Entry, Trailer};
use lightday_boot::{FlashError, Region, SlotFacts, loader};
use lightday_trust::Verified;
use lightday_wire::{
    Action, Authorization, AuthorizationContext, Envelope, MAX_ENVELOPE_LEN, ObjectKind,
    ObjectNumber, Refusal, SlotId, SlotState, Stage, Verdict,
};

use crate::agent::Agent;
use crate::platform::DecoderRam;

/// The bytes of a small document's envelope.
pub(crate) type EnvelopeBytes = Vec<u8, MAX_ENVELOPE_LEN>;

const PENDING_KIND: u8 = 0x30;
/// Says that an authorization of this number has failed: it arms nothing any more.
const SPENT_KIND: u8 = 0x32;
/// A command that waits for a reset, and lies in no trailer.
const STARTED_KIND: u8 = 0x33;

/// An authorization that was verified, and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Authorized {
    pub(crate) number: ObjectNumber,
    pub(crate) document: Authorization,
    pub(crate) envelope: EnvelopeBytes,
}

/// Whether an authorization can arm a slot in this state.
pub(crate) const fn may_be_armed(state: SlotState) -> bool {
    matches!(
        state,
        SlotState::Verified | SlotState::Armed | SlotState::Reverted
    )
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Reads what the trailers prove, anew.
    pub(crate) fn refresh_facts<F: NorFlash>(&mut self, flash: &mut F) {
        let config = &self.config;
        self.facts = loader::slot_facts(flash, &config.map, config.identity, &self.keys);
        self.armed = self
            .record_armed_slot()
            .and_then(|slot| self.read_armed(flash, slot));
    }

    /// What a slot's trailer proves.
    pub(crate) fn slot_facts(&self, slot: SlotId) -> SlotFacts {
        self.facts.get(slot.index()).copied().unwrap_or_default()
    }

    pub(crate) fn trailer(&self, slot: SlotId) -> Trailer {
        Trailer::new(self.config.map.slot(slot).trailer)
    }

    /// Verifies an authorization under the key set in force or the one before it.
    pub(crate) fn verify_authorization(
        &self,
        number: ObjectNumber,
        bytes: &[u8],
    ) -> Option<Authorization> {
        let (envelope, _) = Envelope::parse(bytes).ok()?;
        let context = AuthorizationContext {
            vehicle: self.config.identity.vehicle,
            number,
        };
        let verified = self
            .keys
            .iter()
            .find_map(|set| set.verify::<Authorization>(&envelope, &context).ok());
        verified.map(Verified::into_inner)
    }

    /// The newest authorization in a slot's trailer that is for the slot's own image.
    pub(crate) fn read_armed<F: NorFlash>(
        &self,
        flash: &mut F,
        slot: SlotId,
    ) -> Option<Authorized> {
        let image = self.record.slot(slot).image;
        let mut newest: Option<Authorized> = None;
        self.trailer(slot).for_each(flash, |entry| {
            let Entry::Authorized { number, envelope } = entry else {
                return;
            };
            let Some(document) = self.verify_authorization(number, envelope) else {
                return;
            };
            let Ok(bytes) = EnvelopeBytes::from_slice(envelope) else {
                return;
            };
            if document.image == image && newest.as_ref().is_none_or(|n| number > n.number) {
                newest = Some(Authorized {
                    number,
                    document,
                    envelope: bytes,
                });
            }
        });
        newest
    }

    /// The highest number of the authorizations in a slot's trailer that were signed, whatever image they are for: the
    /// slot's own is not known where it was not confirmed.
    pub(crate) fn newest_authorized<F: NorFlash>(
        &self,
        flash: &mut F,
        slot: SlotId,
    ) -> Option<ObjectNumber> {
        let mut newest = None;
        self.trailer(slot).for_each(flash, |entry| {
            if let Entry::Authorized { number, envelope } = entry
                && self.verify_authorization(number, envelope).is_some()
            {
                newest = newest.max(Some(number));
            }
        });
        newest
    }

    fn pending_log(&self) -> CellLog {
        CellLog::of_documents(self.config.map.pending, PENDING_CELL)
    }

    /// Keeps an authorization until its image is verified. The newest one counts. A full log is erased only
    /// if nothing in it is wanted any more: power may fail before the new one is in it.
    pub(crate) fn keep_pending<F: NorFlash>(
        &self,
        flash: &mut F,
        number: ObjectNumber,
        envelope: &[u8],
    ) -> Result<(), Refusal> {
        let log = self.pending_log();
        match log.append(flash, PENDING_KIND, number.get(), envelope) {
            Ok(()) => return Ok(()),
            Err(CellError::Full) => {}
            Err(_) => return Err(Refusal::FlashFault),
        }
        if self.is_pending_wanted(flash) {
            return Err(Refusal::StagingTooSmall);
        }
        log.erase(flash).map_err(|_| Refusal::FlashFault)?;
        log.append(flash, PENDING_KIND, number.get(), envelope)
            .map_err(|_| Refusal::FlashFault)
    }

    /// Whether an authorization that is kept may still arm something: a bundle that is expected, or one
    /// that is on board and was not armed by it yet.
    pub(crate) fn is_pending_wanted<F: NorFlash>(&self, flash: &mut F) -> bool {
        let on_board = SlotId::ALL.into_iter().any(|slot| {
            let entry = self.record.slot(slot);
            if !may_be_armed(entry.state) {
                return false;
            }
            let authorized = self.find_pending(flash, entry.bundle);
            let authorized = authorized.filter(|a| a.document.image == entry.image);
            let stored = self.newest_in_trailer(flash, slot);
            authorized.is_some_and(|a| self.is_usable(a.number, stored))
        });
        if on_board {
            return true;
        }
        let next = self.record.next_number(ObjectKind::Bundle);
        let mut is_expected = false;
        self.pending_log().for_each(flash, |kind, sequence, data| {
            // One will do: each costs its signatures.
            if is_expected || kind != PENDING_KIND {
                return;
            }
            let number = ObjectNumber::new(sequence).unwrap_or_default();
            let document = self.verify_authorization(number, data);
            is_expected = document.is_some_and(|document| document.bundle >= next);
        });
        is_expected
    }

    /// Whether an authorization may still arm: it is newer than the newest in the slot's trailer. One that is
    /// there has armed; if it lapsed since, or was aborted, it arms nothing any more.
    pub(crate) fn is_usable(&self, number: ObjectNumber, stored: Option<ObjectNumber>) -> bool {
        let verdict = self.record.verdict(ObjectKind::Authorization);
        let has_failed = verdict.number == number && verdict.stage == Stage::Failed;
        stored.is_none_or(|stored| stored < number) && !has_failed
    }

    /// Leaves beside an authorization that is kept that it has failed: the record says so only until the verdict on
    /// another one takes its place there. Best effort, behind the commit of the verdict.
    pub(crate) fn spend_failed<F: NorFlash>(&self, flash: &mut F) {
        let Verdict { number, stage, .. } = self.record.verdict(ObjectKind::Authorization);
        if stage != Stage::Failed {
            return;
        }
        let mut slots = self.record.slots.iter();
        if slots.any(|slot| {
            self.find_pending(flash, slot.bundle)
                .is_some_and(|a| a.number == number)
        }) {
            let _ = self
                .pending_log()
                .append(flash, SPENT_KIND, number.get(), &[]);
        }
    }

    /// Keeps a command until the reset that carries it out has come, for the verdict on it. Best effort: without it
    /// the verdict stays `Started`. A full log is erased only if nothing in it is wanted any more.
    pub(crate) fn keep_started<F: NorFlash>(
        &self,
        flash: &mut F,
        number: ObjectNumber,
        envelope: &[u8],
    ) {
        let log = self.pending_log();
        let kept = log.append(flash, STARTED_KIND, number.get(), envelope);
        if kept == Err(CellError::Full)
            && !self.is_pending_wanted(flash)
            && log.erase(flash).is_ok()
        {
            let _ = log.append(flash, STARTED_KIND, number.get(), envelope);
        }
    }

    /// What a command of this number that is kept asked for.
    pub(crate) fn find_started<F: NorFlash>(
        &self,
        flash: &mut F,
        number: ObjectNumber,
    ) -> Option<Action> {
        let mut action = None;
        self.pending_log().for_each(flash, |kind, sequence, data| {
            if kind == STARTED_KIND && sequence == number.get() {
                action = action.or_else(|| self.verify_command(number, data));
            }
        });
        action
    }

    /// Forgets the documents that are kept.
    pub(crate) fn forget_pending<F: NorFlash>(&self, flash: &mut F) -> Result<(), FlashError> {
        self.pending_log().erase(flash)
    }

    /// The newest authorization that a slot's trailer holds, whatever it is worth.
    pub(crate) fn newest_in_trailer<F: NorFlash>(
        &self,
        flash: &mut F,
        slot: SlotId,
    ) -> Option<ObjectNumber> {
        let mut newest = None;
        self.trailer(slot).for_each(flash, |entry| {
            if let Entry::Authorized { number, .. } = entry {
                newest = newest.max(Some(number));
            }
        });
        newest
    }

    /// The kept authorization for a bundle's image, if there is one.
    pub(crate) fn find_pending<F: NorFlash>(
        &self,
        flash: &mut F,
        bundle: ObjectNumber,
    ) -> Option<Authorized> {
        let mut newest: Option<Authorized> = None;
        self.pending_log().for_each(flash, |kind, sequence, data| {
            let number = ObjectNumber::new(sequence).unwrap_or_default();
            if kind == SPENT_KIND && newest.as_ref().is_some_and(|n| number == n.number) {
                newest = None;
            }
            if kind != PENDING_KIND || newest.as_ref().is_some_and(|n| number <= n.number) {
                return;
            }
            let Some(document) = self.verify_authorization(number, data) else {
                return;
            };
            let Ok(envelope) = EnvelopeBytes::from_slice(data) else {
                return;
            };
            if document.bundle == bundle {
                newest = Some(Authorized {
                    number,
                    document,
                    envelope,
                });
            }
        });
        newest
    }

    /// The region of an image on board.
    pub(crate) const fn image_region(&self, location: lightday_wire::Location) -> Region {
        self.config.map.image(location)
    }
}
