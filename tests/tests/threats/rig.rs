//! A vehicle whose uplink somebody records, and what he makes of his recordings without any key.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use lightday_sim::flash::FlashStats;
use lightday_station::object::UplinkObject;
use lightday_tests::bench_ground::{Built, number};
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{Bench, IDENTITY, first_image, image};
use lightday_trust::digest::sha256;
use lightday_trust::keyset::KeySetContext;
use lightday_trust::{Direction, LinkKey, LinkKeys};
use lightday_wire::answer::Answer;
use lightday_wire::dump::Part;
use lightday_wire::report::REPORT_LEN;
use lightday_wire::{
    Action, Epoch, FrameHeader, ObjectKind, Region, Report, ResetCause, SlotId, SlotState, Stage,
    TagLen, canon,
};

/// The vehicle, and all that ever went up to it.
pub struct Tapped {
    pub bench: Bench,
    /// Every frame, in the order in which it was sent, heard by the vehicle or not.
    pub past: Vec<Vec<u8>>,
    /// Every object.
    pub objects: Vec<UplinkObject>,
}

/// What must be the same on a vehicle that was attacked and on one that was not.
#[derive(Debug, PartialEq)]
pub struct State {
    stats: FlashStats,
    flash: Vec<u8>,
    record: lightday_boot::Record,
    state: lightday_wire::Digest,
    boots: Vec<Option<lightday_wire::Location>>,
    reports: Vec<Report>,
    answers: Vec<Answer>,
    parts: Vec<(u64, Part)>,
    symbols_needed: u16,
    now: u64,
}

