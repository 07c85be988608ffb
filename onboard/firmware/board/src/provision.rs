//! What the factory states about this one vehicle, so that loader and application need not be built for it: who it is,
//! its sixteen link keys, and two times. It lies in flash twice, locked, and never changes in flight.
//!
//! ```text
//! a cell of lightday-boot (1024 B), kind 0x50, sequence 0; integers are big-endian
//!  0         4       8           9         10               14         18           530
//!  +---------+-------+-----------+---------+----------------+----------+------ ... ---+
//!  | vehicle | class | component | tag len | command loss s | beacon s | 16 x 32 B    |
//!  +---------+-------+-----------+---------+----------------+----------+------ ... ---+
//! ```

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use lightday_boot::Identity;
use lightday_boot::cells::{CellError, CellLog, KEY_SET_CELL};
use lightday_trust::{LinkKey, LinkKeys};
use lightday_wire::{ClassId, ComponentId, Epoch, TagLen, VehicleId};

use crate::map::PROVISION;

const KIND: u8 = 0x50;
const HEAD: usize = 18;
const KEY: usize = 32;
const LEN: usize = HEAD + KEY * Epoch::COUNT;

/// What the factory states.
pub struct Provision {
    /// Who the vehicle is.
    pub identity: Identity,
    /// Bytes of a frame's tag.
    pub tag_len: TagLen,
    /// Seconds without a signed command after which golden boots.
    pub command_loss_s: u32,
    /// Seconds between two reports where nothing happens.
    pub beacon_s: u32,
    /// The link keys.
    pub link_keys: LinkKeys,
}

impl Provision {
    /// Reads the first copy that is whole.
    pub fn load<F: ReadNorFlash>(flash: &mut F) -> Option<Self> {
        let mut found = None;
        for region in PROVISION {
            CellLog::new(region, KEY_SET_CELL).for_each(flash, |kind, _, data| {
                if kind == KIND && found.is_none() {
                    found = Self::decode(data);
                }
            });
        }
        found
    }

    /// Writes both copies. For the factory.
    ///
    /// # Errors
    /// [`CellError`].
    pub fn store<F: NorFlash>(&self, flash: &mut F) -> Result<(), CellError> {
        let mut data = [0; LEN];
        self.encode(&mut data);
        for region in PROVISION {
            CellLog::new(region, KEY_SET_CELL).append(flash, KIND, 0, &data)?;
        }
        Ok(())
    }

    fn encode(&self, data: &mut [u8; LEN]) {
        let tag_len = u8::try_from(self.tag_len.get()).unwrap_or(0);
        let head = [
            &self.identity.vehicle.0.to_be_bytes()[..],
            &self.identity.class.0.to_be_bytes(),
            &[self.identity.component.0, tag_len],
            &self.command_loss_s.to_be_bytes(),
            &self.beacon_s.to_be_bytes(),
        ];
        let keys = self.link_keys.0.iter().flat_map(|key| key.0.iter());
        let bytes = head.into_iter().flatten().chain(keys);
        data.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
    }

    fn decode(data: &[u8]) -> Option<Self> {
        let (head, keys) = data.split_at_checked(HEAD)?;
        let word = |at: usize| {
            let bytes = head.get(at..)?.first_chunk()?;
            Some(u32::from_be_bytes(*bytes))
        };
        let identity = Identity {
            vehicle: VehicleId(word(0)?),
            class: ClassId(word(4)?),
            component: ComponentId(*head.get(8)?),
        };
        let tag_len = match head.get(9)? {
            6 => TagLen::Six,
            8 => TagLen::Eight,
            _ => return None,
        };
        let mut link_keys = LinkKeys(core::array::from_fn(|_| LinkKey([0; KEY])));
        let (stored, rest) = keys.as_chunks::<KEY>();
        if stored.len() != Epoch::COUNT || !rest.is_empty() {
            return None;
        }
        for (key, stored) in link_keys.0.iter_mut().zip(stored) {
            *key = LinkKey(*stored);
        }
        Some(Self {
            identity,
            tag_len,
            command_loss_s: word(10)?,
            beacon_s: word(14)?,
            link_keys,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_short_is_not() {
        let provision = Provision {
            identity: Identity {
                vehicle: VehicleId(0x0102_0304),
                class: ClassId(9),
                component: ComponentId(5),
            },
            tag_len: TagLen::Six,
            command_loss_s: 3600,
            beacon_s: 10,
            link_keys: LinkKeys(core::array::from_fn(|epoch| {
                LinkKey([u8::try_from(epoch).unwrap_or(0); KEY])
            })),
        };
        let mut data = [0; LEN];
        provision.encode(&mut data);
        let read = Provision::decode(&data).unwrap();
        assert_eq!(read.identity, provision.identity);
        assert_eq!((read.command_loss_s, read.beacon_s), (3600, 10));
        let mut again = [0; LEN];
        read.encode(&mut again);
        assert_eq!(again, data);
        assert!(Provision::decode(&data[..LEN - 1]).is_none());
    }
}
