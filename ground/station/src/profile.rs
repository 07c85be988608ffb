//! The profile: what the ground knows of a vehicle and its link before anything is built.
//!
//! The command line reads it from `mission.toml`. Never a secret, never an observation: what the
//! vehicle proved stands in the tracker. Every number carries its unit in its name.
//!
//! ```
//! use lightday_station::profile::Profile;
//! let profile: Profile = toml::from_str(lightday_station::profile::EXAMPLE)?;
//! profile.check()?;
//! assert_eq!(profile.memory.load_address.any(), 0x4000_0000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;
use lightday_wire::frame::MAX_SYMBOL_LEN;
use lightday_wire::{
    ClassId, CodecId, ComponentId, SlotId, TagLen, Target, TrialPolicy, VehicleId,
};
use serde::{Deserialize, Serialize};

use crate::image::{Arch, ImageOptions};
use crate::size::ByteSize;

/// A complete profile, as it stands in `mission.toml`.
pub const EXAMPLE: &str = r#"
vehicle = 7                 # the id of this one spacecraft
class = 1                   # the id that it shares with its testbed
component = 0               # which part of the vehicle
arch = "sparc"              # arm, aarch64, riscv32, riscv64, sparc, powerpc, x86-64
lease = "supervised"        # or cooperative: no supervisor outside the application holds the lease

[memory]
slot_size = 262144          # bytes of slot A, and of slot B
load_address = 0x40000000   # or { a = ..., b = ... } where images are linked per slot
program_granule = 4         # bytes that the flash programs at once
erase_block = 4096          # bytes that the flash erases at once
staging_size = 262144       # bytes of the staging area: symbol log and block
symbols = 1000              # most source symbols of one object
security_counters = 16      # highest security counter that the floors hold

[decoder]
ram = "64KiB"               # RAM that a decoder may take; or a number of bytes: 65536
codecs = ["store"]          # store, bsdiff-zstd, model

[trial]
tries = 3                   # boots before it is reverted
health_deadline_s = 600     # seconds from boot until it must be healthy
lease_s = 604800            # seconds until a signed command must have been heard
self_confirm = false        # whether it may confirm itself once it heard one

[link]
rate_up_bps = 100           # bit/s up, after channel coding
rate_down_bps = 100         # bit/s down
light_time_s = 79200        # seconds one way
encapsulation = 8           # bytes that packets and frames of the link add to each of ours
tag_len = 8                 # bytes of each frame's MAC: 8, or 6
symbol_len_max = 200        # bytes of the longest symbol
beacon_s = 21600            # seconds between two reports where nothing happens
"#;

/// Seconds between two reports where nothing happens, where nobody states them.
pub const BEACON_S: u64 = 6 * 3600;
/// The shortest beacon, in seconds: years of a vehicle's life are lived through, report by report, within seconds.
pub const SHORTEST_BEACON_S: u64 = 60;

const fn beacon() -> u64 {
    BEACON_S
}

/// What the ground knows of a vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The one vehicle.
    pub vehicle: VehicleId,
    /// The class that it belongs to.
    pub class: ClassId,
    /// The part of it that runs the image.
    pub component: ComponentId,
    /// Its architecture; `None` takes any image.
    #[serde(default)]
    pub arch: Option<Arch>,
    /// Who holds the lease on board.
    pub lease: Lease,
    /// Slots and staging.
    pub memory: Memory,
    /// What it can decode.
    pub decoder: DecoderProfile,
    /// The trial policy of its bundles, unless they say otherwise.
    pub trial: TrialDefaults,
    /// The link to it.
    pub link: Link,
}

