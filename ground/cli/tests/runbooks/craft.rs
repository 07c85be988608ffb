//! The vehicle at the other end of the command line: real loader and agent, under the keys of the mission's files.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use lightday_boot::Identity;
use lightday_sim::crew::Crew;
use lightday_sim::flash::{FlashStats, SimFlash};
use lightday_sim::time::{Calendar, MissionTime};
use lightday_sim::vehicle::{
    DecoderMemory, Happening, Launch, Launched, Layout, LayoutSizes, Software, Vehicle,
};
use lightday_station::link_keys::HeldKeys;
use lightday_station::profile::Profile;
use lightday_trust::KeySet;
use lightday_wire::{Location, SlotId, canon};

/// Seconds of light, one way: 22 h, as in a new mission.
pub const LIGHT_S: u64 = 79_200;
/// The factory whose papers prove the first images. The twin's is the same one, so that both have one state.
const FACTORY_SEED: u64 = 0;
const SLOT_LEN: u32 = 16 << 10;
const STAGING_LEN: u32 = 512 << 10;

/// What the vehicle sent.
pub struct Packet {
    /// When, in Unix seconds.
    pub sent_s: u64,
    /// All of its bytes.
    pub bytes: Vec<u8>,
}

/// A vehicle in flight.
pub struct Craft {
    vehicle: Vehicle<8, 4096>,
    calendar: Calendar,
    on_the_way: VecDeque<(MissionTime, Vec<u8>)>,
    /// What it sent, in order.
    pub sent: Vec<Packet>,
}

/// Who a vehicle is, and since when.
#[derive(Clone, Copy)]
pub struct Launching<'a> {
    /// Its id, and its class.
    pub id: (u32, u32),
    /// In Unix seconds.
    pub at_s: u64,
    /// The image of golden and slot A, with its version.
    pub image: (&'a [u8], &'a str),
}

impl Craft {
    /// A vehicle as it is launched with the files of the mission at `root`.
    pub fn launch(root: &Path, what: Launching<'_>) -> Self {
        let bytes = fs::read(root.join("keys/keyset-1.bin")).unwrap();
        let keys: KeySet = canon::decode(&bytes).unwrap();
        let text = fs::read_to_string(root.join("keys/link.key")).unwrap();
        let link_keys = HeldKeys::from_text(&text).unwrap();
        let example = lightday_station::profile::EXAMPLE;
        let example = example.replace("[\"store\"]", "[\"store\", \"model\"]");
        let profile: Profile = toml::from_str(&example).unwrap();
        let sizes = LayoutSizes {
            slot: SLOT_LEN,
            staging: STAGING_LEN,
            block: STAGING_LEN,
        };
        let layout = Layout::new(8, 4096, sizes);
        let identity = Identity {
            vehicle: lightday_wire::VehicleId(what.id.0),
            class: lightday_wire::ClassId(what.id.1),
            component: profile.component,
        };
        let factory = Crew::new(FACTORY_SEED, keys.version - 1);
        let launched = Launched {
            bytes: what.image.0,
            version: what.image.1.parse().unwrap(),
        };
        let launch = Launch {
            layout: &layout,
            identity,
            keys: &keys,
            factory: &factory,
            golden: launched,
            first: launched,
        };
        let flash: SimFlash<8, 4096> = launch.flash();
        let memory = DecoderMemory::of(&profile.decoder);
        let config = lightday_agent::Config {
            identity,
            map: layout.map,
            link_keys: link_keys.padded(),
            tag_len: profile.link.tag_len,
            load_addresses: SlotId::ALL.map(|_| Some(0x2000_0000)),
            decoder_heap: memory.heap,
            command_loss_s: 3 * 7 * 86_400,
            beacon_s: 6 * 3600,
        };
        let calendar = Calendar {
            start_unix_s: what.at_s,
        };
        let vehicle = Vehicle::new(flash, config, Software::default(), calendar, 0);
        Self {
            vehicle: vehicle.with_decoder_ram(memory.ram),
            calendar,
            on_the_way: VecDeque::new(),
            sent: Vec::new(),
        }
    }

    /// A frame whose last bit left the ground at `sent_ms`, in Unix milliseconds.
    pub fn expect(&mut self, sent_ms: u64, frame: &[u8]) {
        let at = self.calendar.instant_ms(sent_ms + LIGHT_S * 1000);
        let place = self.on_the_way.partition_point(|(before, _)| *before <= at);
        self.on_the_way.insert(place, (at, frame.to_vec()));
    }

    /// A frame that was to leave until `sent_ms`, in Unix milliseconds, does not.
    pub fn expect_no_more(&mut self, sent_ms: u64, frame: &[u8]) {
        let at = self.calendar.instant_ms(sent_ms + LIGHT_S * 1000);
        self.on_the_way
            .retain(|(arrives, bytes)| *arrives != at || bytes != frame);
    }

    /// Lets it live until `now_s`, in Unix seconds.
    pub fn advance(&mut self, now_s: u64) {
        let now = self.calendar.instant(now_s);
        loop {
            let arrives = self
                .on_the_way
                .front()
                .map_or(MissionTime::NEVER, |(at, _)| *at);
            let acts = self.vehicle.next_event();
            let next = arrives.min(acts);
            if next > now || next == MissionTime::NEVER {
                return;
            }
            if arrives <= acts {
                let (at, frame) = self.on_the_way.pop_front().unwrap();
                self.vehicle.receive(at, &frame);
            } else if let Happening::Sent(bytes) = self.vehicle.step(acts) {
                let sent_s = self.calendar.unix_s(acts);
                self.sent.push(Packet { sent_s, bytes });
            }
        }
    }

    /// All three copies of its record read as erased, at `now_s` in Unix seconds, and it is reset.
    pub fn lose_record(&mut self, now_s: u64) {
        self.advance(now_s);
        for copy in self.vehicle.config().map.record {
            let range = copy.start..copy.end();
            let bytes = self.vehicle.flash().peek(range.clone()).unwrap().to_vec();
            for (address, byte) in range.zip(bytes) {
                for bit in (0..8).filter(|bit| byte >> bit & 1 == 0) {
                    self.vehicle.flash_mut().flip(address, bit);
                }
            }
        }
        let _ = self.vehicle.upset(self.calendar.instant(now_s));
    }

    /// What runs.
    pub fn running(&self) -> Option<Location> {
        self.vehicle.running()
    }

    /// What was ever done to its flash.
    pub fn flash_stats(&self) -> FlashStats {
        self.vehicle.flash().stats()
    }

    /// The bytes of a slot, as many as an image has.
    pub fn slot(&self, slot: SlotId, len: usize) -> Vec<u8> {
        let start = self.vehicle.config().map.slots[slot.index()].image.start;
        let range = start..start + u32::try_from(len).unwrap();
        self.vehicle.flash().peek(range).unwrap().to_vec()
    }
}
