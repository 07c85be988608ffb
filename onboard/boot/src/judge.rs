//! What a slot's trailer proves. Every fact here stands on signatures under the key set in force or the one
//! before it; nothing is believed because an application wrote it.

use embedded_storage::nor_flash::ReadNorFlash;
use lightday_trust::{Digester, KeySet};
use lightday_wire::command::CommandContext;
use lightday_wire::{
    Action, Activation, Authorization, AuthorizationContext, Base, Command, Digest, Document,
    Envelope, Image, Manifest, ManifestContext, ObjectNumber, SlotState, Target, TrialPolicy,
    canon, manifest,
};

use crate::flash::{self, FlashError, Region};
use crate::keys::KeyRing;
use crate::map::Identity;
use crate::record::SlotRecord;
use crate::trailer::{Entry, Trailer};

/// The longest lease, in seconds, by a manifest that no key set on board verifies any more: whoever writes flash could
/// have written it, and every trial ends.
const MAX_UNSIGNED_LEASE_S: u32 = 30 * 86_400;

/// What is installed in a slot, as its manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The bundle that brought it.
    pub bundle: ObjectNumber,
    /// The image.
    pub image: Image,
    /// Where it is loaded to and entered.
    pub load_address: u64,
    /// Its security counter.
    pub security_counter: u32,
    /// How it has to prove itself.
    pub trial: TrialPolicy,
    /// Whether the manifest alone arms it.
    pub load_and_go: bool,
    /// Whether it is for this component, and release's signature verifies under a key set on board.
    pub is_signed: bool,
}

/// What a slot's trailer proves about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotFacts {
    /// What is installed; `None` where there is no manifest that makes sense.
    pub installed: Option<Installed>,
    /// The digest read back from the slot is the manifest's. The loader finds out for the slot that is
    /// to boot; until then it is taken for granted.
    pub is_intact: bool,
    /// It may be tried: authorized, load-and-go, or a signed rollback to it.
    pub is_armed: bool,
    /// The newest command that confirms this very image.
    pub confirmed: Option<ObjectNumber>,
    /// The newest signed command that was heard while it ran.
    pub heard: Option<ObjectNumber>,
    /// The newest command by which the loader confirmed it without a Confirm, as it wrote down. Nobody signed this.
    pub self_confirmed: Option<ObjectNumber>,
}

impl SlotFacts {
    /// Whether it may boot without a trial.
    #[must_use]
    pub fn may_be_home(&self) -> bool {
        let by_itself = self.may_self_confirm() && self.heard.is_some();
        self.installed.is_some() && self.is_intact && (self.confirmed.is_some() || by_itself)
    }

    /// Whether it was confirmed at any time: by a Confirm, or by itself, as the loader wrote down. That it may confirm
    /// itself and heard a command is not enough: it may have been reverted for its health.
    #[must_use]
    pub fn was_confirmed(&self) -> bool {
        self.may_be_home() && (self.confirmed.is_some() || self.self_confirmed.is_some())
    }

    /// The same, where the papers had no room for it, or it could not be written: the record says that this very image
    /// is confirmed, and it may be home.
    #[must_use]
    pub fn was_confirmed_by(&self, entry: &SlotRecord) -> bool {
        self.is_confirmed_in(entry) || self.was_confirmed()
    }

    fn is_confirmed_in(&self, entry: &SlotRecord) -> bool {
        let is_same = |i: Installed| i.image.digest == entry.image;
        entry.state == SlotState::Confirmed
            && self.may_be_home()
            && self.installed.is_some_and(is_same)
    }

    /// The command that confirmed it last, as its papers say: a Confirm, or the one by which it confirmed itself. What
    /// nobody signed counts no more than the newest command that was heard.
    #[must_use]
    pub fn last_confirmed(&self) -> Option<ObjectNumber> {
        self.confirmed.max(self.self_confirmed.min(self.heard))
    }

    /// The same, where the record says [more than the papers](Self::was_confirmed_by); `None`: it never was.
    #[must_use]
    pub fn last_confirmed_by(&self, entry: &SlotRecord) -> Option<ObjectNumber> {
        let by_record = self.is_confirmed_in(entry) && self.may_self_confirm();
        let papers = self.last_confirmed().filter(|_| self.was_confirmed());
        papers.max(self.heard.filter(|_| by_record))
    }

    /// Whether release and flight let it confirm itself once it has heard a signed command.
    #[must_use]
    pub fn may_self_confirm(&self) -> bool {
        self.installed
            .is_some_and(|i| i.is_signed && i.trial.self_confirm)
    }

    /// Whether it may boot on trial. Release's signature goes with its key set; a Confirm that is renewed says of the
    /// same digest that it ran well.
    #[must_use]
    pub fn may_be_tried(&self) -> bool {
        let is_vouched = |i: Installed| i.is_signed || self.confirmed.is_some();
        self.is_intact && self.is_armed && self.installed.is_some_and(is_vouched)
    }
}

