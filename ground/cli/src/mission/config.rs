//! mission.toml as it is written. Unknown fields are refused, so that a misspelt one never does nothing.

mod check;

use std::path::Path;

use lightday_station::image::Arch;
use lightday_station::link::{self, LinkModel};
use lightday_station::profile::{self, LoadAddress};
use lightday_station::whatif;
use lightday_wire::{ClassId, CodecId, ComponentId, TagLen, VehicleId, Version};
use serde::{Deserialize, Deserializer, de};

use crate::error::{Error, Result};

use self::check::{check, in_words, locate};
use super::units::{ByteSize, Ppm, Span};

pub use self::check::at_field;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    format: u32,
    /// Who the vehicle is.
    pub vehicle: Vehicle,
    memory: Memory,
    decoder: Decoder,
    trial: Trial,
    link: Link,
    /// How frames are lost.
    pub loss: Loss,
    /// What a plan has to achieve.
    pub plan: Plan,
    /// What the mission demands.
    pub policy: Policy,
    /// When nobody can speak to the vehicle, nor hear it, whatever is booked.
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// How the vehicle was launched, for its twin.
    #[serde(default)]
    pub twin: Option<TwinConfig>,
}

/// A time in which there is no link, such as a solar conjunction, in Unix seconds on the ground.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// First second.
    #[serde(rename = "start", deserialize_with = "instant")]
    pub start_s: u64,
    /// The second behind the last one.
    #[serde(rename = "end", deserialize_with = "instant")]
    pub end_s: u64,
    /// Why, for people.
    pub why: String,
}

impl Outage {
    /// From its first second to the one behind its last.
    pub const fn span(&self) -> (u64, u64) {
        (self.start_s, self.end_s)
    }
}

/// How the vehicle was launched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwinConfig {
    /// When, in Unix seconds.
    #[serde(rename = "launched", deserialize_with = "instant")]
    pub launched_s: u64,
    /// The file of the golden image, relative to the mission.
    pub golden: String,
    /// Its version.
    #[serde(deserialize_with = "version")]
    pub golden_version: Version,
    /// The file of the image in slot A, relative to the mission.
    pub first: String,
    /// Its version.
    #[serde(deserialize_with = "version")]
    pub first_version: Version,
}

/// Who the vehicle is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vehicle {
    /// For people.
    pub name: String,
    id: u32,
    class: u32,
    component: u8,
    #[serde(default)]
    arch: Option<Arch>,
    lease: profile::Lease,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    slot_size: ByteSize,
    load_address: LoadAddress,
    program_granule: u16,
    erase_block: ByteSize,
    staging_size: ByteSize,
    symbols: u16,
    #[serde(default = "profile::least_counters")]
    security_counters: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decoder {
    ram: ByteSize,
    codecs: Vec<Codec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    tries: u8,
    health_deadline: Span,
    lease: Span,
    self_confirm: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    rate_up_bps: u32,
    rate_down_bps: u32,
    light_time: Span,
    encapsulation: u16,
    #[serde(deserialize_with = "tag_len")]
    tag_len: TagLen,
    symbol_len_max: u16,
    #[serde(default = "beacon")]
    beacon: Span,
}

const fn beacon() -> Span {
    Span {
        ms: profile::BEACON_S * 1000,
    }
}

/// How frames are lost.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// How likely a frame is lost.
    pub frames: Ppm,
    /// How many are lost in a row on average.
    pub mean_burst: f64,
    /// How likely a whole pass is lost.
    pub passes: Ppm,
    /// How likely a bit is wrong after channel decoding.
    pub bit_errors: f64,
}

/// What a plan has to achieve.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// How sure it must be that no feedback is needed.
    pub probability: f64,
    /// How long it takes to bring frames to the antenna: nothing is planned to leave sooner.
    #[serde(default)]
    lead: Span,
    /// How long beforehand a pass has to be booked.
    #[serde(default = "booking_lead")]
    booking_lead: Span,
    /// The shortest pass that can be booked.
    #[serde(default = "shortest_pass")]
    shortest_pass: Span,
}

const fn booking_lead() -> Span {
    Span {
        ms: whatif::LEAD_S * 1000,
    }
}

const fn shortest_pass() -> Span {
    Span {
        ms: whatif::SHORTEST_S * 1000,
    }
}

impl Plan {
    /// As `lead`, in seconds.
    pub const fn lead_s(&self) -> u64 {
        self.lead.seconds()
    }

    /// As `booking_lead`, in seconds.
    pub const fn booking_lead_s(&self) -> u64 {
        self.booking_lead.seconds()
    }

