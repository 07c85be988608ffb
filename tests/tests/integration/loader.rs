//! The board of `docs/INTEGRATION.md`, 4: from reset to jump. The page quotes all that stands below these lines.

use lightday_boot::{flash, load};
use lightday_trust::digest::sha256;
use lightday_wire::Location;

use crate::flash::SpiNor;
use crate::map::{IDENTITY, MAP};
use crate::supervisor::External;

/// Decides what boots, and copies it to `ram`, all of which is the image's. `None`: nothing is intact, and reads may get
/// better; then wait for `RETRY_S` without a kick, or until the watchdog bites, reset, and boot nothing else.
pub fn choose(flash: &mut SpiNor, guard: &mut External, ram: &mut [u8]) -> Option<Location> {
    MAP.check(flash).ok()?;
    // Behind this the record is saved, the deadline set, and what must not be written is locked.
    let boot = load(flash, &MAP, IDENTITY, guard).ok()?;
    let image = boot.installed?.image;
    // Nothing of what ran before is left to what runs next.
    ram.fill(0);
    let place = ram.get_mut(..usize::try_from(image.size).ok()?)?;
    flash::read(flash, boot.region, 0, place).ok()?;
    // What runs is what was signed: read once more, and held against its digest in RAM.
    (sha256(place) == image.digest).then_some(boot.location)
}
