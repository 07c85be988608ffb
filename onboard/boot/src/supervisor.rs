//! The supervisor: what the application cannot stop. A trait for the hardware, and the clock it keeps.

use lightday_wire::ResetCause;
use serde::{Deserialize, Serialize};

/// Milliseconds on the supervisor's elapsed-time counter. It counts through resets, never goes back and
/// cannot be written by the application. It is no date.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Elapsed(#[serde(with = "postcard::fixint::be")] pub u64);

impl Elapsed {
    /// Later than any other.
    pub const NEVER: Self = Self(u64::MAX);

    /// This instant and some seconds more; saturates at [`Self::NEVER`].
    #[must_use]
    pub const fn plus_s(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// This instant and some milliseconds more; saturates at [`Self::NEVER`].
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Seconds from `earlier` to this instant; 0 if it is not earlier.
    #[must_use]
    pub const fn since_s(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}

/// The contract with the hardware outside the application's reach: an external watchdog with a counter,
/// or a privileged loader.
///
/// - The watchdog runs from the loader on and resets the processor when it is not kicked in time; how
///   long that is, the board decides, and no kick moves the deadline below.
/// - The elapsed-time counter survives every reset, brown-outs included.
/// - A *latched* deadline can be neither moved nor removed before the next reset. At the deadline the
///   processor is reset with [`ResetCause::Deadline`].
/// - From [`lock`](Self::lock) to the next reset, golden, key sets and floors
///   ([`MemoryMap::locked`](crate::MemoryMap::locked)) take neither program nor erase, whatever the
///   application does: a block lock of the flash, or a write-protect pin, that nothing but the reset
///   opens. What the loader believes without a signature lies there, but for three things. The record: it only
///   counts, and its link epoch alone becomes a floor on its word. A trailer's word that the loader confirmed its
///   image without a Confirm: worth nothing without a signed manifest that allows it, and a signed command. A
///   manifest that no key set on board verifies any more: worth nothing without a signed Confirm of its image.
///
/// A board without such hardware implements the trait as well as it can and answers
/// [`is_cooperative`](Self::is_cooperative) with `true`: reports say so, and the ground shows it.
pub trait Supervisor {
    /// Why the processor was last reset.
    fn reset_cause(&self) -> ResetCause;

    /// The elapsed-time counter.
    fn elapsed(&self) -> Elapsed;

    /// Sets the deadline. Ignored while a latched deadline stands.
    fn set_deadline(&mut self, deadline: Elapsed, latch: bool);

    /// Locks golden, key sets and floors until the next reset. The loader calls it last, before the jump.
    fn lock(&mut self);

    /// Kicks the watchdog.
    fn kick(&mut self);

    /// Resets the processor with [`ResetCause::Software`]. May return where the reset takes effect only
    /// after the caller's step; the caller does nothing more then.
    fn request_reset(&mut self);

    /// Whether the application could stop, move or write any of this.
    fn is_cooperative(&self) -> bool;
}
