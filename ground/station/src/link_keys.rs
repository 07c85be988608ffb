//! The link keys that the ground holds. The vehicle has all sixteen; a machine that sends needs the one of the
//! epoch in use, so that whoever steals it does not have the way out, too.
//!
//! ```text
//! # comment
//! EPOCH KEY        0 to 15, then 64 hexadecimal digits; one line for each epoch that the file holds
//! ```
//!
//! ```
//! use lightday_station::link_keys::HeldKeys;
//! use lightday_trust::Direction;
//! use lightday_wire::{Epoch, VehicleId};
//! # let random = (0..512).map(|i| (i / 2) as u8).collect::<Vec<u8>>().try_into().unwrap();
//! # let random = zeroize::Zeroizing::new(random);
//!
//! let vault = HeldKeys::generate(&random);
//! let epoch = Epoch::default();
//! let uplink = HeldKeys::from_text(&vault.only(epoch).to_text())?;
//! assert!(uplink.frame_key(VehicleId(1), Direction::Up, epoch).is_some());
//! assert_eq!(uplink.epochs().count(), 1);
//! # Ok::<(), lightday_station::keys::KeyError>(())
//! ```

use lightday_trust::{Digester, Direction, FrameKey, LinkKey, LinkKeys};
use lightday_wire::{Epoch, VehicleId};
use zeroize::Zeroizing;

use crate::keys::{KeyError, from_hex, to_hex};

/// What tells a link key from another and nothing to make it of.
///
/// ```text
/// first 8 B of SHA-256( "lightday link key v1" || 0 || epoch (1 B) || key (32 B) )
/// ```
pub type Fingerprint = [u8; 8];

/// Link keys by epoch, those that are held.
#[derive(Clone, Debug)]
pub struct HeldKeys([Option<LinkKey>; Epoch::COUNT]);

impl Default for HeldKeys {
    fn default() -> Self {
        Self([const { None }; Epoch::COUNT])
    }
}

impl From<&LinkKeys> for HeldKeys {
    fn from(all: &LinkKeys) -> Self {
        Self(all.0.clone().map(Some))
    }
}

impl HeldKeys {
    /// All sixteen of 512 random bytes from the caller, independent of each other.
    #[must_use]
    pub fn generate(random: &Zeroizing<[u8; 32 * Epoch::COUNT]>) -> Self {
        Self(core::array::from_fn(|epoch| {
            let mut key = [0; 32];
            let from = random.iter().skip(32 * epoch);
            key.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            Some(LinkKey(key))
        }))
    }

    /// The key of one epoch alone, or none if it is not held.
    #[must_use]
    pub fn only(&self, epoch: Epoch) -> Self {
        let of = usize::from(epoch.get());
        Self(core::array::from_fn(|i| {
            self.0.get(i).filter(|_| i == of)?.clone()
        }))
    }

    /// With zeros for what is not held: for a simulated vehicle, which nobody can reach under those epochs.
    #[must_use]
    pub fn padded(&self) -> LinkKeys {
        LinkKeys(self.0.clone().map(|key| key.unwrap_or(LinkKey([0; 32]))))
    }

    /// Takes in what another file holds.
    pub fn extend(&mut self, other: Self) {
        for (place, key) in self.0.iter_mut().zip(other.0) {
            *place = key.or(place.take());
        }
    }

    /// The epochs whose keys are held, upwards.
    pub fn epochs(&self) -> impl Iterator<Item = Epoch> {
        (0..)
            .zip(&self.0)
            .filter_map(|(epoch, key)| key.as_ref().and(Epoch::new(epoch)))
    }

    /// The key that authenticates one direction in one epoch for one vehicle, if the epoch's key is held.
    #[must_use]
    pub fn frame_key(
        &self,
        vehicle: VehicleId,
        direction: Direction,
        epoch: Epoch,
    ) -> Option<FrameKey> {
        let held = self.0.get(usize::from(epoch.get()))?.is_some();
        held.then(|| self.padded().frame_key(vehicle, direction, epoch))
    }

