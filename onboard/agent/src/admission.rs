//! Admission: whether a bundle may be installed, judged from its envelope alone, as soon as the envelope is
//! there. Signatures first, policy after.

use lightday_boot::{Region, judge};
use lightday_wire::canon::CanonError;
use lightday_wire::{
    Activation, Base, DigestPrefix, Envelope, Image, Location, Manifest, ManifestContext,
    ObjectNumber, Refusal, SlotChoice, SlotId, SlotState, canon, manifest,
};

use crate::agent::Agent;
use crate::codec;
use crate::documents::EnvelopeBytes;
use crate::platform::DecoderRam;

/// A bundle that release signed and policy lets in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Its number.
    pub number: ObjectNumber,
    /// Its manifest, verified.
    pub manifest: Manifest,
    /// Where the base lies, and what it is.
    pub base: Option<(Location, Base)>,
    /// Where the base is read: golden may be read from its second copy.
    pub(crate) base_region: Option<Region>,
    /// The slot that it is to be written to.
    pub target: SlotId,
    /// Bytes before the payload in the object.
    pub payload_offset: u32,
    /// The envelope as it was sent.
    pub(crate) envelope: EnvelopeBytes,
}

/// Why a bundle is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// Not all of the envelope is there yet.
    Incomplete,
    /// Not yet: what it needs may still come.
    NotYet(Refusal),
    /// The signatures do not hold: nobody is known to have said this.
    Untrusted(Refusal),
    /// Release said it, and it is refused.
    Refused(Refusal),
}

impl<const N: usize, const W: usize, R: DecoderRam> Agent<N, W, R> {
    /// Judges the bundle whose first bytes are `bytes`; `room` is the length of the object with its
    /// padding.
    pub(crate) fn judge(
        &self,
        number: ObjectNumber,
        bytes: &[u8],
        room: u32,
    ) -> Result<Admitted, Objection> {
        let (envelope, rest) = match Envelope::parse(bytes) {
            Ok(parsed) => parsed,
            // Cut short: more bytes may mend it, unless an envelope, or the object, could not be so long.
            Err(CanonError::Malformed)
                if bytes.len() < lightday_wire::MAX_ENVELOPE_LEN
                    && u32::try_from(bytes.len()).is_ok_and(|len| len < room) =>
            {
                return Err(Objection::Incomplete);
            }
            Err(CanonError::NotCanonical) => {
                return Err(Objection::Untrusted(Refusal::NotCanonical));
            }
            Err(_) => return Err(Objection::Untrusted(Refusal::Malformed)),
        };
        let len = bytes.len().saturating_sub(rest.len());
        let copy = bytes
            .get(..len)
            .and_then(|b| EnvelopeBytes::from_slice(b).ok());
        let Some(copy) = copy else {
            return Err(Objection::Untrusted(Refusal::Malformed));
        };
        let (manifest, base) = self.verify_manifest(number, &envelope)?;
        let object = u32::try_from(len)
            .ok()
            .and_then(|len| manifest.payload.size.checked_add(len));
        if object.is_none_or(|object| object > room) {
            // Nobody signs an object's shape: whoever sends it too short uses no number up.
            return Err(Objection::Untrusted(Refusal::Malformed));
        }
        self.admit(&manifest).map_err(Objection::Refused)?;
        let target = self.target_slot(&manifest, base)?;
        let payload_offset = u32::try_from(len).unwrap_or(u32::MAX);
        Ok(Admitted {
            number,
            manifest,
            base,
            base_region: base.map(|(location, _)| self.image_region(location)),
            target,
            payload_offset,
            envelope: copy,
        })
    }

    fn verify_manifest(
        &self,
        number: ObjectNumber,
        envelope: &Envelope<'_>,
    ) -> Result<(Manifest, Option<(Location, Base)>), Objection> {
        // Read before it is verified only to find out which base and target were signed with it.
        let claimed: Manifest = canon::decode(envelope.body).map_err(|error| {
            Objection::Untrusted(match error {
                CanonError::NotCanonical => Refusal::NotCanonical,
                _ => Refusal::Malformed,
            })
        })?;
        if claimed.format != manifest::FORMAT {
            return Err(Objection::Untrusted(Refusal::UnsupportedFormat));
        }
        let base = match claimed.base {
            Some(prefix) => {
                let found = self.find_image(prefix);
                Some(found.ok_or(Objection::NotYet(Refusal::UnknownBase))?)
            }
            None => None,
        };
        let target = judge::target(self.config.identity, &claimed);
        let context = ManifestContext {
            target,
            number,
            base: base.map(|(_, base)| base),
        };
        let Some(keys) = &self.keys.current else {
            return Err(Objection::Untrusted(Refusal::UnknownKey));
        };
        let verified = keys.verify::<Manifest>(envelope, &context);
        let manifest = verified.map_err(|error| Objection::Untrusted(error.refusal()))?;
        Ok((manifest.into_inner(), base))
    }