    /// As `shortest_pass`, in seconds.
    pub const fn shortest_pass_s(&self) -> u64 {
        self.shortest_pass.seconds()
    }
}

/// What the mission demands.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether an authorization needs the evidence of a rehearsal.
    pub require_rehearsal: bool,
    /// Whether an authorization needs a window.
    pub require_window: bool,
}

/// A decoder by its name.
#[derive(Clone, Copy, Debug)]
struct Codec(CodecId);

impl<'de> Deserialize<'de> for Codec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        let known = CodecId::ALL
            .iter()
            .copied()
            .find(|c| profile::codec_name(*c) == name);
        let unknown = || format!("unknown codec `{name}`: store, bsdiff-zstd or model");
        known.map(Self).ok_or_else(|| de::Error::custom(unknown()))
    }
}

fn instant<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<u64, D::Error> {
    crate::time::parse_instant(&String::deserialize(d)?).map_err(de::Error::custom)
}

fn version<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<Version, D::Error> {
    String::deserialize(d)?.parse().map_err(de::Error::custom)
}

fn tag_len<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<TagLen, D::Error> {
    match u8::deserialize(d)? {
        8 => Ok(TagLen::Eight),
        6 => Ok(TagLen::Six),
        n => Err(de::Error::custom(format!(
            "a tag of {n} bytes: write 8, or 6"
        ))),
    }
}

impl Config {
    /// The link as the planner sees it.
    pub fn link_model(&self) -> LinkModel {
        let p = self.loss.frames.probability();
        // A burst of one frame on average is no burst.
        let loss = if self.loss.mean_burst > 1.0 {
            link::Loss::GilbertElliott {
                loss: p,
                mean_burst_frames: self.loss.mean_burst,
            }
        } else {
            link::Loss::Random { p }
        };
        let passes = self.loss.passes.probability();
        LinkModel::new(&self.profile_of().link, loss, self.loss.bit_errors, passes)
    }

    /// The profile as the station wants it.
    fn profile_of(&self) -> profile::Profile {
        let short = |span: Span| u32::try_from(span.seconds()).unwrap_or(u32::MAX);
        profile::Profile {
            vehicle: VehicleId(self.vehicle.id),
            class: ClassId(self.vehicle.class),
            component: ComponentId(self.vehicle.component),
            arch: self.vehicle.arch,
            lease: self.vehicle.lease,
            memory: profile::Memory {
                slot_size: self.memory.slot_size.0,
                load_address: self.memory.load_address,
                program_granule: self.memory.program_granule,
                erase_block: self.memory.erase_block.0,
                staging_size: self.memory.staging_size.0,
                symbols: self.memory.symbols,
                security_counters: self.memory.security_counters,
            },
            decoder: profile::DecoderProfile {
                ram: self.decoder.ram.0,
                codecs: self.decoder.codecs.iter().map(|c| c.0).collect(),
            },
            trial: profile::TrialDefaults {
                tries: self.trial.tries,
                health_deadline_s: short(self.trial.health_deadline),
                lease_s: short(self.trial.lease),
                self_confirm: self.trial.self_confirm,
            },
            link: profile::Link {
                rate_up_bps: self.link.rate_up_bps,
                rate_down_bps: self.link.rate_down_bps,
                light_time_s: self.link.light_time.seconds(),
                encapsulation: self.link.encapsulation,
                tag_len: self.link.tag_len,
                symbol_len_max: self.link.symbol_len_max,
                beacon_s: self.link.beacon.seconds(),
            },
        }
    }
}