    /// The fingerprint of an epoch's key, if it is held.
    #[must_use]
    pub fn fingerprint(&self, epoch: Epoch) -> Option<Fingerprint> {
        let key = self.0.get(usize::from(epoch.get()))?.as_ref()?;
        let mut digester = Digester::separated(b"lightday link key v1");
        digester.update(&[epoch.get()]);
        digester.update(&key.0);
        let digest = digester.finish().0;
        digest.first_chunk().copied()
    }

    /// The file. Secret: whoever has it can make the vehicle listen.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2048));
        text.push_str(
            "# Link keys, SECRET: shared with the vehicle alone. One line an epoch: EPOCH KEY.\n\
             # An epoch is left for good by a root-signed switch; never edit or reorder these lines.\n",
        );
        for (epoch, key) in self.0.iter().enumerate() {
            let Some(key) = key else { continue };
            let hex = Zeroizing::new(to_hex(&key.0));
            text.push_str(&format!("{epoch} "));
            text.push_str(&hex);
            text.push('\n');
        }
        text
    }

    /// Reads a link key file of at least one epoch.
    ///
    /// # Errors
    /// [`KeyError::LinkLine`], [`KeyError::LinkEmpty`], [`KeyError::LinkTwice`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let mut keys = Self::default();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let bad = |what| KeyError::LinkLine { line, what };
            let (epoch, hex) = content
                .split_once(char::is_whitespace)
                .ok_or(bad("an epoch and a key are expected"))?;
            let epoch: usize = epoch.parse().map_err(|_| bad("the epoch is no number"))?;
            let key = from_hex::<32>(hex.trim()).ok_or(bad("a key is 64 hexadecimal digits"))?;
            let known = keys.0.iter().flatten().any(|other| other.0 == key);
            let place = keys.0.get_mut(epoch).ok_or(bad("epochs are 0 to 15"))?;
            if known || place.is_some() {
                return Err(KeyError::LinkTwice { line });
            }
            *place = Some(LinkKey(key));
        }
        if keys.epochs().next().is_none() {
            return Err(KeyError::LinkEmpty);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> HeldKeys {
        let mut random = Zeroizing::new([0; 512]);
        (0..)
            .zip(random.iter_mut())
            .for_each(|(i, b): (u32, _)| *b = (i * 7 / 3) as u8);
        HeldKeys::generate(&random)
    }

    fn epoch(n: u8) -> Epoch {
        Epoch::new(n).unwrap()
    }

    #[test]
    fn link_keys_survive_their_file_and_its_faults_are_named() {
        let keys = vault().padded();
        let text = vault().to_text();
        let read = HeldKeys::from_text(&text).unwrap();
        assert_eq!(read.epochs().count(), Epoch::COUNT);
        let read = read.padded();
        assert!(read.0.iter().zip(&keys.0).all(|(a, b)| a.0 == b.0));

        let fails = |text: &str| HeldKeys::from_text(text).err().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(fails(&lines[..2].join("\n")), KeyError::LinkEmpty);
        let twice = [lines.join("\n"), lines[3].into()].join("\n");
        assert_eq!(fails(&twice), KeyError::LinkTwice { line: 19 });
        for bad in ["16 00", "x 00", "7", "0 zz"] {
            assert!(matches!(fails(bad), KeyError::LinkLine { line: 1, .. }));
        }
    }

    #[test]
    fn a_file_of_one_epoch_opens_that_epoch_alone() {
        let mut held = HeldKeys::from_text(&vault().only(epoch(3)).to_text()).unwrap();
        let opens = |held: &HeldKeys, n| {
            held.frame_key(VehicleId(1), Direction::Up, epoch(n))
                .is_some()
        };
        assert!(opens(&held, 3) && !opens(&held, 2));
        assert_eq!(held.fingerprint(epoch(3)), vault().fingerprint(epoch(3)));
        assert_eq!(held.fingerprint(epoch(2)), None);
        held.extend(vault().only(epoch(2)));
        assert!(opens(&held, 3) && opens(&held, 2));
        assert_eq!(held.epochs().map(Epoch::get).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn fingerprints_tell_epochs_and_keys_apart() {
        let mut seen: Vec<_> = (0..16).map(|n| vault().fingerprint(epoch(n))).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 16);
    }
}
