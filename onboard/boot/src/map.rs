//! Where everything lies in flash. The integrator states it once; [`MemoryMap::check`] holds it against
//! the flash. It is never stored and never changes in flight.

use embedded_storage::nor_flash::NorFlash;
use lightday_wire::{ClassId, ComponentId, Location, SlotId, VehicleId};

use crate::cells::{DOCUMENT_CELL, KEY_SET_CELL, PENDING_CELL, RECORD_CELL};
use crate::flash::{self, Region};
use crate::floors;

/// Who this vehicle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Its class.
    pub class: ClassId,
    /// The component whose slots these are.
    pub component: ComponentId,
}

/// An image and the trailer that proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotMap {
    /// The image, from its first byte on.
    pub image: Region,
    /// Its trailer.
    pub trailer: Region,
}

/// All regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMap {
    /// Slots A and B.
    pub slots: [SlotMap; 2],
    /// Two copies of golden, never programmed in flight. May be the same region twice where there is
    /// only one.
    pub golden: [SlotMap; 2],
    /// Three copies of the boot record, in separate erase blocks; on two dies where there are two.
    pub record: [Region; 3],
    /// The write-once floors: one region that is never erased.
    pub floors: Region,
    /// Two key sets: even and odd versions.
    pub key_sets: [Region; 2],
    /// Signed documents that wait: an authorization that came before its image, a key set that the loader
    /// has to put in force.
    pub pending: Region,
    /// The staging log of symbols.
    pub staging: Region,
    /// The block that the solve writes.
    pub block: Region,
}

/// Why a memory map cannot work. The integrator is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// A region does not begin or end at an erase block.
    Unaligned(Region),
    /// A region lies outside the flash.
    OutsideFlash(Region),
    /// Two regions overlap.
    Overlap(Region, Region),
    /// A region is too small for what it holds.
    TooSmall(Region),
    /// The program granule is not a power of two of at most 256 B, or reads are coarser than a byte.
    Granule,
}

impl core::fmt::Display for MapError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unaligned(r) => {
                write!(
                    f,
                    "region {:#x}+{:#x} is not a whole number of erase blocks",
                    r.start, r.len
                )
            }
            Self::OutsideFlash(r) => {
                write!(
                    f,
                    "region {:#x}+{:#x} lies outside the flash",
                    r.start, r.len
                )
            }
            Self::Overlap(a, b) => {
                write!(
                    f,
                    "regions {:#x}+{:#x} and {:#x}+{:#x} overlap",
                    a.start, a.len, b.start, b.len
                )
            }
            Self::TooSmall(r) => write!(f, "region {:#x}+{:#x} is too small", r.start, r.len),
            Self::Granule => {
                f.write_str("program granules are powers of two of at most 256 B, reads of 1 B")
            }
        }
    }
}

impl core::error::Error for MapError {}

impl MemoryMap {
    /// The slot's regions.
    #[must_use]
    pub const fn slot(&self, slot: SlotId) -> SlotMap {
        let [a, b] = self.slots;
        match slot {
            SlotId::A => a,
            SlotId::B => b,
        }
    }

    /// The image at a location; the first copy of golden.
    #[must_use]
    pub const fn image(&self, location: Location) -> Region {
        let [golden, _] = self.golden;
        match location {
            Location::Slot(slot) => self.slot(slot).image,
            Location::Golden => golden.image,
        }
    }

    /// Where the launch key set lies: behind the papers in the trailer of each copy of golden, as read-only
    /// as golden itself.
    #[must_use]
    pub const fn launch_keys(&self) -> [Region; 2] {
        let [first, second] = self.golden;
        [launch_keys(first.trailer), launch_keys(second.trailer)]
    }

    /// What the supervisor locks from the loader's jump to the next reset: golden, floors, key sets.
    pub fn locked(&self) -> impl Iterator<Item = Region> {
        let [g, h] = self.golden;
        let [k, l] = self.key_sets;
        [g.image, g.trailer, h.image, h.trailer, self.floors, k, l].into_iter()
    }

    /// Every region, golden's second copy left out where it is the first.
    fn regions(&self) -> impl Iterator<Item = Region> + Clone {
        let [a, b] = self.slots;
        let [g, h] = self.golden;
        let [r, s, t] = self.record;
        let [k, l] = self.key_sets;
        let all = [
            a.image,
            a.trailer,
            b.image,
            b.trailer,
            g.image,
            g.trailer,
            r,
            s,
            t,
            self.floors,
            k,
            l,
            self.pending,
            self.staging,
            self.block,
        ];
        let second = (g != h).then_some([h.image, h.trailer]);
        all.into_iter().chain(second.into_iter().flatten())
    }

    /// Holds the map against the flash: alignment, bounds, overlaps, sizes.
    ///
    /// # Errors
    /// [`MapError`] names the region.
    pub fn check<F: NorFlash>(&self, flash: &F) -> Result<(), MapError> {
        let erase = F::ERASE_SIZE.max(1);
        if !F::WRITE_SIZE.is_power_of_two() || F::WRITE_SIZE > 256 || F::READ_SIZE != 1 {
            return Err(MapError::Granule);
        }
        for region in self.regions() {
            let (start, len) = (region.start as usize, region.len as usize);
            if len == 0 {
                return Err(MapError::TooSmall(region));
            }
            if !start.is_multiple_of(erase) || !len.is_multiple_of(erase) {
                return Err(MapError::Unaligned(region));
            }
            if start
                .checked_add(len)
                .is_none_or(|end| end > flash.capacity())
            {
                return Err(MapError::OutsideFlash(region));
            }
        }
        let mut rest = self.regions();
        while let Some(a) = rest.next() {
            if let Some(b) = rest
                .clone()
                .find(|b| a.start < b.end() && b.start < a.end())
            {
                return Err(MapError::Overlap(a, b));
            }
        }
        self.check_sizes::<F>()
    }

    fn check_sizes<F: NorFlash>(&self) -> Result<(), MapError> {
        let [a, b] = self.slots;
        let [g, h] = self.golden;
        let [r, s, t] = self.record;
        let [k, l] = self.key_sets;
        let erase = flash::erase_size::<F>();
        for (region, least) in [
            (a.trailer, 6 * DOCUMENT_CELL),
            (b.trailer, 6 * DOCUMENT_CELL),
            // Papers in the first half, the launch key set in the second.
            (g.trailer, 2 * KEY_SET_CELL),
            (h.trailer, 2 * KEY_SET_CELL),
            (r, RECORD_CELL),
            (s, RECORD_CELL),
            (t, RECORD_CELL),
            (k, 2 * KEY_SET_CELL),
            (l, 2 * KEY_SET_CELL),
            (self.pending, PENDING_CELL),
            // One erase block names the object, the others hold its symbols.
            (self.staging, erase.saturating_mul(2)),
        ] {
            if region.len < least {
                return Err(MapError::TooSmall(region));
            }
        }
        if floors::capacity::<F>(self.floors).is_none() {
            return Err(MapError::TooSmall(self.floors));
        }
        Ok(())
    }
}

/// The second half of a golden trailer, from a whole number of key set cells on.
const fn launch_keys(trailer: Region) -> Region {
    let offset = trailer.len / (2 * KEY_SET_CELL) * KEY_SET_CELL;
    Region {
        start: trailer.start.saturating_add(offset),
        len: trailer.len.saturating_sub(offset),
    }
}
