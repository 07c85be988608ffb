//! What a running image does. Real firmware brings its own behaviour; here a table says which image
//! behaves how, so that the old version stays healthy while the new one misbehaves.

use lightday_wire::Digest;

/// How an application behaves. Whatever it does, loader and supervisor are out of its reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behaviour {
    /// Runs the agent, feeds it all frames, tells the truth about its health.
    Healthy,
    /// Traps right after the jump.
    CrashesAtBoot,
    /// Runs for a minute, then stops kicking the watchdog and does nothing more.
    Hangs,
    /// Runs the agent and is well, but no frame reaches the agent.
    Deaf,
    /// Is well by all that it knows and has turned the antenna away: no frame reaches the agent, and nobody hears
    /// its reports.
    TurnsAway,
    /// Says that it is healthy and does not do its work; nobody on board can tell.
    LiesAboutHealth,
    /// Knows that it is not healthy, and says so.
    Unhealthy,
    /// Kicks the watchdog for ever and never runs the agent.
    NeverRunsAgent,
    /// Writes into record, golden, key sets, floors, the other slot and its own papers, then goes on as if
    /// nothing had happened.
    Vandal,
    /// Runs well, and traps on the third day after its first boot and after every boot since.
    DiesOnDay3,
}

impl Behaviour {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Healthy,
        Self::CrashesAtBoot,
        Self::Hangs,
        Self::Deaf,
        Self::TurnsAway,
        Self::LiesAboutHealth,
        Self::Unhealthy,
        Self::NeverRunsAgent,
        Self::Vandal,
        Self::DiesOnDay3,
    ];

    /// Its name in traces and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::CrashesAtBoot => "crashes-at-boot",
            Self::Hangs => "hangs",
            Self::Deaf => "deaf",
            Self::TurnsAway => "turns-away",
            Self::LiesAboutHealth => "lies-about-health",
            Self::Unhealthy => "unhealthy",
            Self::NeverRunsAgent => "never-runs-agent",
            Self::Vandal => "vandal",
            Self::DiesOnDay3 => "dies-on-day-3",
        }
    }

    /// Whether it runs the agent.
    #[must_use]
    pub const fn runs_agent(self) -> bool {
        !matches!(self, Self::CrashesAtBoot | Self::NeverRunsAgent)
    }

    /// Whether frames reach the agent.
    #[must_use]
    pub const fn hears(self) -> bool {
        self.runs_agent() && !matches!(self, Self::Deaf | Self::TurnsAway)
    }

    /// Whether the reports of the agent reach the ground.
    #[must_use]
    pub const fn is_heard(self) -> bool {
        self.runs_agent() && !matches!(self, Self::TurnsAway)
    }
}

impl std::fmt::Display for Behaviour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Which image behaves how. What the table does not know is healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Software(Vec<(Digest, Behaviour)>);

impl Software {
    /// Lets an image behave so.
    pub fn set(&mut self, image: Digest, behaviour: Behaviour) {
        self.0.retain(|(known, _)| *known != image);
        self.0.push((image, behaviour));
    }

    /// How an image behaves.
    #[must_use]
    pub fn of(&self, image: &Digest) -> Behaviour {
        let known = self.0.iter().find(|(known, _)| known == image);
        known.map_or(Behaviour::Healthy, |(_, behaviour)| *behaviour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_decides_and_the_unknown_is_healthy() {
        let mut software = Software::default();
        let (old, new) = (Digest([1; 32]), Digest([2; 32]));
        software.set(new, Behaviour::Deaf);
        software.set(new, Behaviour::Hangs);
        assert_eq!(software.of(&old), Behaviour::Healthy);
        assert_eq!(software.of(&new), Behaviour::Hangs);
    }
}
