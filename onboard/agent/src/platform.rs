//! What the agent stands on: flash, supervisor and application, lent to each call; and the time.

use lightday_boot::Elapsed;

/// The present, as the caller knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The supervisor's elapsed-time counter.
    pub elapsed: Elapsed,
    /// Onboard time in seconds (Unix); `None` while it is unknown.
    pub time_s: Option<u64>,
}

/// How the application feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not known yet.
    Starting,
    /// All checks hold.
    Healthy,
    /// A check failed: an image on trial is reverted.
    Failing,
}

/// What the agent asks the application.
pub trait Application {
    /// How it feels. Asked about once a minute during a trial; must answer at once.
    fn health(&mut self) -> Health;

    /// Whether an image may be activated now: no manoeuvre, no conjunction, battery charged.
    fn may_activate(&mut self) -> bool;
}

/// The RAM that decoders work in: an array within the agent, or a slice lent for as long as the agent runs.
/// As many bytes as it has are what a patch may ask for; of no bytes, the codecs that need RAM are not there.
///
/// Both give the same bytes at every call. What they hold when the agent starts does not matter. A patch
/// under way needs all of them left alone; between two patches they are nobody's.
pub trait DecoderRam: AsRef<[u8]> + AsMut<[u8]> {}

impl<T: AsRef<[u8]> + AsMut<[u8]>> DecoderRam for T {}

/// Flash, supervisor and application, lent for one call.
#[derive(Debug)]
pub struct Platform<'p, F, S, A> {
    /// The flash with all regions of the memory map.
    pub flash: &'p mut F,
    /// The supervisor.
    pub supervisor: &'p mut S,
    /// The application.
    pub application: &'p mut A,
}
