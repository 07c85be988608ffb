//! What the factory writes: an image with its papers into golden and slot A, key sets, the first record. For any
//! flash: the simulated one, and the image of a real one.
//!
//! The factory has no way in that flight has not: every document in a trailer is signed, and the loader judges
//! them like any other. It signs by whoever is given; it holds no key.

use embedded_storage::nor_flash::NorFlash;
use lightday_boot::cells::CellError;
use lightday_boot::store::RecordStore;
use lightday_boot::trailer::{Entry, Trailer};
use lightday_boot::{FlashError, Identity, MapError, MemoryMap, Record, SlotMap, SlotRecord, keys};
use lightday_station::signed::Drafted;
use lightday_trust::KeySet;
use lightday_wire::manifest::FORMAT;
use lightday_wire::{
    Action, Activation, Authorization, AuthorizationContext, CodecId, Command, CommandContext,
    Digest, Image, Location, Manifest, ManifestContext, ObjectNumber, Payload, SlotChoice, SlotId,
    SlotState, Target, TrialPolicy,
};

/// Everything at launch has the number 0: the first that flight sends has 1.
const NUMBER: ObjectNumber = ObjectNumber::from_be_bytes([0; 3]);

/// Whoever signs the papers of the first images.
pub trait Signer {
    /// The envelope of a document with as many signatures of each role as must be.
    fn envelope<T: Drafted>(&self, context: T::Context, document: T) -> Vec<u8>;
}

/// How an image at launch is to be run, should it ever be on trial again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Where it is loaded to and entered.
    pub load_address: u64,
    /// The policy of its trial.
    pub trial: TrialPolicy,
}

/// An image with the envelopes that its trailer holds: manifest, authorization, Confirm.
#[derive(Clone, Debug)]
pub struct Papered<'a> {
    bytes: &'a [u8],
    image: Image,
    manifest: Vec<u8>,
    authorization: Vec<u8>,
    confirm: Vec<u8>,
}

impl<'a> Papered<'a> {
    /// Has the papers of an image signed. `image` is what they say of `bytes`.
    #[must_use]
    pub fn new(
        bytes: &'a [u8],
        image: Image,
        identity: Identity,
        terms: Terms,
        signer: &impl Signer,
    ) -> Self {
        let (vehicle, number) = (identity.vehicle, NUMBER);
        let to_install = ManifestContext {
            target: Target::Vehicle(vehicle),
            number,
            base: None,
        };
        let authorization = Authorization {
            bundle: number,
            image: image.digest,
            window: None,
            expires_s: None,
            evidence_root: Digest([0; 32]),
        };
        let action = Action::Confirm {
            image: image.digest,
        };
        let manifest = manifest(identity, image, terms);
        Self {
            bytes,
            image,
            manifest: signer.envelope(to_install, manifest),
            authorization: signer.envelope(AuthorizationContext { vehicle, number }, authorization),
            confirm: signer.envelope(CommandContext { vehicle, number }, Command { action }),
        }
    }

    /// Its papers, in the order of its trailer.
    fn entries(&self) -> [Entry<'_>; 3] {
        [
            Entry::Installed {
                number: NUMBER,
                base: None,
                envelope: &self.manifest,
            },
            Entry::Authorized {
                number: NUMBER,
                envelope: &self.authorization,
            },
            Entry::Commanded {
                number: NUMBER,
                envelope: &self.confirm,
            },
        ]
    }

    fn install<F: NorFlash>(&self, flash: &mut F, place: SlotMap) -> Result<(), FactoryError> {
        // The last granule is filled up with what erased flash reads as.
        let mut bytes = self.bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(F::WRITE_SIZE), 0xff);
        if bytes.len() > place.image.len as usize {
            return Err(FactoryError::TooLarge(self.bytes.len()));
        }
        let written = flash.write(place.image.start, &bytes);
        written.map_err(|_| FactoryError::Flash(FlashError::Fault))?;
        for entry in self.entries() {
            Trailer::new(place.trailer).append(flash, entry)?;
        }
        Ok(())
    }
}

/// Why a flash could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactoryError {
    /// The memory map does not suit the flash.
    Map(MapError),
    /// An image of so many bytes does not fit its slot.
    TooLarge(usize),
    /// A document is longer than its cell, or its region is full.
    Cell(CellError),
    /// The flash failed.
    Flash(FlashError),
}

impl std::fmt::Display for FactoryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Map(error) => write!(f, "the memory map: {error}"),
            Self::TooLarge(len) => write!(f, "an image of {len} B does not fit its slot"),
            Self::Cell(error) => write!(f, "a document does not fit: {error:?}"),
            Self::Flash(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FactoryError {}

impl From<CellError> for FactoryError {
    fn from(error: CellError) -> Self {
        Self::Cell(error)
    }
}

impl From<FlashError> for FactoryError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

/// Fills an erased flash: both copies of golden, `first` in slot A and confirmed, the key sets, the oldest first,
/// of which the last is in force, and the first record.
///
/// # Errors
/// [`FactoryError`].
pub fn fill<F: NorFlash>(
    flash: &mut F,
    map: &MemoryMap,
    key_sets: (&[&KeySet], &KeySet),
    golden: &Papered<'_>,
    first: &Papered<'_>,
) -> Result<(), FactoryError> {
    map.check(flash).map_err(FactoryError::Map)?;
    let (older, in_force) = key_sets;
    for set in older.iter().copied().chain([in_force]) {
        keys::store(flash, map, set)?;
    }
    let [one, other] = map.golden;
    golden.install(flash, one)?;
    if one != other {
        golden.install(flash, other)?;
    }
    keys::store_at_launch(flash, map, in_force)?;
    first.install(flash, map.slot(SlotId::A))?;
    let image = first.image;
    let slot_a = SlotRecord {
        state: SlotState::Confirmed,
        bundle: NUMBER,
        image: image.digest,
        size: image.size,
        version: image.version,
        security_counter: 0,
    };
    let home = Location::Slot(SlotId::A);
    let record = Record::at_launch([slot_a, SlotRecord::EMPTY], home, in_force.version);
    RecordStore::new(map.record).save(flash, 0, &record)?;
    Ok(())
}

fn manifest(identity: Identity, image: Image, terms: Terms) -> Manifest {
    Manifest {
        format: FORMAT,
        class_bound: false,
        component: identity.component,
        slot: SlotChoice::Inactive,
        load_address: terms.load_address,
        security_counter: 0,
        image,
        base: None,
        payload: Payload {
            codec: CodecId::Store,
            params: heapless::Vec::new(),
            ram: 0,
            digest: image.digest,
            size: image.size,
        },
        activation: Activation::OnAuthorization,
        trial: terms.trial,
        evidence_root: None,
        text_digest: None,
    }
}
