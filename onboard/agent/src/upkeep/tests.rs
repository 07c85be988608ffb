//! Upsets of the record in RAM, which only the crate itself can make.

use std::vec::Vec;

use embedded_storage::nor_flash::{ErrorType, ReadNorFlash};
use lightday_boot::{Elapsed, Identity, Region, SlotMap, Supervisor};
use lightday_trust::{LinkKey, LinkKeys};
use lightday_wire::{
    ClassId, ComponentId, Epoch, ObjectNumber, ResetCause, SlotId, SlotState, TagLen, VehicleId,
};

use super::*;
use crate::platform::{Application, Health, Platform};
use crate::{Config, StartError};

const BLOCK: u32 = 4096;
const BLOCKS: u32 = 17;
const NOW: Now = Now {
    elapsed: Elapsed(0),
    time_s: None,
};

/// Flash that does as it is told.
struct Cells(Vec<u8>);

impl ErrorType for Cells {
    type Error = core::convert::Infallible;
}

impl ReadNorFlash for Cells {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let from = offset as usize;
        bytes.copy_from_slice(&self.0[from..from + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Cells {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = BLOCK as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.0[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let from = offset as usize;
        self.0[from..from + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

struct Board;

impl Supervisor for Board {
    fn reset_cause(&self) -> ResetCause {
        ResetCause::PowerOn
    }

    fn elapsed(&self) -> Elapsed {
        NOW.elapsed
    }

    fn set_deadline(&mut self, _: Elapsed, _: bool) {}

    fn lock(&mut self) {}

    fn kick(&mut self) {}

    fn request_reset(&mut self) {}

    fn is_cooperative(&self) -> bool {
        false
    }
}

impl Application for Board {
    fn health(&mut self) -> Health {
        Health::Healthy
    }

    fn may_activate(&mut self) -> bool {
        true
    }
}

/// Region number `at`, of so many blocks.
const fn region(at: u32, blocks: u32) -> Region {
    Region {
        start: at * BLOCK,
        len: blocks * BLOCK,
    }
}

const fn slot(at: u32) -> SlotMap {
    SlotMap {
        image: region(at, 1),
        trailer: region(at + 1, 1),
    }
}

const MAP: MemoryMap = MemoryMap {
    slots: [slot(0), slot(2)],
    golden: [slot(4), slot(4)],
    record: [region(6, 1), region(7, 1), region(8, 1)],
    floors: region(9, 1),
    key_sets: [region(10, 1), region(11, 1)],
    pending: region(12, 1),
    staging: region(13, 2),
    block: region(15, 2),
};

/// An agent of slot A, at rest, and its flash.
struct Craft {
    flash: Cells,
    agent: Agent<16, 512>,
}

impl Craft {
    fn launch() -> Self {
        let mut flash = Cells(std::vec![0xff; (BLOCKS * BLOCK) as usize]);
        let home = Location::Slot(SlotId::A);
        let record = Record::at_launch([SlotRecord::EMPTY; 2], home, 0);
        let store = RecordStore::new(MAP.record);
        store.save(&mut flash, 0, &record).unwrap();
        let config = Config {
            identity: Identity {
                vehicle: VehicleId(7),
                class: ClassId(3),
                component: ComponentId(1),
            },
            map: MAP,
            link_keys: LinkKeys(core::array::from_fn(|epoch| LinkKey([epoch as u8; 32]))),
            tag_len: TagLen::Eight,
            load_addresses: [None; 2],
            decoder_heap: 0,
            command_loss_s: 9_000_000,
            beacon_s: 3600,
        };
        let agent = start(&mut flash, config).unwrap();
        let mut craft = Self { flash, agent };
        craft.settle();
        craft
    }

    fn settle(&mut self) {
        self.live(NOW.elapsed);
        assert!(!self.agent.has_work());
    }

    /// A hundred calls at an instant.
    fn live(&mut self, elapsed: Elapsed) {
        let now = Now { elapsed, ..NOW };
        for _ in 0..100 {
            let mut platform = Platform {
                flash: &mut self.flash,
                supervisor: &mut Board,
                application: &mut Board,
            };
            self.agent.handle_timeout(now, &mut platform);
        }
    }

    fn stored(&mut self) -> Record {
        let stored = RecordStore::new(MAP.record).load(&mut self.flash);
        stored.unwrap().record
    }
}

fn start(flash: &mut Cells, config: Config) -> Result<Agent<16, 512>, StartError> {
    let mut platform = Platform {
        flash,
        supervisor: &mut Board,
        application: &mut Board,
    };
    Agent::start(config, [], Location::Slot(SlotId::A), NOW, &mut platform)
}

type Upset = fn(&mut Agent<16, 512>);

/// One bit each of what a commit would make so for ever, or would end the commits.
const UPSETS: [Upset; 7] = [
    |agent| agent.record.epoch = Epoch::new(8).unwrap(),
    |agent| agent.record.key_set ^= 0x100,
    |agent| agent.record.security_counter ^= 0x8000,
    |agent| agent.record.next[2] = ObjectNumber::new(0x80_0001).unwrap(),
    |agent| agent.record.trial.command_floor = ObjectNumber::new(0x40).unwrap(),
    |agent| agent.sequence ^= 0x8000_0000,
    |agent| agent.is_lost = true,
];

/// Regression: the next commit made an upset of the epoch in RAM a floor that no step takes back.
#[test]
fn an_upset_of_the_record_in_ram_is_never_committed() {
    for (case, upset) in UPSETS.iter().enumerate() {
        let mut craft = Craft::launch();
        let (record, sequence) = (craft.agent.record.clone(), craft.agent.sequence);
        upset(&mut craft.agent);
        // As a patch under way would.
        craft.agent.commit_due = true;
        craft.settle();
        assert_eq!(craft.stored(), record, "upset {case}");
        assert_eq!(craft.agent.record, record, "upset {case}");
        assert!(!craft.agent.is_lost, "upset {case}");
        assert!(craft.agent.sequence - sequence <= 1, "upset {case}");
    }
}

/// Regression: frames of the present epoch were dropped until the next reset.
#[test]
fn a_frame_or_a_report_that_meets_an_upset_has_it_mended_at_once() {
    let heard: fn(&mut Agent<16, 512>) = |agent| agent.handle_frame(NOW, &[0; 40]);
    let told: fn(&mut Agent<16, 512>) = |agent| {
        agent.report_due = NOW.elapsed;
        assert_eq!(agent.poll_transmit(NOW, &mut [0; 128]), None);
    };
    for meets in [heard, told] {
        let mut craft = Craft::launch();
        craft.agent.report_due = Elapsed::NEVER;
        craft.agent.record.epoch = Epoch::new(8).unwrap();
        meets(&mut craft.agent);
        assert_eq!(craft.agent.poll_timeout(), Elapsed(0));
        craft.settle();
        assert_eq!(craft.agent.record.epoch, Epoch::FIRST);
        let said = craft.agent.poll_transmit(NOW, &mut [0; 128]);
        assert!(said.is_some(), "and the ground hears how it is");
    }
}

/// Regression: what waited for a step that rested on the record of before was done all the same.
#[test]
fn nothing_that_rested_on_the_old_record_outlives_its_reload() {
    let mut craft = Craft::launch();
    let header = lightday_wire::FrameHeader {
        kind: lightday_wire::ObjectKind::Bundle,
        epoch: Epoch::FIRST,
        number: ObjectNumber::new(1).unwrap(),
        k: 4,
        index: 0,
    };
    let shape = lightday_fec::BlockShape::new(4, 64).unwrap();
    let staging = &mut craft.agent.staging;
    staging.begin(&mut craft.flash, header, shape, 0).unwrap();
    staging.drop_named();
    // The first frame of the next one came, and the log is not closed yet.
    let next = lightday_wire::FrameHeader {
        number: ObjectNumber::new(2).unwrap(),
        ..header
    };
    craft.agent.symbol = Some((next, heapless::Vec::from_slice(&[7; 64]).unwrap()));
    craft.agent.record.epoch = Epoch::new(8).unwrap();
    craft.settle();
    assert_eq!(craft.agent.receiving(), Some(header.number));
    assert_eq!(
        craft.agent.staging.received(),
        0,
        "nothing of another object"
    );
    let mut again = start(&mut craft.flash, craft.agent.config.clone()).unwrap();
    again.staging.rescan();
    again.staging.scan_step(&mut craft.flash);
    assert_eq!(
        again.receiving(),
        Some(header.number),
        "the log is open in flash too"
    );
}

/// Regression: a blank record was committed where flash could not be read at that moment.
#[test]
fn where_no_record_can_be_read_a_reset_is_asked_for_and_nothing_is_written() {
    let mut craft = Craft::launch();
    let whole = craft.flash.0.clone();
    let (from, to) = (MAP.record[0].start as usize, MAP.record[2].end() as usize);
    craft.flash.0[from..to].fill(0);
    let unreadable = craft.flash.0.clone();
    craft.agent.commit_due = true;
    craft.agent.record.epoch = Epoch::new(8).unwrap();
    let mut platform = Platform {
        flash: &mut craft.flash,
        supervisor: &mut Board,
        application: &mut Board,
    };
    for _ in 0..100 {
        craft.agent.handle_timeout(NOW, &mut platform);
    }
    assert!(craft.agent.is_resetting);
    assert!(craft.flash.0 == unreadable, "nothing is written");
    craft.flash.0 = whole;
    assert_eq!(craft.stored().epoch, Epoch::FIRST);
}

/// What steps change themselves is no upset: nothing is read again, nothing is forgotten.
#[test]
fn what_the_agent_changes_itself_is_no_upset() {
    let mut craft = Craft::launch();
    craft.agent.reports = u16::MAX;
    craft.agent.report_due = NOW.elapsed;
    let resets = craft.agent.record.resets;
    assert!(craft.agent.poll_transmit(NOW, &mut [0; 128]).is_some());
    craft.settle();
    assert_eq!(craft.agent.record.resets, resets + 1);
    assert_eq!(craft.stored().resets, resets + 1);
}

/// Regression: where the record could not be read at the agent's start it was lost until the next reset, and home heard
/// nothing but a resynchronisation until its command-loss timer ended in golden.
#[test]
fn a_record_that_could_not_be_read_at_the_start_is_looked_for_again() {
    let mut craft = Craft::launch();
    let whole = craft.flash.0.clone();
    let (from, to) = (MAP.record[0].start as usize, MAP.record[2].end() as usize);
    craft.flash.0[from..to].fill(0);
    let unreadable = craft.flash.0.clone();
    craft.agent = start(&mut craft.flash, craft.agent.config.clone()).unwrap();
    craft.settle();
    assert!(craft.agent.is_lost);
    for is_readable in [false, true] {
        craft
            .flash
            .0
            .clone_from(if is_readable { &whole } else { &unreadable });
        let due = craft.agent.record_due;
        assert!(due <= Elapsed(3_600_000 * if is_readable { 2 } else { 1 }));
        craft.live(due);
        assert_eq!(craft.agent.is_resetting, is_readable);
    }
    assert!(craft.flash.0 == whole, "nothing is written");
}

/// Regression: where the boot that was to try an image could not be counted, home ran on in its stead until something else
/// reset the vehicle, and the slot stayed busy.
#[test]
fn a_trial_that_does_not_run_gets_another_boot_within_a_day() {
    for state in [SlotState::Trial, SlotState::Verified] {
        let mut craft = Craft::launch();
        craft.agent.record.slots[1].state = state;
        craft.agent.commit(&mut craft.flash).unwrap();
        craft.settle();
        assert!(!craft.agent.is_resetting);
        let whole = craft.flash.0.clone();
        craft.live(Elapsed(86_400_000));
        assert_eq!(craft.agent.is_resetting, state == SlotState::Trial);
        assert!(craft.flash.0 == whole, "nothing is written");
    }
}
