//! The change of the key set. The agent verifies a successor and keeps its envelope; the loader verifies it
//! again, from flash, and alone writes it: where the supervisor locks the key sets, no application can.
//!
//! ```text
//! agent:  number, MAC, verify -> pending cell -> record: verdict Started -> reset
//! loader: verdict Started -> pending cell -> verify -> key set region -> record: version, verdict Done
//! ```
//! Either end can be cut off anywhere: the loader begins again as long as the record says `Started`.

use embedded_storage::nor_flash::NorFlash;
use lightday_trust::KeySet;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{
    Envelope, Location, ObjectKind, ObjectNumber, Refusal, SlotState, Stage, Verdict,
};

use crate::cells::{CellError, CellLog, PENDING_CELL};
use crate::judge::SlotFacts;
use crate::keys::{self, KeyRing};
use crate::loader;
use crate::map::{Identity, MemoryMap};
use crate::record::Record;

const KIND: u8 = 0x31;

const fn log(map: &MemoryMap) -> CellLog {
    CellLog::of_documents(map.pending, PENDING_CELL)
}

/// Keeps the envelope of a successor for the loader; `number` is the object's. Nothing is erased: other
/// documents wait there too.
///
/// # Errors
/// [`CellError::TooLong`] for an envelope of more than 1,008 B; [`CellError::Full`],
/// [`CellError::Flash`].
pub fn keep<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    number: ObjectNumber,
    envelope: &[u8],
) -> Result<(), CellError> {
    log(map).append(flash, KIND, number.get(), envelope)
}

/// Whether `home` is provable under `current` alone. Two key sets are kept: what is home must be provable
/// under the one that stays, or the next change but one would leave it without a proof.
pub fn is_reconfirmed<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    home: Location,
    current: &KeySet,
) -> bool {
    let Location::Slot(home) = home else {
        return true;
    };
    let only = KeyRing {
        current: Some(current.clone()),
        previous: None,
    };
    let facts = loader::slot_facts(flash, map, identity, &only);
    facts.get(home.index()).is_some_and(SlotFacts::may_be_home)
}

/// Whether a successor waits for the loader.
#[must_use]
pub fn is_waiting(record: &Record) -> bool {
    record.verdict(ObjectKind::KeySet).stage == Stage::Started
}

/// Puts the successor in force that the agent kept, and says in the record what became of it. Nothing is
/// in force before the record is saved.
pub fn take_up<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    record: &mut Record,
) {
    if !is_waiting(record) {
        return;
    }
    let Verdict { number, .. } = record.verdict(ObjectKind::KeySet);
    let (stage, refusal) = match install(flash, map, identity, record, number) {
        Ok(version) => {
            record.key_set = version;
            (Stage::Done, Refusal::None)
        }
        Err(why) => (Stage::Refused, why),
    };
    let verdict = Verdict {
        number,
        stage,
        refusal,
    };
    record.set_verdict(ObjectKind::KeySet, verdict);
}

/// The version that is stored now.
fn install<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    identity: Identity,
    record: &Record,
    number: ObjectNumber,
) -> Result<u16, Refusal> {
    let keys = keys::load(flash, map, record.key_set);
    let current = keys.current.ok_or(Refusal::UnknownKey)?;
    let context = KeySetContext {
        class: identity.class,
        number,
    };
    let mut kept = Err(Refusal::FlashFault);
    log(map).for_each(flash, |kind, sequence, data| {
        if kind == KIND && sequence == number.get() {
            kept = verify(&current, data, &context);
        }
    });
    let next = kept?;
    let is_busy = |s: SlotState| matches!(s, SlotState::Trial | SlotState::Armed);
    if record.slots.iter().any(|entry| is_busy(entry.state)) {
        return Err(Refusal::SlotBusy);
    }
    if !is_reconfirmed(flash, map, identity, record.home.0, &current) {
        return Err(Refusal::ReconfirmFirst);
    }
    keys::store(flash, map, &next).map_err(|_| Refusal::FlashFault)?;
    Ok(next.version)
}

fn verify(current: &KeySet, bytes: &[u8], context: &KeySetContext) -> Result<KeySet, Refusal> {
    let (envelope, _) = Envelope::parse(bytes).map_err(|_| Refusal::Malformed)?;
    let verified = current.verify_successor(&envelope, context);
    verified
        .map(lightday_trust::Verified::into_inner)
        .map_err(|error| error.refusal())
}