/// Verifies an envelope under any key set on board.
fn verify<T: Document>(keys: &KeyRing, envelope: &[u8], context: &T::Context) -> Option<T> {
    let (envelope, rest) = Envelope::parse(envelope).ok()?;
    let try_set = |set: &KeySet| set.verify::<T>(&envelope, context).ok();
    let verified = keys.iter().find_map(try_set)?;
    rest.is_empty().then(|| verified.into_inner())
}

/// Reads what a trailer proves. Digests of images are not computed here.
pub fn read<F: ReadNorFlash>(
    flash: &mut F,
    trailer: Trailer,
    identity: Identity,
    keys: &KeyRing,
) -> SlotFacts {
    let mut facts = SlotFacts {
        is_intact: true,
        ..SlotFacts::default()
    };
    trailer.for_each(flash, |entry| match entry {
        Entry::Installed {
            number,
            base,
            envelope,
        } if facts.installed.is_none() => {
            facts.installed = installed(keys, identity, number, base, envelope);
            facts.is_armed = facts
                .installed
                .is_some_and(|i| i.load_and_go && i.is_signed);
        }
        Entry::Installed { .. } => {}
        Entry::Authorized { number, envelope } => {
            let context = AuthorizationContext {
                vehicle: identity.vehicle,
                number,
            };
            if let Some(document) = verify::<Authorization>(keys, envelope, &context) {
                facts.is_armed |= facts.installed.is_some_and(|i| {
                    i.image.digest == document.image && i.bundle == document.bundle
                });
            }
        }
        Entry::SelfConfirmed { number } => {
            facts.self_confirmed = facts.self_confirmed.max(Some(number));
        }
        Entry::Commanded { number, envelope } => {
            let context = CommandContext {
                vehicle: identity.vehicle,
                number,
            };
            if let Some(command) = verify::<Command>(keys, envelope, &context) {
                commanded(&mut facts, number, command.action);
            }
        }
    });
    facts
}

fn installed(
    keys: &KeyRing,
    identity: Identity,
    number: ObjectNumber,
    base: Option<Base>,
    envelope: &[u8],
) -> Option<Installed> {
    let (parsed, _) = Envelope::parse(envelope).ok()?;
    let manifest: Manifest = canon::decode(parsed.body).ok()?;
    if manifest.format != manifest::FORMAT {
        // A later format may mean something else by the same bytes.
        return None;
    }
    let target = target(identity, &manifest);
    let context = ManifestContext {
        target,
        number,
        base,
    };
    let is_signed = manifest.component == identity.component
        && verify::<Manifest>(keys, envelope, &context).is_some();
    let mut trial = manifest.trial;
    if !is_signed {
        trial.lease_s = trial.lease_s.min(MAX_UNSIGNED_LEASE_S);
    }
    Some(Installed {
        bundle: number,
        image: manifest.image,
        load_address: manifest.load_address,
        security_counter: manifest.security_counter,
        trial,
        load_and_go: manifest.activation == Activation::LoadAndGo,
        is_signed,
    })
}

/// What a manifest is bound to on this vehicle.
#[must_use]
pub const fn target(identity: Identity, manifest: &Manifest) -> Target {
    if manifest.class_bound {
        Target::Class(identity.class)
    } else {
        Target::Vehicle(identity.vehicle)
    }
}

fn commanded(facts: &mut SlotFacts, number: ObjectNumber, action: Action) {
    facts.heard = facts.heard.max(Some(number));
    let Some(installed) = facts.installed else {
        return;
    };
    match action {
        Action::Confirm { image } if image == installed.image.digest => {
            facts.confirmed = facts.confirmed.max(Some(number));
        }
        Action::Rollback { image } if image == installed.image.digest => facts.is_armed = true,
        _ => {}
    }
}

/// The digest of the first `size` bytes of a region, read from flash.
///
/// # Errors
/// [`FlashError`].
pub fn digest_of<F: ReadNorFlash>(
    flash: &mut F,
    region: Region,
    size: u32,
) -> Result<Digest, FlashError> {
    let mut digester = Digester::bare();
    let mut buffer = [0u8; 256];
    let mut at = 0u32;
    while at < size {
        let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
        let len = left.min(buffer.len());
        let chunk = buffer.get_mut(..len).ok_or(FlashError::OutOfRange)?;
        flash::read(flash, region, at, chunk)?;
        digester.update(chunk);
        at = at.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
    }
    Ok(digester.finish())
}

/// Whether a region holds an image, digest read from flash.
pub fn is_intact<F: ReadNorFlash>(flash: &mut F, region: Region, image: &Image) -> bool {
    image.size <= region.len
        && digest_of(flash, region, image.size).is_ok_and(|digest| digest == image.digest)
}
