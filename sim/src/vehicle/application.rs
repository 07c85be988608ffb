//! What the running application tells the agent, and when it goes astray.

use lightday_agent::{Application, Health};
use lightday_boot::Elapsed;
use lightday_wire::ResetCause;

use super::software::Behaviour;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// How long an application needs before it can say how it is.
const STARTING_MS: u64 = 2 * MINUTE_MS;

/// A simulated application, from one boot to the next reset.
#[derive(Clone, Debug)]
pub struct SimApplication {
    behaviour: Behaviour,
    booted: Elapsed,
    first_booted: Elapsed,
    /// The present; the vehicle sets it before each call.
    pub(super) now: Elapsed,
    /// Whether an image may be activated now.
    pub(super) may_activate: bool,
    has_vandalised: bool,
}

impl SimApplication {
    pub(super) const fn new(behaviour: Behaviour, booted: Elapsed, first_booted: Elapsed) -> Self {
        Self {
            behaviour,
            booted,
            first_booted,
            now: booted,
            may_activate: true,
            has_vandalised: false,
        }
    }

    /// Behaves so from now on.
    pub(super) const fn behave(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
    }

    /// When it traps of itself, and with which cause the processor is then reset.
    pub(super) fn trap(&self) -> Option<(Elapsed, ResetCause)> {
        let at = match self.behaviour {
            Behaviour::CrashesAtBoot => self.booted.plus_ms(200),
            Behaviour::DiesOnDay3 => {
                let third_day = self.first_booted.plus_ms(2 * DAY_MS);
                third_day.max(self.booted.plus_ms(MINUTE_MS))
            }
            _ => return None,
        };
        Some((at, ResetCause::Fault))
    }

    /// When it stops, for ever: it kicks no watchdog and runs no agent any more.
    pub(super) fn hangs_at(&self) -> Option<Elapsed> {
        (self.behaviour == Behaviour::Hangs).then(|| self.booted.plus_ms(MINUTE_MS))
    }

    /// Whether it is kicking the watchdog.
    pub(super) fn kicks(&self) -> bool {
        self.hangs_at().is_none_or(|at| self.now < at)
    }

    /// When it writes where it should not, if it has not yet.
    pub(super) fn vandalises_at(&self) -> Option<Elapsed> {
        let will = self.behaviour == Behaviour::Vandal && !self.has_vandalised;
        will.then(|| self.booted.plus_ms(3 * MINUTE_MS))
    }

    pub(super) fn set_vandalised(&mut self) {
        self.has_vandalised = true;
    }
}

impl Application for SimApplication {
    fn health(&mut self) -> Health {
        if self.now < self.booted.plus_ms(STARTING_MS) {
            return Health::Starting;
        }
        match self.behaviour {
            Behaviour::Unhealthy => Health::Failing,
            _ => Health::Healthy,
        }
    }

    fn may_activate(&mut self) -> bool {
        self.may_activate
    }
}
