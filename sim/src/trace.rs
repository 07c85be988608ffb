//! What happened, line by line, and one digest of it all: two runs of a seed must agree on it.
//!
//! Every event goes into the digest; only those that the reader asked for are kept. The trace never
//! decides anything.
//!
//! ```text
//! Day 1 00:12:31  ground   sends bundle 1, symbol 3 of 520
//! ^ when          ^ who    ^ what, with no machine address, no path and no wall clock
//! ```

use std::fmt::{self, Write as _};

use lightday_trust::Digester;
use lightday_wire::Digest;

use crate::time::MissionTime;

/// How much of the trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Only the digest.
    Digest,
    /// The events that tell the story.
    Headlines,
    /// Every event.
    All,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Part of the story.
    Headline,
    /// One frame, one wake-up.
    Detail,
}

/// Whose event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// Station, tracker and the people behind them.
    Ground,
    /// Uplink and downlink.
    Link,
    /// Loader, agent and application.
    Vehicle,
    /// Somebody who should not be there.
    Intruder,
    /// The checker of invariants.
    Checker,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ground => "ground",
            Self::Link => "link",
            Self::Vehicle => "vehicle",
            Self::Intruder => "intruder",
            Self::Checker => "checker",
        })
    }
}

/// One kept line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: MissionTime,
    /// Who.
    pub actor: Actor,
    /// Whether it is part of the story.
    pub weight: Weight,
    /// What.
    pub text: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:<8} {}", self.at, self.actor, self.text)
    }
}

/// The trace of one run.
#[derive(Clone)]
pub struct Trace {
    digester: Digester,
    entries: Vec<Entry>,
    keep: Keep,
    events: u64,
    line: String,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({} events, {})", self.events, self.digest())
    }
}

impl Trace {
    /// An empty trace.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        Self {
            digester: Digester::separated(b"lightday trace v1"),
            entries: Vec::new(),
            keep,
            events: 0,
            line: String::new(),
        }
    }

    /// Adds an event.
    pub fn record(
        &mut self,
        at: MissionTime,
        actor: Actor,
        weight: Weight,
        text: fmt::Arguments<'_>,
    ) {
        self.events += 1;
        self.line.clear();
        // Writing to a String cannot fail.
        let _ = self.line.write_fmt(text);
        self.digester.update(&at.ms().to_be_bytes());
        self.digester.update(&[actor as u8, weight as u8]);
        self.digester.update(self.line.as_bytes());
        self.digester.update(b"\n");
        let kept = match self.keep {
            Keep::Digest => false,
            Keep::Headlines => weight == Weight::Headline,
            Keep::All => true,
        };
        if kept {
            self.entries.push(Entry {
                at,
                actor,
                weight,
                text: self.line.clone(),
            });
        }
    }

    /// What was kept, in the order in which it happened.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many events there were, kept or not.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The digest of all events so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digester.clone().finish()
    }

    /// The kept lines as text.
    #[must_use]
    pub fn render(&self) -> String {
        self.entries.iter().fold(String::new(), |mut text, entry| {
            let _ = writeln!(text, "{entry}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(keep: Keep, last: &str) -> Trace {
        let mut trace = Trace::new(keep);
        let t = MissionTime::from_ms(61_000);
        trace.record(
            t,
            Actor::Ground,
            Weight::Detail,
            format_args!("sends {}", 1),
        );
        trace.record(t, Actor::Vehicle, Weight::Headline, format_args!("{last}"));
        trace
    }

    #[test]
    fn the_digest_covers_what_is_not_kept() {
        let all = run(Keep::All, "boots");
        assert_eq!(all.digest(), run(Keep::Digest, "boots").digest());
        assert_ne!(all.digest(), run(Keep::All, "hangs").digest());
        assert_eq!(run(Keep::Digest, "boots").entries(), []);
        assert_eq!(run(Keep::Headlines, "boots").entries().len(), 1);
        assert_eq!((all.entries().len(), all.events()), (2, 2));
    }

    #[test]
    fn lines_read_as_documented() {
        assert_eq!(
            run(Keep::All, "boots").render(),
            "Day 1 00:01:01  ground   sends 1\nDay 1 00:01:01  vehicle  boots\n"
        );
    }
}