/// Reads mission.toml from its text; `path` is only named in errors.
///
/// # Errors
/// Names line and field, and what to write instead.
pub fn parse(path: &Path, text: &str) -> Result<(Config, profile::Profile)> {
    let config: Config = toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(0, |s| s.start);
        let (line, field) = locate(text, at);
        let error = Error::input(path, in_words(e.message())).line(line);
        let error = if field.is_empty() {
            error
        } else {
            error.field(field)
        };
        error.hint("`lightday new` writes a mission.toml with every field and its meaning")
    })?;
    let profile = config.profile_of();
    check(path, text, &config)?;
    profile
        .check()
        .map_err(|e| at_field(path, text, e.field, format!("must {}", e.must)).hint(e.hint()))?;
    config.link_model().check().map_err(|e| {
        let field = match e.field {
            "lost_pass" => "loss.passes",
            "bit_error_rate" => "loss.bit_errors",
            "loss.mean_burst_frames" => "loss.mean_burst",
            "loss.loss" | "loss.p" => "loss.frames",
            other => other,
        };
        at_field(path, text, field, format!("must {}", e.must)).hint(e.hint())
    })?;
    Ok((config, profile))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("template/mission.toml");

    fn read(text: &str) -> Result<(Config, profile::Profile)> {
        parse(Path::new("mission.toml"), text)
    }

    #[test]
    fn the_template_is_a_valid_mission() {
        let (_, profile) = read(TEMPLATE).unwrap();
        assert_eq!(profile.memory.slot_size, 512 << 10);
        assert_eq!(profile.link.light_time_s, 22 * 3600);
        assert_eq!(profile.link.tag_len, TagLen::Eight);
        // A mission that was made before it was asked for is the same.
        let old = TEMPLATE.replacen("\nbeacon = \"6h\"\n", "\n", 1);
        assert!(old.len() < TEMPLATE.len() && read(&old).unwrap().1 == profile);
    }

    #[test]
    fn a_vehicle_that_reports_without_end_is_none() {
        let text = TEMPLATE.replacen("\nbeacon = \"6h\"", "\nbeacon = \"59s\"", 1);
        let error = read(&text).unwrap_err().to_string();
        assert!(
            error.contains("field `link.beacon`: must be from 1 min"),
            "{error}"
        );
    }

    /// What is wrong at its line, with a remedy.
    fn is_named(from: &str, to: &str, says: &str) {
        let text = TEMPLATE.replacen(&format!("\n{from}"), &format!("\n{to}"), 1);
        assert_ne!(text, TEMPLATE, "{from}");
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("hint:"), "{error}");
        let line = TEMPLATE.lines().position(|l| l.starts_with(from)).unwrap() + 1;
        assert!(
            error.starts_with(&format!("mission.toml:{line}:")),
            "{line} {error}"
        );
    }

    #[test]
    fn each_error_names_line_field_and_remedy() {
        for (from, to, says) in [
            (
                "format = 1",
                "format = 2",
                "field `format`: format 2 is unknown",
            ),
            ("format = 1", "format = ", "mission.toml:"),
            ("id = 1", "id = -1", "field `vehicle.id`"),
            ("component = 0", "component = 256", "from 0 to 255"),
            (
                "load_address = 0x20000000",
                "load_address = \"high\"",
                "write a number, or { a = 0x",
            ),
            ("mean_burst = 1.0", "mean_burst = 1e300", "1e300 frames"),
            ("id = 1", "idd = 1", "unknown field `idd`"),
            (
                "name = \"orbiter\"",
                "name = \"\"",
                "field `vehicle.name`: is empty",
            ),
            ("arch = \"arm\"", "arch = \"vax\"", "field `vehicle.arch`"),
            (
                "tag_len = 8",
                "tag_len = 7",
                "field `link.tag_len`: a tag of 7 bytes",
            ),
            (
                "codecs = [\"store\", \"model\"]",
                "codecs = [\"zip\"]",
                "field `decoder.codecs`",
            ),
            (
                "codecs = [\"store\", \"model\"]",
                "codecs = []",
                "field `decoder.codecs`: must contain",
            ),
            (
                "ram = \"64KiB\"",
                "ram = \"257MiB\"",
                "field `decoder.ram`: must be at most 256MiB",
            ),
            (
                "slot_size = \"512KiB\"",
                "slot_size = \"512 apples\"",
                "field `memory.slot_size`",
            ),
            (
                "slot_size = \"512KiB\"",
                "slot_size = 4095",
                "field `memory.slot_size`: must",
            ),
            (
                "light_time = \"22h\"",
                "light_time = \"22\"",
                "field `link.light_time`",
            ),
            (
                "symbol_len_max = 200",
                "symbol_len_max = 1001",
                "field `link.symbol_len_max`: must",
            ),
            ("frames = 0.05", "frames = 5", "field `loss.frames`"),
            ("lease = \"7d\"", "lease = \"40h\"", "field `trial.lease`"),
            ("[policy]", "[police]", "`police`"),
        ] {
            is_named(from, to, says);
        }
    }

    #[test]
    fn a_bound_is_named_from_both_sides() {
        for (from, to, says) in [
            ("mean_burst = 1.0", "mean_burst = 1e9", "at most 1e6"),
            (
                "health_deadline = \"10min\"",
                "health_deadline = \"999999d\"",
                "at most 136 years",
            ),
            (
                "lease = \"7d\"",
                "lease = \"9999999d\"",
                "at most 136 years",
            ),
            (
                "erase_block = \"4KiB\"",
                "erase_block = 0",
                "field `memory.erase_block`: must be above 0",
            ),
            (
                "staging_size = \"512KiB\"",
                "staging_size = 0",
                "field `memory.staging_size`: must be above 0",
            ),
        ] {
            is_named(from, to, says);
        }
    }
}