/// Slots and staging. All sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bytes of each of the slots A and B.
    pub slot_size: u32,
    /// Where images are linked.
    pub load_address: LoadAddress,
    /// What the flash programs at once; symbols of bundles are a multiple of it.
    pub program_granule: u16,
    /// What the flash erases at once.
    pub erase_block: u32,
    /// Bytes of the staging area: the symbol log and the block that the solve writes.
    pub staging_size: u32,
    /// Most source symbols of one object.
    pub symbols: u16,
    /// Highest security counter that the vehicle's floors hold, one program granule a step. A floor that is
    /// full no longer guards against older images.
    #[serde(default = "least_counters")]
    pub security_counters: u32,
}

/// What every vehicle holds, however coarse its granule.
#[must_use]
pub const fn least_counters() -> u32 {
    16
}

/// Where images are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write a number, or { a = 0x..., b = 0x... } where images are linked per slot"
)]
pub enum LoadAddress {
    /// One address: images are copied there and run, from whichever slot.
    Same(u64),
    /// Execute in place: one address a slot.
    PerSlot {
        /// Address of slot A.
        a: u64,
        /// Address of slot B.
        b: u64,
    },
}

impl LoadAddress {
    /// The address for an image of this slot.
    #[must_use]
    pub const fn of(self, slot: SlotId) -> u64 {
        match (self, slot) {
            (Self::Same(address), _)
            | (Self::PerSlot { a: address, .. }, SlotId::A)
            | (Self::PerSlot { b: address, .. }, SlotId::B) => address,
        }
    }

    /// The address of slot A, which is the only one where images are copied to RAM.
    #[must_use]
    pub const fn any(self) -> u64 {
        self.of(SlotId::A)
    }
}

/// Most RAM that a decoder may be given: the encoders take as much for each of two threads, and more than
/// about 1 MiB makes no patch smaller.
pub const DECODER_RAM_MAX: ByteSize = ByteSize(256 << 20);

/// What the vehicle can decode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderProfile {
    /// Bytes of RAM that a decoder may take, at most [`DECODER_RAM_MAX`]; as text also such as `"64KiB"`.
    #[serde(deserialize_with = "crate::size::bytes")]
    pub ram: u32,
    /// The codecs on board.
    #[serde(with = "codec_names")]
    pub codecs: Vec<CodecId>,
}

/// The trial policy unless a bundle says otherwise; see [`TrialPolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialDefaults {
    /// Boots before it is reverted, at least 1.
    pub tries: u8,
    /// Seconds from boot until it has to say that it is healthy.
    pub health_deadline_s: u32,
    /// Seconds from the first boot until a signed command must have been heard.
    pub lease_s: u32,
    /// Whether it may confirm itself once a signed command was heard.
    pub self_confirm: bool,
}

impl From<TrialDefaults> for TrialPolicy {
    fn from(d: TrialDefaults) -> Self {
        Self {
            tries: d.tries,
            health_deadline_s: d.health_deadline_s,
            lease_s: d.lease_s,
            self_confirm: d.self_confirm,
        }
    }
}

/// Who holds the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lease {
    /// A supervisor that the application cannot stop, extend or write.
    Supervised,
    /// The application itself: a lying application keeps itself alive.
    Cooperative,
}

/// The link to the vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Bit/s up, after channel coding.
    pub rate_up_bps: u32,
    /// Bit/s down.
    pub rate_down_bps: u32,
    /// Seconds one way.
    pub light_time_s: u64,
    /// Bytes that the link's packets and frames add to each of ours.
    pub encapsulation: u16,
    /// Bytes of each frame's MAC.
    #[serde(with = "tag_bytes")]
    pub tag_len: TagLen,
    /// Bytes of the longest symbol.
    pub symbol_len_max: u16,
    /// Seconds from a report to the next one of the vehicle where nothing happens between; six hours if not stated.
    #[serde(default = "beacon")]
    pub beacon_s: u64,
}

/// A profile that contradicts itself: the field and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileError {
    /// The field of `mission.toml`.
    pub field: &'static str,
    /// What it has to be.
    pub must: &'static str,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must {}", self.field, self.must)
    }
}

impl std::error::Error for ProfileError {}

