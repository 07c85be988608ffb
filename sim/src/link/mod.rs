//! The link in one direction: slow, late, and not to be relied on.
//!
//! It never reorders, never looks into a frame and never keeps one: what is sent gets its fate at once,
//! and the arrivals are handed back with the time at which they happen.
//!
//! ```text
//!  sender            rate_bps                light time              receiver
//!  frame -> [wait until idle][ time on air ] ........................ arrival
//!               |                  |                                    |
//!            within a pass      lost? (random, burst, lost pass)     bits flipped? twice?
//! ```
//! The antenna stands on the ground: an uplink needs a pass while it *sends*, a downlink while it
//! *receives*.

mod loss;
mod passes;

pub use self::loss::{Loss, LossState};
pub use self::passes::{Pass, Passes};
use crate::rng::{PPM, Rng};
use crate::time::{MissionTime, Span};

/// Which way, and so at which end the antenna stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the ground: the pass must hold while the frame is sent.
    Up,
    /// To the ground: the pass must hold while the frame arrives.
    Down,
}

/// What the link is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkModel {
    /// Bits each second, before any channel coding.
    pub rate_bps: u32,
    /// One way.
    pub light_time: Span,
    /// Bytes that packets and frames of the link add to each of ours.
    pub encapsulation: u16,
    /// Loss of frames.
    pub loss: Loss,
    /// Bit errors that nothing below detects, in parts per thousand million.
    pub bit_error_ppb: u32,
    /// Frames that arrive twice, in parts per million.
    pub duplicate_ppm: u32,
}

impl LinkModel {
    /// A link that loses nothing.
    #[must_use]
    pub const fn clean(rate_bps: u32, light_time: Span) -> Self {
        Self {
            rate_bps,
            light_time,
            encapsulation: 0,
            loss: Loss::None,
            bit_error_ppb: 0,
            duplicate_ppm: 0,
        }
    }

    /// How long a frame of so many bytes is on air, rounded up.
    #[must_use]
    pub fn air_time(&self, bytes: usize) -> Span {
        let bytes = (bytes as u64).saturating_add(u64::from(self.encapsulation));
        let bits_ms = bytes.saturating_mul(8_000);
        Span::from_ms(bits_ms.div_ceil(u64::from(self.rate_bps.max(1))))
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Arrives,
    /// It arrives with flipped bits.
    Damaged,
    /// It arrives twice.
    Twice,
    /// Noise swallowed it.
    Lost,
    /// No antenna was pointed, or the pass was lost.
    NoPass,
}

/// A frame that is on its way, as it will arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When its last bit arrives.
    pub at: MissionTime,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The sending of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// When its last bit left.
    pub ends: MissionTime,
    /// What became of it.
    pub fate: Fate,
    /// None, one or two arrivals, in order.
    pub arrivals: Vec<Arrival>,
}

/// How much a link carried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Frames sent.
    pub sent: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Frames lost to noise.
    pub lost: u64,
    /// Frames lost for want of a pass.
    pub without_pass: u64,
    /// Frames with flipped bits.
    pub damaged: u64,
    /// Frames that arrived twice.
    pub twice: u64,
}

/// One direction of the link.
#[derive(Clone, Debug)]
pub struct Link {
    model: LinkModel,
    way: Way,
    rng: Rng,
    loss: LossState,
    idle_at: MissionTime,
    stats: LinkStats,
}

impl Link {
    /// An idle link that draws from `rng`.
    #[must_use]
    pub fn new(model: LinkModel, way: Way, rng: Rng) -> Self {
        Self {
            model,
            way,
            rng,
            loss: LossState::default(),
            idle_at: MissionTime::START,
            stats: LinkStats::default(),
        }
    }

    /// What the link is like.
    #[must_use]
    pub const fn model(&self) -> &LinkModel {
        &self.model
    }

    /// When the last frame given to it has left.
    #[must_use]
    pub const fn idle_at(&self) -> MissionTime {
        self.idle_at
    }

    /// How much it carried so far.
    #[must_use]
    pub const fn stats(&self) -> LinkStats {
        self.stats
    }

    /// Sends a frame at `now`, or as soon as the one before it has left.
    pub fn transmit(&mut self, now: MissionTime, bytes: &[u8], passes: &Passes) -> Sending {
        let starts = now.max(self.idle_at);
        let on_air = self.model.air_time(bytes.len());
        let ends = starts + on_air;
        let silent = starts.since(self.idle_at).ms() / on_air.ms().max(1);
        self.loss.idle(self.model.loss, silent, &mut self.rng);
        self.idle_at = ends;
        self.stats.sent += 1;
        self.stats.sent_bytes += bytes.len() as u64;
        let light = match self.way {
            Way::Up => Span::ZERO,
            Way::Down => self.model.light_time,
        };
        // Noise goes on whether or not somebody listens: the burst that a gap in passes began ends in it.
        let lost = self.loss.next(self.model.loss, &mut self.rng);
        let none = |fate| Sending {
            ends,
            fate,
            arrivals: Vec::new(),
        };
        if !passes.hears(starts + light, ends + light) {
            self.stats.without_pass += 1;
            return none(Fate::NoPass);
        }
        if lost {
            self.stats.lost += 1;
            return none(Fate::Lost);
        }
        self.arrive(ends, bytes)
    }