impl Tapped {
    /// A vehicle as it was launched, with tags of this length.
    pub fn launch(tag_len: TagLen) -> Self {
        let mut bench = Bench::launch();
        if bench.config.tag_len != tag_len {
            bench.config.tag_len = tag_len;
            bench.reset(ResetCause::PowerOn);
            bench.settle();
        }
        Self {
            bench,
            past: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// The frames of these symbols, as the ground seals them now; recorded.
    pub fn jammed(
        &mut self,
        object: &UplinkObject,
        symbols: impl IntoIterator<Item = u16>,
    ) -> Vec<Vec<u8>> {
        let key = self.bench.uplink(self.bench.ground.epoch);
        let tag_len = self.bench.config.tag_len;
        let seal = |index| object.frame(index, &key, tag_len).unwrap();
        let frames: Vec<Vec<u8>> = symbols.into_iter().map(seal).collect();
        self.past.extend(frames.iter().cloned());
        self.objects.push(object.clone());
        frames
    }

    /// Sends symbols; the vehicle hears them.
    pub fn send(&mut self, object: &UplinkObject, symbols: impl IntoIterator<Item = u16>) {
        let frames = self.jammed(object, symbols);
        self.hear(&frames);
    }

    /// Sends an object with some parity, as the ground does that has no report yet.
    pub fn send_all(&mut self, object: &UplinkObject) {
        self.send(object, 0..object.k() + 3);
    }

    pub fn command(&mut self, action: Action) {
        let object = self.bench.ground.command(action);
        self.send_all(&object);
    }

    pub fn hear(&mut self, frames: &[Vec<u8>]) {
        for frame in frames {
            self.bench.hear(frame);
            self.bench.settle();
        }
    }

    pub fn stage(&mut self, seed: u8, major: u8) -> Built {
        let built = self.bench.ground.bundle(&image(seed, 3000), major);
        self.send_all(&built.object);
        built
    }

    pub fn authorize(&mut self, built: &Built) {
        let authorization = self.bench.ground.authorization(built);
        self.send_all(&authorization);
    }

    pub fn confirm(&mut self, built: &Built) {
        self.command(Action::Confirm {
            image: built.image.digest,
        });
    }

    pub fn update(&mut self, seed: u8, major: u8) -> Built {
        let built = self.stage(seed, major);
        self.authorize(&built);
        self.confirm(&built);
        built
    }

    /// The root-signed switch to an epoch, under its own key.
    pub fn switch(&mut self, epoch: u8) {
        self.bench.ground.epoch = epoch;
        self.command(Action::EpochSwitch {
            epoch: Epoch::new(epoch).unwrap(),
        });
        assert_eq!(self.bench.record().epoch.get(), epoch);
    }

    /// A vehicle with a past: each kind of object, done, aborted and rolled back, under two key sets and two
    /// link epochs. Epoch 1 is in force.
    pub fn with_a_past() -> Self {
        Self::with_a_past_under(TagLen::Eight)
    }

    /// The same, with tags of this length.
    pub fn with_a_past_under(tag_len: TagLen) -> Self {
        let mut tapped = Self::launch(tag_len);
        let second = tapped.update(2, 2);
        for held in [true, false] {
            tapped.command(Action::Hold { held });
        }
        let n = tapped.bench.ground.take(ObjectKind::KeySet);
        let context = KeySetContext {
            class: IDENTITY.class,
            number: n,
        };
        let next = Staff::new(2, 2);
        let envelope = tapped.bench.ground.staff.succession(&next, context, true);
        let object = tapped.bench.ground.small(ObjectKind::KeySet, n, &envelope);
        tapped.send_all(&object);
        assert_eq!(tapped.bench.record().key_set, 2);
        tapped.bench.ground.staff = next;
        tapped.confirm(&second);
        tapped.command(Action::Rollback {
            image: sha256(&first_image()),
        });
        assert_eq!(tapped.bench.state(SlotId::A), SlotState::Trial);
        tapped.command(Action::Confirm {
            image: sha256(&first_image()),
        });
        assert_eq!(tapped.bench.state(SlotId::A), SlotState::Confirmed);
        tapped.switch(1);
        let given_up = tapped.bench.ground.bundle(&image(5, 2000), 5);
        tapped.send(&given_up.object, 0..6);
        tapped.command(Action::Abort {
            kind: ObjectKind::Bundle,
            number: given_up.number,
        });
        tapped.command(Action::RegionDigest {
            region: Region::Floors,
            offset: 0,
            len: 64,
        });
        tapped.command(Action::MemoryDump {
            region: Region::Floors,
            offset: 0,
            len: 100,
        });
        assert_eq!(tapped.bench.parts.len(), 2);
        tapped.update(3, 3);
        for action in [
            Action::Hold { held: true },
            Action::BootGolden,
            Action::Hold { held: false },
            Action::Rollback {
                image: sha256(&image(3, 3000)),
            },
            Action::Confirm {
                image: sha256(&image(3, 3000)),
            },
        ] {
            tapped.command(action);
            let stage = tapped.bench.record().verdict(ObjectKind::Command).stage;
            assert!(matches!(stage, Stage::Done | Stage::Started), "{action:?}");
        }
        assert_eq!(tapped.bench.state(SlotId::B), SlotState::Confirmed);
        tapped
    }

    pub fn state(&self) -> State {
        let bench = &self.bench;
        let capacity = u32::try_from(bench.flash.capacity()).unwrap();
        let reports = bench.reports.iter().map(|report| Report {
            frames_refused: 0,
            ..*report
        });
        State {
            stats: bench.flash.stats(),
            flash: bench.flash.peek(0..capacity).unwrap().to_vec(),
            record: bench.record().clone(),
            state: bench.agent().state_digest(),
            boots: bench.boots.clone(),
            reports: reports.collect(),
            answers: bench.answers.clone(),
            parts: bench.parts.clone(),
            symbols_needed: bench.agent().symbols_needed(),
            now: bench.now().elapsed.0,
        }
    }

    /// All that he has heard, forwards and backwards, and all that he can make of it.
    pub fn attack(&mut self) {
        let past = self.past.clone();
        self.hear(&past);
        let backwards: Vec<_> = past.iter().rev().cloned().collect();
        self.hear(&backwards);
        let forged = self.forged();
        self.hear(&forged);
    }

    /// Frames of every kind, epoch, shape and number, under every tag that one can have without a key.
    pub fn forged(&self) -> Vec<Vec<u8>> {
        let mut forged = Vec::new();
        let tags: [&[u8]; 3] = [&[0; 8], &[0xff; 8], b"lightday"];
        let tag_len = self.bench.config.tag_len.get();
        for kind in 0..=15u8 {
            for epoch in 0..=15u8 {
                for (k, index, len) in [(1u16, 0u16, 64usize), (2, 1, 128), (30, 65_535, 2)] {
                    for ahead in [0, 1, 40_000] {
                        let n = self.next(kind) + ahead;
                        let mut bytes = vec![kind << 4 | epoch];
                        bytes.extend(&n.to_be_bytes()[1..]);
                        bytes.extend(k.to_be_bytes());
                        bytes.extend(index.to_be_bytes());
                        bytes.extend(vec![n as u8; len]);
                        bytes.extend(&tags[usize::from(epoch) % 3][..tag_len]);
                        forged.push(bytes);
                    }
                }
            }
        }
        for frame in self.past.iter().rev().take(400) {
            forged.extend(altered(frame, self.next(frame[0] >> 4)));
        }
        forged.extend(self.reflected());
        forged.extend(self.under_other_keys());
        forged
    }

    fn next(&self, kind: u8) -> u32 {
        ObjectKind::from_code(kind).map_or(1, |kind| self.bench.record().next_number(kind).get())
    }

    /// The vehicle's own reports, sent back to it.
    pub fn reflected(&self) -> Vec<Vec<u8>> {
        let keys = &self.bench.config.link_keys;
        let seal = |report: &Report| {
            let epoch = self.bench.record().epoch;
            let key = keys.frame_key(IDENTITY.vehicle, Direction::Down, epoch);
            let mut body = [0; 128];
            let body = canon::encode(report, &mut body).unwrap();
            let mut out = vec![0; REPORT_LEN];
            key.seal_report(body, &mut out).unwrap();
            out
        };
        self.bench.reports.iter().map(seal).collect()
    }

    /// Sound frames for our numbers under keys that are not the vehicle's: a stranger's, those of the other
    /// direction, and those of another vehicle with the same link keys.
    fn under_other_keys(&self) -> Vec<Vec<u8>> {
        let epoch = self.bench.record().epoch;
        let strangers = LinkKeys(std::array::from_fn(|_| LinkKey([0x5a; 32])));
        let ours = &self.bench.config.link_keys;
        let other = lightday_wire::VehicleId(IDENTITY.vehicle.0 + 1);
        let keys = [
            strangers.frame_key(IDENTITY.vehicle, Direction::Up, epoch),
            ours.frame_key(IDENTITY.vehicle, Direction::Down, epoch),
            ours.frame_key(other, Direction::Up, epoch),
        ];
        let mut forged = Vec::new();
        for key in keys {
            for kind in ObjectKind::UPLINK {
                for k in 1..3 {
                    let header = FrameHeader {
                        kind,
                        epoch,
                        number: self.bench.record().next_number(kind),
                        k,
                        index: 0,
                    };
                    for tag_len in [TagLen::Six, TagLen::Eight] {
                        let mut out = vec![0; 80];
                        let len = key.seal_frame(header, &[7; 64], tag_len, &mut out).unwrap();
                        out.truncate(len);
                        forged.push(out);
                    }
                }
            }
        }
        forged
    }

    /// Every copy of the record is gone, and the power with it.
    pub fn lose_record(&mut self) {
        for copy in self.bench.map().record {
            self.bench.flash.erase(copy.start, copy.end()).unwrap();
        }
        self.bench.reset(ResetCause::PowerOn);
        self.bench.settle();
    }
}

/// A recording with its number made current, its epoch moved, a bit turned, and cut short.
fn altered(frame: &[u8], next: u32) -> Vec<Vec<u8>> {
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = frame.to_vec();
        change(&mut frame);
        frame
    };
    vec![
        change(&|f| f[1..4].copy_from_slice(&number(next).get().to_be_bytes()[1..])),
        change(&|f| f[0] = f[0] & 0xf0 | (f[0] & 0xf).saturating_add(1).min(15)),
        change(&|f| f[8] ^= 1),
        change(&|f| *f.last_mut().unwrap() ^= 0x80),
        change(&|f| f.truncate(f.len() - 2)),
    ]
}
