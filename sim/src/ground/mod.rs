//! The ground: the real session and the real tracker, and the people who act on what the tracker proves.
//!
//! It knows only what was heard. It never looks at the vehicle, and it never acts on what it hopes.
//!
//! ```text
//!  crew signs --> UplinkSession --frames--> uplink
//!     ^                ^ what is still needed
//!  Operator <------ Tracker <------------- downlink
//! ```

mod frames;
mod operator;
mod orders;

pub use self::frames::FrameStore;
pub use self::operator::{Intent, Operator};
pub use self::orders::{Base, Follower, Order, Orders};
use self::orders::{Book, Desk};

use std::sync::Arc;

use lightday_station::object::UplinkObject;
use lightday_station::session::{Progress, Transmit, UplinkSession};
use lightday_station::tracker::{Proven, TrackError, Tracker};
use lightday_trust::Direction;
use lightday_wire::{Action, Epoch, ObjectKind, ObjectNumber, TagLen, VehicleId};

use crate::crew::Crew;
use crate::time::{Calendar, MissionTime, Span};

/// How long people take from a report to a signed command.
const DECISION: Span = Span::from_secs(1800);

/// What the station knows of the mission from the start.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// One way.
    pub light_time: Span,
    /// Its clock.
    pub calendar: Calendar,
    /// The longest symbol of a command.
    pub symbol_len: u16,
    /// The length of its frames' tags.
    pub tag_len: TagLen,
}

/// The ground station with its people.
#[derive(Clone)]
pub struct Ground {
    session: UplinkSession,
    tracker: Tracker,
    operator: Operator,
    crew: Arc<Crew>,
    frames: FrameStore,
    site: Site,
    orders: Orders,
    book: Book,
    decided: Option<(MissionTime, Action)>,
    next_send: Option<MissionTime>,
    is_stale: bool,
}

/// What a report led to.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The report.
    pub proven: Proven,
    /// The report before it.
    pub before: Option<Proven>,
    /// What the people decided.
    pub decision: Option<Action>,
}

impl Ground {
    /// A ground station whose session has its objects already; `frames` makes what it sends in the first epoch, and
    /// `orders` is sent besides.
    #[must_use]
    pub fn new(
        session: UplinkSession,
        operator: Operator,
        crew: Arc<Crew>,
        frames: FrameStore,
        site: Site,
        orders: Orders,
    ) -> Self {
        Self {
            session,
            tracker: Tracker::new(site.vehicle, site.light_time.secs()),
            operator,
            crew,
            frames,
            site,
            orders,
            book: Book::new(),
            decided: None,
            next_send: None,
            is_stale: true,
        }
    }

    /// What the vehicle last proved.
    #[must_use]
    pub const fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// The people.
    #[must_use]
    pub const fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The people with their keys.
    #[must_use]
    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    /// Every object and what became of it.
    pub fn progress(&self) -> impl Iterator<Item = Progress> {
        self.session.progress()
    }

    /// How many frames of an object the vehicle needs, and how many are planned, sent ones included.
    #[must_use]
    pub fn plan_of(&self, kind: ObjectKind, number: ObjectNumber) -> Option<(u16, u32)> {
        let mut all = self.session.progress();
        let object = all.find(|p| (p.kind, p.number) == (kind, number))?;
        Some((object.k, object.sent + object.planned))
    }

    const fn unix_ms(&self, t: MissionTime) -> u64 {
        self.site.calendar.unix_ms(t)
    }

    /// When the ground does something next of itself.
    pub fn next_event(&mut self, now: MissionTime) -> MissionTime {
        if self.is_stale {
            let at_ms = self.session.poll_timeout(self.unix_ms(now));
            self.next_send = at_ms.map(|ms| self.site.calendar.instant_ms(ms));
            self.is_stale = false;
        }
        let decided = self.decided.map(|(at, _)| at);
        let ordered = self.orders.due.front().map(|(at, _)| *at);
        let next = [self.next_send, decided, ordered]
            .into_iter()
            .flatten()
            .min();
        next.unwrap_or(MissionTime::NEVER)
    }

    /// Does what is due: signs and queues what was decided, or sends a frame.
    pub fn step(&mut self, now: MissionTime) -> Option<Transmit> {
        self.is_stale = true;
        if let Some((_, action)) = self.decided.take_if(|(at, _)| *at <= now) {
            self.command(now, action);
        }
        while let Some((at, order)) = self.orders.due.front().copied()
            && at <= now
        {
            self.orders.due.pop_front();
            self.obey(now, order);
        }
        let now_ms = self.unix_ms(now);
        let (frames, book, site) = (&self.frames, &self.book, &self.site);
        let keys = self.crew.link_keys();
        self.session
            .poll_transmit_with(now_ms, |object, index| match book.epoch_of(object) {
                Epoch::FIRST => frames.frame(object, index),
                epoch => {
                    let key = keys.frame_key(site.vehicle, Direction::Up, epoch);
                    object.frame(index, &key, site.tag_len)
                }
            })
    }

    fn obey(&mut self, now: MissionTime, order: Order) {
        let desk = Desk {
            crew: &self.crew,
            orders: &self.orders,
            vehicle: self.site.vehicle,
            symbol_len: self.site.symbol_len,
        };
        for object in desk.objects(&mut self.book, order) {
            self.push(now, object);
        }
    }

    /// Takes a packet from the downlink.
    ///
    /// # Errors
    /// [`TrackError`] if the packet proves nothing.
    pub fn receive(&mut self, now: MissionTime, bytes: &[u8]) -> Result<Heard, TrackError> {
        self.is_stale = true;
        let before = self.tracker.latest().copied();
        let heard_s = self.site.calendar.unix_s(now);
        let proven = self
            .tracker
            .receive(self.crew.held_keys(), bytes, heard_s)?;
        self.book.hear(&proven);
        let recovery = match self.orders.resyncs {
            true => self.book.resync(now, &proven),
            false => None,
        };
        if let Some(action) = recovery {
            self.decided = Some((now + DECISION, action));
            return Ok(Heard {
                proven,
                before,
                decision: recovery,
            });
        }
        if proven.is_alarm() {
            // It orders nothing and plans nothing: people look, and what is queued is sent as it was.
            return Ok(Heard {
                proven,
                before,
                decision: None,
            });
        }
        // Without a pass left nothing can be planned; what is queued then stays unsent, and shows as such.
        let now_ms = self.unix_ms(now);
        let _ = self.session.handle_report(&proven.report, now_ms);
        let decision = self.operator.hear(now, &proven.report);
        if let Some(action) = decision {
            self.decided = Some((now + DECISION, action));
        }
        Ok(Heard {
            proven,
            before,
            decision,
        })
    }

    /// Queues an object.
    pub fn push(&mut self, now: MissionTime, object: UplinkObject) {
        self.is_stale = true;
        let now_ms = self.unix_ms(now);
        let _ = self.session.push(object, now_ms);
    }

    /// Has a command signed and queues it.
    ///
    /// # Panics
    /// If the command does not fit a symbol: a bug of the scenario.
    pub fn command(&mut self, now: MissionTime, action: Action) {
        self.obey(now, Order::Command(action));
    }
}