    fn arrive(&mut self, ends: MissionTime, bytes: &[u8]) -> Sending {
        let mut bytes = bytes.to_vec();
        let damaged = self.damage(&mut bytes);
        let arrival = Arrival {
            at: ends + self.model.light_time,
            bytes,
        };
        let twice = self.rng.chance(self.model.duplicate_ppm);
        let mut arrivals = vec![arrival];
        if twice {
            arrivals.extend_from_within(..);
            self.stats.twice += 1;
        }
        if damaged {
            self.stats.damaged += 1;
        }
        let fate = match (damaged, twice) {
            (true, _) => Fate::Damaged,
            (false, true) => Fate::Twice,
            (false, false) => Fate::Arrives,
        };
        Sending {
            ends,
            fate,
            arrivals,
        }
    }

    /// Flips bits; returns whether any was.
    fn damage(&mut self, bytes: &mut [u8]) -> bool {
        let ppb = u64::from(self.model.bit_error_ppb);
        if ppb == 0 {
            return false;
        }
        let mut damaged = false;
        for byte in bytes {
            for bit in 0..8 {
                if self.rng.below(1000 * u64::from(PPM)) < ppb {
                    *byte ^= 1 << bit;
                    damaged = true;
                }
            }
        }
        damaged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIGHT: Span = Span::from_hours(22);

    fn link(way: Way, change: impl FnOnce(&mut LinkModel)) -> Link {
        let mut model = LinkModel::clean(100, LIGHT);
        change(&mut model);
        Link::new(model, way, Rng::new(11))
    }

    fn at(ms: u64) -> MissionTime {
        MissionTime::from_ms(ms)
    }

    #[test]
    fn frames_queue_and_arrive_a_light_time_later_in_order() {
        let mut up = link(Way::Up, |_| {});
        let first = up.transmit(at(0), &[1; 25], &Passes::always());
        let second = up.transmit(at(0), &[2; 25], &Passes::always());
        assert_eq!((first.ends, second.ends), (at(2000), at(4000)));
        assert_eq!(first.arrivals[0].at, at(2000) + LIGHT);
        assert_eq!(second.arrivals[0].bytes, [2; 25]);
        assert_eq!(up.idle_at(), at(4000));
        assert_eq!(
            up.transmit(at(9000), &[3], &Passes::always()).ends,
            at(9080)
        );
    }

    #[test]
    fn an_uplink_needs_a_pass_when_it_sends_a_downlink_when_it_arrives() {
        let hour = |h| at(0) + Span::from_hours(h);
        let passes = Passes::new(vec![
            Pass::new(hour(0), hour(8)),
            Pass::new(hour(22), hour(30)),
        ]);
        let mut up = link(Way::Up, |_| {});
        let mut down = link(Way::Down, |_| {});
        for (h, up_fate, down_fate) in [
            (1, Fate::Arrives, Fate::Arrives), // heard at hour 23
            (7, Fate::Arrives, Fate::Arrives), // heard at hour 29
            (9, Fate::NoPass, Fate::NoPass),
            (23, Fate::Arrives, Fate::NoPass),
        ] {
            assert_eq!(up.transmit(hour(h), &[0], &passes).fate, up_fate, "{h}");
            assert_eq!(down.transmit(hour(h), &[0], &passes).fate, down_fate, "{h}");
        }
        // A frame that is still on air when the pass ends is cut off.
        let late = hour(30) - Span::from_ms(40);
        assert_eq!(up.transmit(late, &[0], &passes).fate, Fate::NoPass);
        assert_eq!(up.stats().without_pass, 2);
    }

    #[test]
    fn bits_flip_and_frames_double_as_often_as_they_should() {
        // 1,600 bits at 1e-4: 14.8 % of the frames are damaged.
        let mut up = link(Way::Up, |m| {
            m.bit_error_ppb = 100_000;
            m.duplicate_ppm = 30_000;
        });
        let frame = [0x5a; 200];
        for _ in 0..10_000 {
            let sending = up.transmit(at(0), &frame, &Passes::always());
            let same = sending.arrivals[0].bytes == frame;
            assert_eq!(same, sending.fate != Fate::Damaged);
            assert_eq!(sending.arrivals[0], *sending.arrivals.last().unwrap());
        }
        let stats = up.stats();
        assert!((1_380..1_580).contains(&stats.damaged), "{stats:?}");
        assert!((250..350).contains(&stats.twice), "{stats:?}");
    }
}
