//! The vehicle as it leaves the factory: golden and slot A hold a released and confirmed image, slot B is
//! empty, nothing was ever heard. What the factory writes, [`fill`](super::factory::fill) says.

use lightday_boot::Identity;
use lightday_trust::KeySet;
use lightday_trust::digest::sha256;
use lightday_wire::{Image, TrialPolicy, Version};

use super::factory::{Papered, Terms, fill};
use super::layout::Layout;
use crate::crew::Crew;
use crate::flash::SimFlash;

/// An image that the vehicle is launched with.
#[derive(Clone, Copy, Debug)]
pub struct Launched<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its version.
    pub version: Version,
}

impl Launched<'_> {
    /// What manifests say about it.
    #[must_use]
    pub fn image(&self) -> Image {
        Image {
            digest: sha256(self.bytes),
            size: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
            version: self.version,
        }
    }
}

/// What a vehicle is launched with.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// Where everything lies.
    pub layout: &'a Layout,
    /// Who it is.
    pub identity: Identity,
    /// The key set in force.
    pub keys: &'a KeySet,
    /// Who signs the papers of the first images: under the key set in force, or the one before it, as
    /// where the factory's keys were left behind at launch.
    pub factory: &'a Crew,
    /// The golden image.
    pub golden: Launched<'a>,
    /// The image in slot A.
    pub first: Launched<'a>,
}

impl Launch<'_> {
    /// Builds the flash of the vehicle, with golden write-protected.
    ///
    /// # Panics
    /// If the images do not fit the layout: a bug of the scenario.
    #[must_use]
    pub fn flash<const WRITE: usize, const ERASE: usize>(&self) -> SimFlash<WRITE, ERASE> {
        let map = &self.layout.map;
        let mut flash = SimFlash::new(self.layout.blocks);
        let key_sets = (&[self.factory.key_set()][..], self.keys);
        let (golden, first) = (self.papered(self.golden), self.papered(self.first));
        fill(&mut flash, map, key_sets, &golden, &first)
            .expect("the layout suits what is launched");
        for copy in map.golden {
            for region in [copy.image, copy.trailer] {
                flash.protect(region.start..region.end());
            }
        }
        flash.clear_counters();
        flash
    }

    fn papered<'i>(&self, launched: Launched<'i>) -> Papered<'i> {
        let (bytes, image) = (launched.bytes, launched.image());
        Papered::new(bytes, image, self.identity, TERMS, self.factory)
    }
}

/// Simulated images are never entered.
const TERMS: Terms = Terms {
    load_address: 0,
    trial: TrialPolicy {
        tries: 3,
        health_deadline_s: 3600,
        lease_s: 7 * 86_400,
        self_confirm: false,
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vehicle::{LayoutSizes, SimSupervisor};
    use lightday_boot::cells::{CellLog, RECORD_CELL};
    use lightday_boot::{Elapsed, load};
    use lightday_wire::{ClassId, ComponentId, Location, ResetCause, SlotId, VehicleId};

    fn launch() -> (SimFlash<8, 4096>, Layout, Identity) {
        let sizes = LayoutSizes {
            slot: 20_000,
            staging: 8192,
            block: 8192,
        };
        let layout = Layout::new(8, 4096, sizes);
        let identity = Identity {
            vehicle: VehicleId(7),
            class: ClassId(1),
            component: ComponentId(0),
        };
        let version = |major| Version {
            major,
            ..Version::default()
        };
        let golden = Launched {
            bytes: &[1; 9_999],
            version: version(1),
        };
        let first = Launched {
            bytes: &[2; 12_345],
            version: version(2),
        };
        let (factory, crew) = (Crew::new(1, 1), Crew::new(2, 2));
        let launch = Launch {
            layout: &layout,
            identity,
            keys: crew.key_set(),
            factory: &factory,
            golden,
            first,
        };
        (launch.flash(), layout, identity)
    }

    #[test]
    fn the_real_loader_boots_what_the_factory_built() {
        let (mut flash, layout, identity) = launch();
        let mut supervisor = SimSupervisor::new(Elapsed(0), 60_000);
        let boot = load(&mut flash, &layout.map, identity, &mut supervisor).unwrap();
        assert_eq!(boot.location, Location::Slot(SlotId::A));
        assert_eq!(boot.installed.unwrap().image.version.major, 2);
        assert!(!boot.is_record_lost);
    }

    #[test]
    fn a_flipped_bit_in_the_image_boots_golden_and_a_flipped_golden_its_copy() {
        let (mut flash, layout, identity) = launch();
        flash.flip(layout.map.slots[0].image.start + 100, 3);
        flash.flip(layout.map.golden[0].image.start + 100, 3);
        let mut supervisor = SimSupervisor::new(Elapsed(0), 60_000);
        supervisor.reset(ResetCause::Upset);
        let boot = load(&mut flash, &layout.map, identity, &mut supervisor).unwrap();
        assert_eq!(boot.location, Location::Golden);
        assert_eq!(boot.region, layout.map.golden[1].image);
    }

    #[test]
    fn a_lost_record_boots_golden() {
        let (mut flash, layout, identity) = launch();
        for copy in layout.map.record {
            CellLog::new(copy, RECORD_CELL).erase(&mut flash).unwrap();
        }
        let mut supervisor = SimSupervisor::new(Elapsed(0), 60_000);
        let boot = load(&mut flash, &layout.map, identity, &mut supervisor).unwrap();
        assert_eq!(boot.location, Location::Golden);
        assert!(boot.is_record_lost);
    }
}
