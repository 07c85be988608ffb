//! What must hold after every event, whatever happened. It looks at the cells of the flash and at what
//! ground was told; it never believes the agent's RAM and never changes anything.
//!
//! | invariant | checked by |
//! |---|---|
//! | golden untouched | its cells against those at launch |
//! | nothing unverified ran | the digest of the bytes jumped to is one that release signed, and the ground let run |
//! | a bootable verified image exists | golden, or a confirmed slot whose cells have their digest |
//! | every trial ends | no trial outlives its deadline, no deadline moves without a signed command |
//! | no counter moves before confirm | record and floors against the images that were confirmed |
//! | no number goes down | record and floors against what they were |
//! | the way back is left alone | no cell of the image that is home changes |
//! | the lock is closed | key sets, floors and golden are locked when the loader jumps |
//! | what flies reads what is written | its reading of record and floors against the checker's own |
//! | ground is told no success that is not so | what the tracker proves against the record's history; what a report calls done or confirmed against the cells |

mod reading;
mod told;
mod violation;

use std::collections::BTreeSet;

use lightday_boot::floors::{self, Floor};
use lightday_boot::store::RecordStore;
use lightday_boot::{MemoryMap, Record, SlotMap};
use lightday_trust::digest::sha256;
use lightday_wire::{Digest, Location, SlotId, SlotState};

pub use self::violation::Violation;

use crate::flash::SimFlash;
use crate::time::{MissionTime, Span};
use crate::vehicle::{Happening, Vehicle};

/// How long after its deadline a trial may still stand in the record: reset, boot, and one commit.
const SLACK: Span = Span::from_secs(120);

/// What must not go down, as it was last seen.
#[derive(Clone, Copy, Debug, Default)]
struct Floors {
    security: u32,
    key_set: u32,
    epoch: u32,
}

/// Checks the invariants.
#[derive(Clone, Debug)]
pub struct Checker {
    map: MemoryMap,
    golden: Vec<Vec<u8>>,
    released: BTreeSet<Digest>,
    /// What may run, and what may be confirmed, by what the ground sent; `None`: nobody tells.
    allowed: Option<[BTreeSet<Digest>; 2]>,
    /// Operation of the flash at the last check.
    seen: u64,
    /// Whether the power was cut, and no loader has looked since.
    is_cut: bool,
    /// Whether the scenario damages flash in another way than by power cuts.
    tolerates_damage: bool,
    /// Whether what the scenario damages was damaged before the checker looked first: golden stays as it was then.
    is_damage_done: bool,
    /// Whether a record may say what is over, since no record can be written any more.
    tolerates_unsaved: bool,
    /// Whether the scenario lets the application write where it should not.
    tolerates_vandals: bool,
    record: Option<Record>,
    /// Whether the record lay in cells that read the same each time.
    is_record_stable: bool,
    floors: Floors,
    highest_confirmed: u32,
    confirmed: BTreeSet<Digest>,
    violations: Vec<(MissionTime, Violation)>,
}

impl Checker {
    /// A checker for a vehicle as it was launched; `released` are the images that release signed.
    #[must_use]
    pub fn new<const WRITE: usize, const ERASE: usize>(
        vehicle: &Vehicle<WRITE, ERASE>,
        released: impl IntoIterator<Item = Digest>,
    ) -> Self {
        let map = vehicle.config().map;
        let golden = map.golden.iter().map(|copy| cells(vehicle.flash(), *copy));
        let mut checker = Self {
            map,
            golden: golden.collect(),
            released: released.into_iter().collect(),
            allowed: None,
            seen: 0,
            is_cut: false,
            tolerates_damage: false,
            is_damage_done: false,
            tolerates_unsaved: false,
            tolerates_vandals: false,
            record: None,
            is_record_stable: false,
            floors: Floors::default(),
            highest_confirmed: 0,
            confirmed: BTreeSet::new(),
            violations: Vec::new(),
        };
        checker.look_at_record(MissionTime::START, vehicle.flash());
        checker
    }

    /// Tolerates what particles and vandals do to record and slots; golden is still checked.
    #[must_use]
    pub const fn tolerating_damage(mut self) -> Self {
        self.tolerates_damage = true;
        self
    }

    /// Tolerates from now on that the record speaks of a trial that is over, as long as its image does not run.
    pub const fn tolerate_unsaved(&mut self) {
        self.tolerates_unsaved = true;
    }

    /// As [`Self::tolerating_damage`], but all damage was there when the checker was made: golden does not change any more.
    #[must_use]
    pub const fn tolerating_earlier_damage(mut self) -> Self {
        self.is_damage_done = true;
        self.tolerating_damage()
    }

    /// Tolerates that an application wrote an older record than there was, too: it can, and boots nothing by it.
    #[must_use]
    pub const fn tolerating_vandals(mut self) -> Self {
        self.tolerates_vandals = true;
        self.tolerating_damage()
    }

    /// Holds from now on that nothing runs, and nothing is confirmed, but these and what [`Self::sent`] adds.
    #[must_use]
    pub fn allowing_only(mut self, images: impl IntoIterator<Item = Digest>) -> Self {
        let images: BTreeSet<Digest> = images.into_iter().collect();
        self.allowed = Some([images.clone(), images]);
        self
    }

