//! What a vehicle does, as trace and checker see it. It never says why.

use lightday_wire::{Digest, Location, ResetCause, Version};

use super::software::Behaviour;

/// Something that the vehicle did, for trace and checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The processor was reset.
    Reset(ResetCause),
    /// The loader jumped.
    Booted {
        /// Where to.
        location: Location,
        /// What lies there: the digest of the bytes themselves, not of what somebody says about them.
        image: Digest,
        /// Its version, as its trailer says.
        version: Version,
        /// How it will behave.
        behaviour: Behaviour,
    },
    /// The loader found nothing intact.
    NothingBoots,
    /// Power went away.
    PowerLost,
    /// Power is back.
    PowerBack,
    /// The application wrote where it should not; so many operations were refused by hardware.
    Vandalised(u64),
    /// The agent sent a packet.
    Sent(Vec<u8>),
    /// The agent did a step.
    Stepped,
}
