//! The supervisor: the one part of the vehicle that no application reaches. It holds the contract of
//! [`lightday_boot::Supervisor`] and counts what was tried against it.
//!
//! ```text
//!  kick --> watchdog --+
//!  set_deadline(latch) +--> reset line --> loader
//!  request_reset ------+
//! ```

use lightday_boot::{Elapsed, Supervisor};
use lightday_wire::ResetCause;

/// A simulated supervisor.
#[derive(Clone, Debug)]
pub struct SimSupervisor {
    now: Elapsed,
    cause: ResetCause,
    deadline: Option<Elapsed>,
    latched: bool,
    kicked: Elapsed,
    watchdog_ms: u64,
    requested: bool,
    locked: bool,
    cooperative: bool,
    resets: u32,
    refused: u32,
}

impl SimSupervisor {
    /// Switched on at `now`, with a watchdog of so many milliseconds.
    #[must_use]
    pub const fn new(now: Elapsed, watchdog_ms: u64) -> Self {
        Self {
            now,
            cause: ResetCause::PowerOn,
            deadline: None,
            latched: false,
            kicked: now,
            watchdog_ms,
            requested: false,
            locked: false,
            cooperative: false,
            resets: 0,
            refused: 0,
        }
    }

    /// Advances the elapsed-time counter; it never goes back.
    pub fn advance(&mut self, now: Elapsed) {
        self.now = self.now.max(now);
    }

    /// When the reset line is pulled, and why, if the watchdog is kicked without a break until
    /// `kicked_until`; for ever if that is `None`.
    #[must_use]
    pub fn reset_line(&self, kicked_until: Option<Elapsed>) -> (Elapsed, ResetCause) {
        let kicked = kicked_until.map_or(Elapsed::NEVER, |until| until.max(self.kicked));
        let watchdog = kicked.plus_ms(self.watchdog_ms);
        match self.deadline {
            _ if self.requested => (self.now, ResetCause::Software),
            Some(deadline) if deadline <= watchdog => (deadline, ResetCause::Deadline),
            _ => (watchdog, ResetCause::Watchdog),
        }
    }

    /// The deadline that is set.
    #[must_use]
    pub const fn deadline(&self) -> Option<Elapsed> {
        self.deadline
    }

    /// Whether the agent asked for a reset.
    #[must_use]
    pub const fn is_reset_requested(&self) -> bool {
        self.requested
    }

    /// Resets the processor: the latch opens, the watchdog starts anew, the counter goes on.
    pub fn reset(&mut self, cause: ResetCause) {
        self.cause = cause;
        self.deadline = None;
        self.latched = false;
        self.requested = false;
        self.locked = false;
        self.kicked = self.now;
        self.resets += 1;
    }

    /// Whether golden, key sets and floors are locked.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        self.locked
    }

    /// How often the processor was reset.
    #[must_use]
    pub const fn resets(&self) -> u32 {
        self.resets
    }

    /// How often somebody tried to move a latched deadline.
    #[must_use]
    pub const fn refused(&self) -> u32 {
        self.refused
    }
}

impl Supervisor for SimSupervisor {
    fn reset_cause(&self) -> ResetCause {
        self.cause
    }

    fn elapsed(&self) -> Elapsed {
        self.now
    }

    fn set_deadline(&mut self, deadline: Elapsed, latch: bool) {
        if self.latched {
            self.refused += 1;
            return;
        }
        self.deadline = Some(deadline);
        self.latched = latch;
    }

    fn lock(&mut self) {
        self.locked = true;
    }

    fn kick(&mut self) {
        self.kicked = self.now;
    }

    fn request_reset(&mut self) {
        self.requested = true;
    }

    fn is_cooperative(&self) -> bool {
        self.cooperative
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supervisor() -> SimSupervisor {
        SimSupervisor::new(Elapsed(1000), 60_000)
    }

    #[test]
    fn a_latched_deadline_stands_until_the_next_reset_and_no_kick_moves_it() {
        let mut s = supervisor();
        s.set_deadline(Elapsed(40_000), true);
        s.set_deadline(Elapsed::NEVER, false);
        s.advance(Elapsed(30_000));
        s.kick();
        assert_eq!(
            s.reset_line(Some(Elapsed(0))),
            (Elapsed(40_000), ResetCause::Deadline)
        );
        assert_eq!(s.refused(), 1);
        s.advance(Elapsed(40_000));
        s.reset(ResetCause::Deadline);
        assert_eq!(
            s.reset_line(Some(Elapsed(0))),
            (Elapsed(100_000), ResetCause::Watchdog)
        );
        s.set_deadline(Elapsed::NEVER, false);
        assert_eq!(s.deadline(), Some(Elapsed::NEVER));
    }

    #[test]
    fn without_kicks_the_watchdog_resets_and_a_request_resets_at_once() {
        let mut s = supervisor();
        assert_eq!(
            s.reset_line(Some(Elapsed(0))),
            (Elapsed(61_000), ResetCause::Watchdog)
        );
        s.advance(Elapsed(20_000));
        s.kick();
        assert_eq!(
            s.reset_line(Some(Elapsed(0))),
            (Elapsed(80_000), ResetCause::Watchdog)
        );
        s.request_reset();
        assert_eq!(
            s.reset_line(Some(Elapsed(0))),
            (Elapsed(20_000), ResetCause::Software)
        );
    }

    #[test]
    fn the_counter_survives_resets_and_never_goes_back() {
        let mut s = supervisor();
        s.advance(Elapsed(5000));
        s.reset(ResetCause::BrownOut);
        s.advance(Elapsed(4000));
        assert_eq!(s.elapsed(), Elapsed(5000));
        assert_eq!((s.reset_cause(), s.resets()), (ResetCause::BrownOut, 1));
    }
}