    /// The ground sent what lets an image run, or what confirms it.
    pub fn sent(&mut self, image: Digest, is_confirm: bool) {
        if let Some(allowed) = &mut self.allowed {
            allowed[usize::from(is_confirm)].insert(image);
        }
    }

    /// What was broken, and when.
    #[must_use]
    pub fn violations(&self) -> &[(MissionTime, Violation)] {
        &self.violations
    }

    /// The record as the flash has it.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The floors as the flash has them: security counter, key set, epoch.
    #[must_use]
    pub const fn floors(&self) -> [u32; 3] {
        [self.floors.security, self.floors.key_set, self.floors.epoch]
    }

    /// Whether an image was confirmed at any time.
    #[must_use]
    pub fn was_confirmed(&self, image: &Digest) -> bool {
        self.confirmed.contains(image)
    }

    /// Reports a violation that somebody else found.
    pub fn report(&mut self, at: MissionTime, violation: Violation) {
        // One kind once: what is broken stays broken, and the first moment is the one that matters.
        if self.violations.iter().all(|(_, known)| *known != violation) {
            self.violations.push((at, violation));
        }
    }

    /// Checks after an event of the vehicle; true if the record changed.
    pub fn after<const WRITE: usize, const ERASE: usize>(
        &mut self,
        at: MissionTime,
        vehicle: &Vehicle<WRITE, ERASE>,
        happening: &Happening,
    ) -> bool {
        let mut has_record_changed = false;
        if let Happening::Booted { image, .. } = happening
            && !self.released.contains(image)
        {
            self.report(at, Violation::UnverifiedRan(*image));
        }
        if *happening == Happening::NothingBoots {
            self.report(at, Violation::NothingBootable);
        }
        if let (Some([may_run, _]), Happening::Booted { image, .. }) = (&self.allowed, happening)
            && !may_run.contains(image)
        {
            self.report(at, Violation::Unasked(*image));
        }
        if matches!(happening, Happening::Booted { .. }) && !vehicle.supervisor().is_locked() {
            self.report(at, Violation::NotLocked);
        }
        // What a cut left half done was never relied on: the next boot decides what it was.
        match happening {
            Happening::PowerLost => self.is_cut = true,
            Happening::Booted { .. } => self.is_cut = false,
            _ => {}
        }
        if self.is_cut {
            return false;
        }
        let flash = vehicle.flash();
        let operations = flash.operations();
        if operations != self.seen {
            self.look_at_golden(at, flash);
            self.look_at_home(at, flash);
            let records = self.map.record;
            let is_touched =
                |r: &lightday_boot::Region| flash.changed_since(self.seen, r.start..r.end());
            if records.iter().chain([&self.map.floors]).any(is_touched) {
                self.look_at_record(at, flash);
                has_record_changed = true;
            }
            self.look_at_stats(at, flash);
            self.seen = operations;
        }
        self.look_at_trial(at, vehicle.running());
        has_record_changed
    }

    fn look_at_golden<const W: usize, const E: usize>(
        &mut self,
        at: MissionTime,
        flash: &SimFlash<W, E>,
    ) {
        let changed = |copy: &SlotMap| {
            [copy.image, copy.trailer]
                .iter()
                .any(|r| flash.changed_since(self.seen, r.start..r.end()))
        };
        if !self.map.golden.iter().any(changed) {
            return;
        }
        let now = self.map.golden.iter().map(|copy| cells(flash, *copy));
        let intact = now
            .zip(&self.golden)
            .filter(|(now, then)| now == *then)
            .count();
        if intact < self.golden.len() && (self.is_damage_done || !self.tolerates_damage) {
            self.report(at, Violation::GoldenChanged);
        }
        if intact == 0 && !self.is_a_slot_intact(flash) {
            self.report(at, Violation::NothingBootable);
        }
    }

    fn look_at_home<const W: usize, const E: usize>(
        &mut self,
        at: MissionTime,
        flash: &SimFlash<W, E>,
    ) {
        let home = self.record.as_ref().map(|record| record.home.0);
        let Some(Location::Slot(slot)) = home.filter(|_| !self.tolerates_damage) else {
            return;
        };
        let image = self.map.slot(slot).image;
        if flash.changed_since(self.seen, image.start..image.end()) {
            self.report(at, Violation::HomeDamaged);
        }
    }

    fn is_a_slot_intact<const W: usize, const E: usize>(&self, flash: &SimFlash<W, E>) -> bool {
        let mut all = SlotId::ALL.into_iter();
        all.any(|slot| self.is_confirmed_and_intact(flash, slot))
    }

    /// Whether a slot holds the image that the record says is confirmed there.
    fn is_confirmed_and_intact<const W: usize, const E: usize>(
        &self,
        flash: &SimFlash<W, E>,
        slot: SlotId,
    ) -> bool {
        let region = self.map.slot(slot).image;
        self.record.as_ref().is_some_and(|record| {
            let entry = record.slot(slot);
            let size = entry.size.min(region.len);
            entry.state == SlotState::Confirmed
                && flash
                    .peek(region.start..region.start + size)
                    .is_some_and(|bytes| sha256(bytes) == entry.image)
        })
    }