    /// The image on board whose digest begins so.
    fn find_image(&self, prefix: DigestPrefix) -> Option<(Location, Base)> {
        let of_slot = |slot: SlotId| {
            let entry = self.record.slot(slot);
            let holds = !matches!(
                entry.state,
                SlotState::Empty | SlotState::Patching | SlotState::Failed
            );
            let image = Image {
                digest: entry.image,
                size: entry.size,
                version: entry.version,
            };
            (holds && entry.image.prefix() == prefix).then_some((Location::Slot(slot), image))
        };
        let golden = self.golden.map(|golden| (Location::Golden, golden.image));
        SlotId::ALL
            .into_iter()
            .find_map(of_slot)
            .or(golden.filter(|(_, image)| image.digest.prefix() == prefix))
    }

    /// Policy, once the signatures hold.
    fn admit(&self, manifest: &Manifest) -> Result<(), Refusal> {
        let config = &self.config;
        codec::check(&manifest.payload, self.decoder_memory())?;
        // A trial without a try or a lease could never be won.
        if manifest.trial.tries == 0 || manifest.trial.lease_s == 0 {
            return Err(Refusal::Malformed);
        }
        if manifest.security_counter < self.record.security_counter {
            return Err(Refusal::SecurityCounter);
        }
        let is_load_and_go = manifest.activation == Activation::LoadAndGo;
        if is_load_and_go && manifest.evidence_root.is_none() {
            return Err(Refusal::EvidenceMissing);
        }
        if is_load_and_go && self.record.is_barred(&manifest.image.digest) {
            return Err(Refusal::Barred);
        }
        let fits = |slot: &lightday_boot::SlotMap| manifest.image.size <= slot.image.len;
        if manifest.image.size == 0 || !config.map.slots.iter().all(fits) {
            return Err(Refusal::ImageTooLarge);
        }
        let is_at_home = |slot: SlotId| {
            let is_named =
                manifest.slot == SlotChoice::Inactive || manifest.slot == SlotChoice::Only(slot);
            is_named && self.is_linked_for(slot, manifest)
        };
        if manifest.component != config.identity.component
            || !SlotId::ALL.into_iter().any(is_at_home)
        {
            return Err(Refusal::WrongPlace);
        }
        Ok(())
    }

    /// Whether the loader would enter an image in this slot at the address that it is linked for.
    fn is_linked_for(&self, slot: SlotId, manifest: &Manifest) -> bool {
        let address = self.config.load_addresses.get(slot.index());
        let address = address.copied().flatten();
        address.is_none_or(|address| address == manifest.load_address)
    }

    /// The slot that an image goes to: the inactive one, and never the one that holds the base. Not yet,
    /// where a trial or an activation may still free it.
    fn target_slot(
        &self,
        manifest: &Manifest,
        base: Option<(Location, Base)>,
    ) -> Result<SlotId, Objection> {
        let base = base.map(|(location, _)| location);
        let is_free = |slot: SlotId| {
            let at = Location::Slot(slot);
            at != self.record.home.0
                && at != self.running
                && Some(at) != base
                && self.is_linked_for(slot, manifest)
        };
        let choice = match manifest.slot {
            SlotChoice::Only(slot) => Some(slot).filter(|slot| is_free(*slot)),
            SlotChoice::Inactive => {
                let keeps = |slot: &SlotId| self.record.slot(*slot).state == SlotState::Confirmed;
                let mut free = SlotId::ALL.into_iter().filter(|slot| is_free(*slot));
                let other = free.clone().find(|slot| !keeps(slot));
                other.or_else(|| free.next())
            }
        };
        match manifest.slot {
            SlotChoice::Only(_) if self.may_patch() && base.is_none() => {
                choice.ok_or(Objection::Refused(Refusal::WrongPlace))
            }
            _ => choice.ok_or(Objection::NotYet(Refusal::SlotBusy)),
        }
    }
}
