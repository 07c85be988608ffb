//! What people send at a time of their own, whatever they were told: every command that there is, the next key set,
//! the next bundle. They keep to the rules of numbers, keys and epochs as the ground does; what they ask for may be
//! foolish, and the vehicle has to bear it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lightday_station::document::Draft;
use lightday_station::object::UplinkObject;
use lightday_station::tracker::Proven;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::report::flags;
use lightday_wire::{
    Action, Authorization, AuthorizationContext, ClassId, Command, CommandContext, Digest, Epoch,
    ObjectKind, ObjectNumber, VehicleId,
};

use crate::crew::Crew;
use crate::time::{MissionTime, Span};

/// How far beyond all numbers that were heard of a resynchronisation sets the next ones.
const ROOM: u32 = 8;
/// How long people wait for a lost record to come back before they resynchronise again.
const AGAIN: Span = Span::from_days(2);

/// Something to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A command.
    Command(Action),
    /// The next key set.
    Keys,
    /// The bundle behind the first one, on this ground, and its authorization.
    Follower(Base),
}

/// On whose ground a bundle builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The image of the launch: it is queued beside the first bundle.
    Old,
    /// The image that the first bundle brings: it is queued behind it.
    New,
}

/// A second bundle.
#[derive(Clone, Debug)]
pub struct Follower {
    /// It, cut into symbols.
    pub object: UplinkObject,
    /// The image that it brings.
    pub image: Digest,
}

/// What is to be sent, and what it takes to sign and frame it.
#[derive(Clone, Debug)]
pub struct Orders {
    /// When what is sent, in order of time.
    pub due: VecDeque<(MissionTime, Order)>,
    /// The second bundle, where one is ordered.
    pub follower: Option<Follower>,
    /// The people of the next key set, where one is ordered.
    pub successors: Option<Arc<Crew>>,
    /// Whether the people resynchronise a vehicle that says that its record is lost.
    pub resyncs: bool,
    /// The class that a key set is for.
    pub class: ClassId,
}

/// What the ground keeps of numbers, keys and epochs.
#[derive(Clone, Debug)]
pub(super) struct Book {
    /// The next number of each kind, in the order of [`ObjectKind::UPLINK`].
    next: [ObjectNumber; 4],
    /// The highest that a report asked for.
    heard: [ObjectNumber; 4],
    /// Which key set is in force, as a report says.
    key_set: u16,
    /// The epoch of the latest report.
    pub epoch: Epoch,
    /// Under whose key what leads to another epoch goes up.
    leads_to: BTreeMap<(ObjectKind, ObjectNumber), Epoch>,
    resynced: Option<MissionTime>,
}

impl Book {
    /// At launch: the first bundle and the first authorization have their numbers.
    pub fn new() -> Self {
        let number = |n| ObjectNumber::from_be_bytes([0, 0, n]);
        Self {
            next: [number(3), number(2), number(1), number(1)],
            heard: [number(1); 4],
            key_set: 0,
            epoch: Epoch::FIRST,
            leads_to: BTreeMap::new(),
            resynced: None,
        }
    }

    pub fn hear(&mut self, proven: &Proven) {
        let report = &proven.report;
        self.epoch = proven.epoch;
        self.key_set = report.key_set;
        for (heard, next) in self.heard.iter_mut().zip(report.next) {
            *heard = (*heard).max(next);
        }
    }

    /// The epoch under whose key a frame of this object goes up.
    pub fn epoch_of(&self, object: &UplinkObject) -> Epoch {
        let its = self.leads_to.get(&(object.kind(), object.number()));
        its.copied().unwrap_or(self.epoch)
    }

    /// A number that nothing had before.
    fn take(&mut self, kind: ObjectKind) -> ObjectNumber {
        let Some(next) = kind
            .uplink_index()
            .and_then(|place| self.next.get_mut(place))
        else {
            return ObjectNumber::default();
        };
        let number = *next;
        *next = number.next();
        number
    }

    /// What ends the silence after a lost record, where the people want that and it is not on its way.
    pub fn resync(&mut self, now: MissionTime, proven: &Proven) -> Option<Action> {
        let is_lost = proven.report.flags & flags::RECORD_LOST != 0;
        let is_under_way = self.resynced.is_some_and(|at| now.since(at) < AGAIN);
        if !is_lost || is_under_way {
            return None;
        }
        let epoch = Epoch::new(self.epoch.get() + 1).unwrap_or(self.epoch);
        for (next, heard) in self.next.iter_mut().zip(self.heard) {
            let beyond = (*next).max(heard).get() + ROOM;
            *next = ObjectNumber::new(beyond).unwrap_or(*next);
        }
        self.resynced = Some(now);
        let next = self.next;
        Some(Action::Resync { epoch, next })
    }

    /// Whose signatures count.
    fn signers<'c>(&self, crew: &'c Crew, successors: Option<&'c Crew>) -> &'c Crew {
        let is_theirs = |crew: &&Crew| crew.key_set().version == self.key_set;
        successors.filter(is_theirs).unwrap_or(crew)
    }
}

/// Who signs, and for whom.
pub(super) struct Desk<'d> {
    pub crew: &'d Crew,
    pub orders: &'d Orders,
    pub vehicle: VehicleId,
    pub symbol_len: u16,
}

impl Desk<'_> {
    /// What an order takes, signed.
    pub fn objects(&self, book: &mut Book, order: Order) -> Vec<UplinkObject> {
        match order {
            Order::Command(action) => vec![self.command(book, action)],
            Order::Keys => self.keys(book).into_iter().collect(),
            Order::Follower(_) => self.follower(book),
        }
    }

    /// A command, signed.
    ///
    /// # Panics
    /// If the command does not fit a symbol: a bug of the scenario.
    pub fn command(&self, book: &mut Book, action: Action) -> UplinkObject {
        let number = book.take(ObjectKind::Command);
        if let Action::EpochSwitch { epoch } | Action::Resync { epoch, .. } = action {
            book.leads_to.insert((ObjectKind::Command, number), epoch);
        }
        let context = CommandContext {
            vehicle: self.vehicle,
            number,
        };
        let mut draft = Draft::new(context, Command { action }).expect("commands are short");
        self.signers(book).sign(&mut draft);
        let object = draft.to_object(self.symbol_len);
        object.expect("a command is a few symbols")
    }

    fn signers(&self, book: &Book) -> &Crew {
        book.signers(self.crew, self.orders.successors.as_deref())
    }

    fn keys(&self, book: &mut Book) -> Option<UplinkObject> {
        let successors = self.orders.successors.as_deref()?;
        let number = book.take(ObjectKind::KeySet);
        let context = KeySetContext {
            class: self.orders.class,
            number,
        };
        let envelope = self.crew.succession(successors, context);
        UplinkObject::fit(ObjectKind::KeySet, number, &envelope, self.symbol_len, 2).ok()
    }

    fn follower(&self, book: &mut Book) -> Vec<UplinkObject> {
        let Some(Follower { object, image }) = &self.orders.follower else {
            return Vec::new();
        };
        let context = AuthorizationContext {
            vehicle: self.vehicle,
            number: book.take(ObjectKind::Authorization),
        };
        let authorization = Authorization {
            bundle: object.number(),
            image: *image,
            window: None,
            expires_s: None,
            evidence_root: Digest([0; 32]),
        };
        let mut draft = Draft::new(context, authorization).expect("authorizations are short");
        self.signers(book).sign(&mut draft);
        let papers = draft.to_object(self.symbol_len);
        [Some(object.clone()), papers.ok()]
            .into_iter()
            .flatten()
            .collect()
    }
}