    fn look_at_stats<const W: usize, const E: usize>(
        &mut self,
        at: MissionTime,
        flash: &SimFlash<W, E>,
    ) {
        if self.tolerates_damage {
            return;
        }
        if flash.stats().programmed_twice > 0 {
            self.report(at, Violation::ProgrammedTwice);
        }
        if flash.stats().protected > 0 {
            self.report(at, Violation::WroteProtected);
        }
    }

    fn look_at_record<const W: usize, const E: usize>(
        &mut self,
        at: MissionTime,
        flash: &SimFlash<W, E>,
    ) {
        let [epoch, key_set, security] = reading::floors(flash, self.map.floors);
        let floors = Floors {
            security,
            key_set,
            epoch,
        };
        let value = |floor| floors::value(&mut flash.peeking(), self.map.floors, floor);
        let as_flies = [Floor::Epoch, Floor::KeySet, Floor::Security].map(value);
        if as_flies != [epoch, key_set, security] {
            self.report(at, Violation::Misread("the floors"));
        }
        let before = self.floors;
        for (name, was, is) in [
            ("the security floor", before.security, floors.security),
            ("the key set's floor", before.key_set, floors.key_set),
            ("the epoch's floor", before.epoch, floors.epoch),
        ] {
            if is < was {
                self.report(at, Violation::WentDown(name));
            }
        }
        self.floors = floors;
        let record = reading::record(flash, &self.map);
        let as_flies = RecordStore::new(self.map.record).load(&mut flash.peeking());
        if as_flies.map(|stored| stored.record) != record {
            self.report(at, Violation::Misread("the record"));
        }
        let was_stable = self.is_record_stable;
        self.is_record_stable = reading::is_stable(flash, &self.map);
        let Some(record) = record else {
            // A record that was lost before is not lost again, nor is one of which nobody could say that it was there: the
            // first after a loss, cut off in its first copy.
            if self.record.take().is_some() && was_stable && !self.tolerates_damage {
                self.report(at, Violation::WentDown("the record"));
            }
            return;
        };
        self.compare(at, &record);
        let is_confirmed = |slot: &&lightday_boot::SlotRecord| slot.state == SlotState::Confirmed;
        for slot in record.slots.iter().filter(is_confirmed) {
            let allowed = self.allowed.as_ref();
            if allowed.is_some_and(|[_, may_be]| !may_be.contains(&slot.image)) {
                self.report(at, Violation::Unasked(slot.image));
            }
            self.confirmed.insert(slot.image);
            self.highest_confirmed = self.highest_confirmed.max(slot.security_counter);
        }
        let counter = record.security_counter.max(floors.security);
        // Words of the floors that were damaged count as steps, and the record follows the floor.
        let is_damage = self.tolerates_damage && counter == floors.security;
        if counter > self.highest_confirmed && !is_damage {
            self.report(
                at,
                Violation::CounterBeforeConfirm {
                    counter,
                    confirmed: self.highest_confirmed,
                },
            );
        }
        self.record = Some(record);
    }

    /// Holds the record against the one before it.
    fn compare(&mut self, at: MissionTime, record: &Record) {
        let Some(before) = self.record.take() else {
            return;
        };
        let numbers = before.next.iter().zip(&record.next);
        if numbers.clone().any(|(was, is)| is < was) && !self.tolerates_vandals {
            self.report(at, Violation::WentDown("an object number"));
        }
        if record.security_counter < before.security_counter {
            self.report(at, Violation::WentDown("the security counter"));
        }
        if record.epoch < before.epoch || record.key_set < before.key_set {
            self.report(at, Violation::WentDown("epoch or key set"));
        }
        let same_trial = before.trial.started && record.trial.started;
        let moved = record.trial.deadline != before.trial.deadline;
        if same_trial && moved && record.trial.command_floor <= before.trial.command_floor {
            self.report(at, Violation::LeaseExtended);
        }
    }

    fn look_at_trial(&mut self, at: MissionTime, running: Option<Location>) {
        let Some(record) = &self.record else { return };
        let Some(slot) = record.trial_slot().filter(|_| record.trial.started) else {
            return;
        };
        // Where no record can be written any more, the old one still speaks of a trial that is over.
        let is_excused = self.tolerates_damage || self.tolerates_unsaved;
        if is_excused && running != Some(Location::Slot(slot)) {
            return;
        }
        let deadline = MissionTime::from_ms(record.trial.deadline.0);
        if at > deadline + SLACK {
            self.report(at, Violation::TrialOverdue);
        }
    }
}

fn cells<const W: usize, const E: usize>(flash: &SimFlash<W, E>, copy: SlotMap) -> Vec<u8> {
    let peek = |r: lightday_boot::Region| flash.peek(r.start..r.end()).unwrap_or(&[]);
    [peek(copy.image), peek(copy.trailer)].concat()
}
