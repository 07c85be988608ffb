//! A slot's trailer: the signed documents that prove what the slot holds and whether it may boot. It is
//! erased before the image it proves, and written after that image was read back.
//!
//! ```text
//! cell 0    Installed    bundle number (3 B) | base in full (1 or 41 B) | envelope of the manifest
//! cell 1..  Authorized   number (3 B) | envelope of the authorization
//!           Commanded    number (3 B) | envelope of a command: Confirm, Rollback, or one that was heard
//!           SelfConfirmed  number (3 B) of the command that was heard: the loader confirmed it by its policy
//! ```

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use lightday_wire::{Base, Envelope, ObjectNumber, canon};

use crate::cells::{CellError, CellLog, DOCUMENT_CELL, MAX_CELL};
use crate::flash::{FlashError, Region};

/// What a trailer's cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// What was installed.
    Installed {
        /// The bundle.
        number: ObjectNumber,
        /// The base in full, as it was signed.
        base: Option<Base>,
        /// The manifest's envelope.
        envelope: &'a [u8],
    },
    /// That it may be armed.
    Authorized {
        /// The authorization.
        number: ObjectNumber,
        /// Its envelope.
        envelope: &'a [u8],
    },
    /// A signed command.
    Commanded {
        /// The command.
        number: ObjectNumber,
        /// Its envelope.
        envelope: &'a [u8],
    },
    /// That the loader confirmed the image without a Confirm, as its manifest lets it.
    SelfConfirmed {
        /// The command that was heard.
        number: ObjectNumber,
    },
}

const INSTALLED: u8 = 0x10;
const AUTHORIZED: u8 = 0x11;
const COMMANDED: u8 = 0x12;
const SELF_CONFIRMED: u8 = 0x13;

/// A slot's trailer.
#[derive(Clone, Copy, Debug)]
pub struct Trailer(CellLog);

impl Trailer {
    /// The trailer in a region.
    #[must_use]
    pub const fn new(region: Region) -> Self {
        Self(CellLog::of_documents(region, DOCUMENT_CELL))
    }

    /// Calls `each` with every whole entry, oldest first.
    pub fn for_each<F: ReadNorFlash>(&self, flash: &mut F, mut each: impl FnMut(Entry<'_>)) {
        self.0.for_each(flash, |kind, _, data| {
            if let Some(entry) = decode(kind, data) {
                each(entry);
            }
        });
    }

    /// How many entries still fit.
    pub fn free<F: ReadNorFlash>(&self, flash: &mut F) -> u32 {
        self.0.free(flash)
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// [`CellError`].
    pub fn append<F: NorFlash>(&self, flash: &mut F, entry: Entry<'_>) -> Result<(), CellError> {
        let mut buffer = [0u8; MAX_CELL];
        let (kind, data) = encode(entry, &mut buffer).ok_or(CellError::TooLong)?;
        self.0.append(flash, kind, 0, data)
    }

    /// Erases the trailer: from here on the slot proves nothing.
    ///
    /// # Errors
    /// [`FlashError`].
    pub fn erase<F: NorFlash>(&self, flash: &mut F) -> Result<(), FlashError> {
        self.0.erase(flash)
    }
}

/// Whether a document can be stored in a trailer.
#[must_use]
pub fn fits(envelope: &Envelope<'_>) -> bool {
    envelope.encoded_len() <= lightday_wire::MAX_ENVELOPE_LEN
}

fn encode<'b>(entry: Entry<'_>, buffer: &'b mut [u8; MAX_CELL]) -> Option<(u8, &'b [u8])> {
    let (kind, number, base, envelope) = match entry {
        Entry::Installed {
            number,
            base,
            envelope,
        } => (INSTALLED, number, Some(base), envelope),
        Entry::Authorized { number, envelope } => (AUTHORIZED, number, None, envelope),
        Entry::Commanded { number, envelope } => (COMMANDED, number, None, envelope),
        Entry::SelfConfirmed { number } => (SELF_CONFIRMED, number, None, &[][..]),
    };
    let (head, rest) = buffer.split_first_chunk_mut::<3>()?;
    *head = number.to_be_bytes();
    let base_len = match base {
        Some(base) => canon::encode(&base, rest).ok()?.len(),
        None => 0,
    };
    let place = rest.get_mut(base_len..)?.get_mut(..envelope.len())?;
    place
        .iter_mut()
        .zip(envelope)
        .for_each(|(to, from)| *to = *from);
    let used = base_len.checked_add(envelope.len())?.checked_add(3)?;
    Some((kind, buffer.get(..used)?))
}

fn decode(kind: u8, data: &[u8]) -> Option<Entry<'_>> {
    let (head, rest) = data.split_first_chunk::<3>()?;
    let number = ObjectNumber::from_be_bytes(*head);
    match kind {
        INSTALLED => {
            let (base, envelope) = canon::decode_prefix::<Option<Base>>(rest).ok()?;
            Some(Entry::Installed {
                number,
                base,
                envelope,
            })
        }
        AUTHORIZED => Some(Entry::Authorized {
            number,
            envelope: rest,
        }),
        COMMANDED => Some(Entry::Commanded {
            number,
            envelope: rest,
        }),
        SELF_CONFIRMED => Some(Entry::SelfConfirmed { number }),
        _ => None,
    }
}