impl ProfileError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        "correct the field in mission.toml"
    }
}

impl Profile {
    /// Whether the numbers go together.
    ///
    /// # Errors
    /// [`ProfileError`] names the first field that does not.
    pub fn check(&self) -> Result<(), ProfileError> {
        let (memory, link) = (&self.memory, &self.link);
        let granule = u32::from(memory.program_granule);
        let longest = u16::try_from(MAX_SYMBOL_LEN).unwrap_or(u16::MAX);
        let must = |holds: bool, field, must| {
            if holds {
                Ok(())
            } else {
                Err(ProfileError { field, must })
            }
        };
        must(memory.slot_size > 0, "memory.slot_size", "be above 0")?;
        must(
            granule > 0 && granule <= 512,
            "memory.program_granule",
            "be 1 to 512 B",
        )?;
        must(
            memory.erase_block > 0 && memory.erase_block.is_multiple_of(granule),
            "memory.erase_block",
            "be above 0, and a multiple of memory.program_granule",
        )?;
        must(
            memory.slot_size.is_multiple_of(memory.erase_block),
            "memory.slot_size",
            "be a multiple of memory.erase_block",
        )?;
        must(memory.staging_size > 0, "memory.staging_size", "be above 0")?;
        must(memory.symbols > 0, "memory.symbols", "be above 0")?;
        must(
            memory.security_counters >= least_counters(),
            "memory.security_counters",
            "be at least 16, which every vehicle holds",
        )?;
        must(
            self.decoder.ram <= DECODER_RAM_MAX.0,
            "decoder.ram",
            "be at most 256MiB: more than about 1MiB makes no patch smaller",
        )?;
        must(
            self.decoder.codecs.contains(&CodecId::Store),
            "decoder.codecs",
            "contain \"store\": a full image must always be possible",
        )?;
        must(self.trial.tries > 0, "trial.tries", "be above 0")?;
        must(
            self.trial.lease_s > 0 && self.trial.health_deadline_s > 0,
            "trial.lease_s and trial.health_deadline_s",
            "be above 0",
        )?;
        must(link.rate_up_bps > 0, "link.rate_up_bps", "be above 0")?;
        must(link.rate_down_bps > 0, "link.rate_down_bps", "be above 0")?;
        let beacon = SHORTEST_BEACON_S..=u64::from(u32::MAX);
        must(
            beacon.contains(&link.beacon_s),
            "link.beacon",
            "be from 1 min to 136 years",
        )?;
        must(
            link.symbol_len_max >= self.granule() && link.symbol_len_max <= longest,
            "link.symbol_len_max",
            "be at least two bytes and the program granule, and at most 1000",
        )
    }

    /// What symbols of bundles are a multiple of: even, and the flash's program granule.
    #[must_use]
    pub const fn granule(&self) -> u16 {
        let granule = self.memory.program_granule;
        if granule.is_multiple_of(2) {
            granule
        } else {
            granule.saturating_mul(2)
        }
    }

    /// What an image has to fit.
    #[must_use]
    pub fn image_options(&self) -> ImageOptions {
        let mut load_addresses = SlotId::ALL
            .map(|slot| self.memory.load_address.of(slot))
            .to_vec();
        load_addresses.dedup();
        ImageOptions {
            max_size: u64::from(self.memory.slot_size),
            max_gap: u64::from(self.memory.slot_size),
            arch: self.arch,
            load_addresses,
        }
    }

    /// What a bundle is bound to.
    #[must_use]
    pub const fn target(&self, class_bound: bool) -> Target {
        if class_bound {
            Target::Class(self.class)
        } else {
            Target::Vehicle(self.vehicle)
        }
    }
}

/// The name of a codec in `mission.toml`.
#[must_use]
pub const fn codec_name(codec: CodecId) -> &'static str {
    match codec {
        CodecId::Store => "store",
        CodecId::BsdiffZstd => "bsdiff-zstd",
        CodecId::Model => "model",
    }
}

