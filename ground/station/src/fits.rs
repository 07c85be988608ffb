//! Whether a bundle goes with a profile: with what `mission.toml` says of the vehicle now, which may be something else
//! than on the day on which the bundle was built. All that its envelope alone decides on board.

use core::fmt;

use lightday_wire::{Manifest, SlotChoice, SlotId};

use crate::profile::{Profile, codec_name};

/// What of a bundle does not go with the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The field of `mission.toml`.
    pub field: &'static str,
    what: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Misfit {}

impl Misfit {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        "the vehicle would refuse it: correct mission.toml if that is wrong, or build it anew"
    }
}

/// Holds a manifest against the vehicle that a profile describes.
///
/// # Errors
/// [`Misfit`] names the first field that it does not go with.
pub fn fits(manifest: &Manifest, profile: &Profile) -> Result<(), Misfit> {
    let must = |holds: bool, field, what: &dyn Fn() -> String| match holds {
        true => Ok(()),
        false => Err(Misfit {
            field,
            what: what(),
        }),
    };
    let (memory, decoder) = (&profile.memory, &profile.decoder);
    let (image, payload) = (&manifest.image, &manifest.payload);
    must(
        manifest.component == profile.component,
        "component",
        &|| {
            format!(
                "is for component {}, component of mission.toml is {}",
                manifest.component.0, profile.component.0
            )
        },
    )?;
    let named = |slot: SlotId| match manifest.slot {
        SlotChoice::Inactive => true,
        SlotChoice::Only(only) => only == slot,
    };
    let at_home = |slot| named(slot) && memory.load_address.of(slot) == manifest.load_address;
    must(
        SlotId::ALL.into_iter().any(at_home),
        "memory.load_address",
        &|| {
            format!(
                "is linked for {:#x}, memory.load_address of mission.toml has no slot there that it may go to",
                manifest.load_address
            )
        },
    )?;
    must(image.size <= memory.slot_size, "memory.slot_size", &|| {
        format!(
            "the image has {} B, memory.slot_size of mission.toml is {} B",
            image.size, memory.slot_size
        )
    })?;
    must(
        decoder.codecs.contains(&payload.codec),
        "decoder.codecs",
        &|| {
            format!(
                "is coded by {}, which decoder.codecs of mission.toml does not name",
                codec_name(payload.codec)
            )
        },
    )?;
    must(payload.ram <= decoder.ram, "decoder.ram", &|| {
        format!(
            "its decoder takes {} B, decoder.ram of mission.toml is {} B",
            payload.ram, decoder.ram
        )
    })?;
    let counter = manifest.security_counter;
    must(
        counter <= memory.security_counters,
        "memory.security_counters",
        &|| {
            format!(
                "has security counter {counter}, memory.security_counters of mission.toml is {}",
                memory.security_counters
            )
        },
    )
}
