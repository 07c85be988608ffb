//! What the lessons share: a cut at every flash operation of an act, and an agent on a flash that lies.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use lightday_agent::{Now, Platform};
use lightday_boot::{Elapsed, Region};
use lightday_sim::flash::{CutForm, FlashError, SimFlash};
use lightday_sim::vehicle::SimSupervisor;
use lightday_station::object::UplinkObject;
use lightday_tests::bench_vehicle::{Bench, BenchAgent, BenchApplication, EPOCH_S, IDENTITY};
use lightday_trust::Direction;
use lightday_wire::report::ReportFrame;
use lightday_wire::{Location, Report, SlotId, TagLen, canon};

pub const A: Location = Location::Slot(SlotId::A);
pub const B: Location = Location::Slot(SlotId::B);
pub type Flash = SimFlash<8, 4096>;

/// Every form of a cut, once.
pub const FORMS: [CutForm; 3] = [CutForm::NotDone, CutForm::Partial(1), CutForm::Unstable(2)];

/// A vehicle at launch whose flash faults where a word was torn.
pub fn launch_with_ecc() -> Bench {
    let mut bench = Bench::launch();
    bench.flash = bench.flash.clone().with_ecc();
    bench
}

/// Cuts the power at every flash operation of `act`, one after the other and in each of `forms`, and has the
/// vehicle checked after each. Returns how many cuts there were.
pub fn each_cut(
    forms: &[CutForm],
    prepare: impl Fn() -> Bench,
    act: impl Fn(&mut Bench),
    check: impl Fn(&mut Bench, &str),
) -> u32 {
    let mut cuts = 0;
    for form in forms {
        for op in 0.. {
            let mut bench = prepare();
            let begin = bench.flash.operations();
            bench.flash.cut_at(begin + op, *form);
            act(&mut bench);
            if bench.flash.is_powered() {
                break;
            }
            check(&mut bench, &format!("{form:?} at operation {op}"));
            cuts += 1;
        }
    }
    cuts
}

/// Lets a vehicle whose power failed come to rest.
pub fn recover(bench: &mut Bench) {
    while !bench.settle_through_cuts() {}
}

/// Tears the word at `at`: its erase block is erased, and the power fails while it is programmed.
pub fn tear(flash: &mut Flash, at: u32) {
    flash.unlock();
    let block = at / 4096 * 4096;
    flash.erase(block, block + 4096).unwrap();
    flash.cut_at(flash.operations(), CutForm::Partial(1));
    assert!(flash.write(at, &[0; 8]).is_err());
    flash.power_on();
    let read = flash.read(at, &mut [0; 8]);
    assert_eq!(read, Err(FlashError::Uncorrectable(at)), "ECC is off");
}

/// A flash that does not do what it says in some regions.
pub struct Bad {
    pub flash: Flash,
    pub regions: Vec<Region>,
    /// Reads there fail.
    pub is_unreadable: bool,
    /// So many writes there say that they succeeded, and do nothing.
    pub lies: u32,
    /// Erases there.
    pub erases: u32,
}

impl Bad {
    pub fn new(flash: Flash, regions: Vec<Region>) -> Self {
        Self {
            flash,
            regions,
            is_unreadable: false,
            lies: 0,
            erases: 0,
        }
    }

    fn is_hit(&self, offset: u32, len: usize) -> bool {
        let end = offset + u32::try_from(len).unwrap();
        let hit = |r: &Region| offset < r.end() && r.start < end;
        self.regions.iter().any(hit)
    }
}

impl ErrorType for Bad {
    type Error = FlashError;
}

impl ReadNorFlash for Bad {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        if self.is_unreadable && self.is_hit(offset, bytes.len()) {
            return Err(FlashError::Uncorrectable(offset));
        }
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Bad {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.erases += u32::from(self.is_hit(from, (to - from) as usize));
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        if self.lies > 0 && self.is_hit(offset, bytes.len()) {
            self.lies -= 1;
            return Ok(());
        }
        self.flash.write(offset, bytes)
    }
}

/// The agent of a bench that was reset, on a flash that is bad.
pub struct Rig {
    pub flash: Bad,
    pub reports: Vec<Report>,
    pub agent: Box<BenchAgent>,
    bench: Bench,
    supervisor: SimSupervisor,
    application: BenchApplication,
    now_ms: u64,
}

impl Rig {
    pub fn new(bench: Bench, flash: Bad) -> Self {
        let now_ms = bench.now().elapsed.0;
        let mut supervisor = SimSupervisor::new(Elapsed(now_ms), 60_000);
        let mut application = bench.application.clone();
        let mut flash = flash;
        let mut platform = Platform {
            flash: &mut flash,
            supervisor: &mut supervisor,
            application: &mut application,
        };
        let (config, running) = (bench.config.clone(), bench.running());
        let agent = BenchAgent::start(config, Vec::new(), running, bench.now(), &mut platform);
        let mut rig = Self {
            flash,
            reports: Vec::new(),
            agent: Box::new(agent.unwrap()),
            bench,
            supervisor,
            application,
            now_ms,
        };
        rig.settle();
        rig
    }

    fn now(&self) -> Now {
        Now {
            elapsed: Elapsed(self.now_ms),
            time_s: Some(EPOCH_S + self.now_ms / 1000),
        }
    }

    /// Delivers an object; returns how many steps the agent did until it came to rest.
    pub fn deliver(&mut self, object: &UplinkObject) -> u32 {
        let key = self.bench.uplink(0);
        let mut steps = 0;
        for index in 0..object.k() {
            let frame = object.frame(index, &key, TagLen::Eight).unwrap();
            self.agent.handle_frame(self.now(), &frame);
            steps += self.settle();
        }
        steps
    }

    /// Steps until nothing is due.
    pub fn settle(&mut self) -> u32 {
        for step in 0..100_000 {
            if self.agent.poll_timeout() > Elapsed(self.now_ms) {
                return step;
            }
            self.step();
        }
        panic!("the agent never comes to rest");
    }

    /// Lets time pass, hour by hour.
    pub fn wait_h(&mut self, hours: u64) {
        for _ in 0..hours {
            self.now_ms += 3_600_000;
            self.settle();
        }
    }

    fn step(&mut self) {
        let now = self.now();
        let mut platform = Platform {
            flash: &mut self.flash,
            supervisor: &mut self.supervisor,
            application: &mut self.application,
        };
        self.agent.handle_timeout(now, &mut platform);
        let mut packet = [0; 128];
        if let Some(len) = self.agent.poll_transmit(now, &mut packet) {
            let (down, epoch) = (Direction::Down, self.agent.record().epoch);
            let keys = &self.bench.config.link_keys;
            let key = keys.frame_key(IDENTITY.vehicle, down, epoch);
            let frame = ReportFrame::parse(&packet[..len]).unwrap();
            let body = key.open_report(&frame).unwrap();
            self.reports.push(canon::decode(body).unwrap());
        }
        self.now_ms += 1;
    }
}