mod codec_names {
    use super::{CodecId, codec_name};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(codecs: &[CodecId], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(codecs.iter().map(|c| codec_name(*c)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<CodecId>, D::Error> {
        let known = |name: &String| {
            let mut all = CodecId::ALL.iter().copied();
            all.find(|c| codec_name(*c) == name).ok_or_else(|| {
                D::Error::custom(format!(
                    "unknown codec \"{name}\": store, bsdiff-zstd or model"
                ))
            })
        };
        Vec::<String>::deserialize(d)?.iter().map(known).collect()
    }
}

/// Tag lengths as a number of bytes.
pub(crate) mod tag_bytes {
    use lightday_wire::TagLen;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(tag: &TagLen, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u8(u8::try_from(tag.get()).unwrap_or(0))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<TagLen, D::Error> {
        match u8::deserialize(d)? {
            8 => Ok(TagLen::Eight),
            6 => Ok(TagLen::Six),
            _ => Err(D::Error::custom("a tag has 8 or 6 bytes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Profile {
        toml::from_str(EXAMPLE).unwrap()
    }

    #[test]
    fn the_example_is_sound_and_survives_writing() {
        let profile = example();
        assert_eq!(profile.check(), Ok(()));
        let again: Profile = toml::from_str(&toml::to_string(&profile).unwrap()).unwrap();
        assert_eq!(again, profile);
    }

    #[test]
    fn unknown_fields_codecs_and_tags_are_named() {
        for (from, to, named) in [
            ("vehicle = 7", "vehicle = 7\nvehikel = 8", "vehikel"),
            ("\"store\"", "\"lzma\"", "lzma"),
            ("tag_len = 8", "tag_len = 7", "8 or 6"),
            ("\"sparc\"", "\"vax\"", "vax"),
        ] {
            let text = EXAMPLE.replace(from, to);
            let error = toml::from_str::<Profile>(&text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn the_decoders_ram_is_a_number_or_a_size() {
        for text in ["65536", "\"64KiB\"", "\"65536\""] {
            let text = EXAMPLE.replace("\"64KiB\"", text);
            let profile: Profile = toml::from_str(&text).unwrap();
            assert_eq!(profile.decoder.ram, 65536);
        }
        let text = EXAMPLE.replace("64KiB", "64 apples");
        let error = toml::from_str::<Profile>(&text).unwrap_err().to_string();
        assert!(error.contains("write bytes"), "{error}");
    }

    #[test]
    fn contradictions_name_their_field() {
        let mut profile = example();
        profile.memory.erase_block = 4095;
        assert_eq!(profile.check().unwrap_err().field, "memory.erase_block");
        let mut profile = example();
        profile.decoder.codecs = vec![CodecId::BsdiffZstd];
        assert_eq!(profile.check().unwrap_err().field, "decoder.codecs");
        let mut profile = example();
        profile.decoder.ram = DECODER_RAM_MAX.0;
        assert_eq!(profile.check(), Ok(()));
        profile.decoder.ram += 1;
        let error = profile.check().unwrap_err();
        assert_eq!(error.field, "decoder.ram");
        assert!(error.to_string().contains(&DECODER_RAM_MAX.to_string()));
        let mut profile = example();
        profile.link.symbol_len_max = 1001;
        assert_eq!(profile.check().unwrap_err().field, "link.symbol_len_max");
    }

    #[test]
    fn images_per_slot_have_two_addresses() {
        let text = EXAMPLE.replace("0x40000000", "{ a = 0x1000, b = 0x2000 }");
        let profile: Profile = toml::from_str(&text).unwrap();
        assert_eq!(profile.memory.load_address.of(SlotId::B), 0x2000);
        assert_eq!(profile.image_options().load_addresses, vec![0x1000, 0x2000]);
        assert_eq!(example().image_options().load_addresses, vec![0x4000_0000]);
    }
}
