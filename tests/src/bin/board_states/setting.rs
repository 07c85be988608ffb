//! The vehicle whose lives are lived: one of a frozen release, on the map of the RISC-V board, with its keys. Slot A and
//! golden hold what was frozen; every other image is today's flight application, with a few bytes behind it that tell
//! one from the other and are cleared before it runs.

use std::path::PathBuf;
use std::sync::OnceLock;

use embedded_storage::nor_flash::NorFlash as _;
use lightday_agent::{Config, Health};
use lightday_boot::{Elapsed, Identity, judge, loader};
use lightday_firmware_board::map::{APPLICATION_RAM, DIE_LEN, ERASE_LEN, MAP, PROVISION};
use lightday_firmware_board::provision::Provision;
use lightday_sim::flash::SimFlash;
use lightday_station::image::{Image, ImageOptions};
use lightday_station::keys::SigningKey;
use lightday_tests::bench_factory::flown;
use lightday_tests::bench_ground::Ground;
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::{BEACON_S, BenchOf, COMMAND_LOSS_S, EPOCH_S};
use lightday_trust::{KeySet, LinkKeys};
use lightday_wire::{TagLen, canon};

use crate::read;

const BLOCK: usize = ERASE_LEN as usize;
/// Erase blocks of the map; what lies behind it is never used.
const BLOCKS: usize = 144;
/// Bytes of a symbol: an image is as long as 164 of them.
const SYMBOL_LEN: u16 = 1000;
/// What the provision says of beacons, so that nobody waits for one.
const BOARD_BEACON_S: u32 = 2;

/// A vehicle of the board.
pub type Bench = BenchOf<4, BLOCK>;
/// What brings a vehicle to a state, from its launch on.
pub type Life = fn() -> Bench;
/// Bytes of an erase block.
pub const ERASE: u32 = ERASE_LEN;
/// Bytes of a slot.
pub const SLOT: u32 = MAP.slots[0].image.len;
/// Bytes of the pending documents.
pub const PENDING: u32 = MAP.pending.len;

/// Where the frozen release lies, and today's application.
#[derive(clap::Args)]
pub struct Files {
    /// The mission directory of the frozen release, with its keys.
    #[arg(long)]
    mission: PathBuf,
    /// The directory with its two flash files, as the factory wrote them, and with first.bin, its image.
    #[arg(long)]
    board: PathBuf,
    /// Today's application.
    #[arg(long, value_name = "ELF")]
    second: PathBuf,
}

/// What is known of the vehicle.
struct Board {
    flash: Vec<u8>,
    identity: Identity,
    link_keys: LinkKeys,
    first: Vec<u8>,
    second: Vec<u8>,
    keys: Vec<String>,
    set: KeySet,
}

static BOARD: OnceLock<Board> = OnceLock::new();

/// Reads everything once; the lives have no arguments.
///
/// # Errors
/// A file is missing or is none of its kind.
pub fn open(files: &Files) -> Result<(), String> {
    let (flash, provision) = provisioned(files)?;
    let options = ImageOptions {
        max_size: SLOT.into(),
        load_addresses: vec![APPLICATION_RAM as u64],
        ..ImageOptions::default()
    };
    let second = Image::parse(&read(&files.second)?, &options)
        .map_err(|error| format!("{}: {error}", files.second.display()))?;
    let keys = files.mission.join("keys");
    let set = read(&keys.join("keyset-1.bin"))?;
    let board = Board {
        flash,
        identity: provision.identity,
        link_keys: provision.link_keys,
        first: read(&files.board.join("first.bin"))?,
        second: second.bytes,
        keys: private_keys(&keys)?,
        set: canon::decode(&set).map_err(|error| format!("the frozen key set: {error}"))?,
    };
    BOARD
        .set(board)
        .map_err(|_| "the board is open already".to_owned())
}

/// The frozen flash, with times of the bench in its provision: else a life of weeks would lose the uplink. Who the
/// vehicle is, and its keys, stay.
fn provisioned(files: &Files) -> Result<(Vec<u8>, Provision), String> {
    let mut bytes = read(&files.board.join("bank0.bin"))?;
    bytes.truncate(DIE_LEN as usize);
    bytes.extend(read(&files.board.join("bank1.bin"))?);
    bytes.truncate(BLOCKS * BLOCK);
    let mut flash: SimFlash<4, BLOCK> = flown(&bytes);
    let provision = Provision::load(&mut flash).ok_or("the frozen flash has no provision")?;
    if provision.tag_len != TagLen::Eight {
        return Err("the bench sends tags of 8 B".to_owned());
    }
    let provision = Provision {
        command_loss_s: u32::try_from(COMMAND_LOSS_S).unwrap_or(u32::MAX),
        beacon_s: BOARD_BEACON_S,
        ..provision
    };
    for region in PROVISION {
        let erased = flash.erase(region.start, region.end());
        erased.map_err(|error| format!("the provision: {error}"))?;
    }
    let stored = provision.store(&mut flash);
    stored.map_err(|error| format!("the provision: {error:?}"))?;
    Ok((bytes_of(&flash), provision))
}

/// The private keys of those who sign, as they stand in their files.
fn private_keys(dir: &PathBuf) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let is_signer = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".key") && !name.starts_with("link")
    };
    let texts = paths.iter().filter(is_signer).map(read);
    texts
        .map(|text| String::from_utf8(text?).map_err(|error| error.to_string()))
        .collect()
}

fn board() -> &'static Board {
    BOARD.get().expect("opened before the first life")
}

/// The bytes of a flash.
pub fn bytes_of(flash: &SimFlash<4, BLOCK>) -> Vec<u8> {
    let all = 0..u32::try_from(BLOCKS * BLOCK).expect("32 bit");
    flash.peek(all).expect("the whole of it").to_vec()
}

/// The image that slot A is launched with: the frozen one.
pub fn first_image() -> Vec<u8> {
    board().first.clone()
}

/// Today's application, told apart by what it would have been on the bench.
pub fn image(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = board().second.clone();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.push(seed);
    bytes.extend(u16::try_from(len).expect("short").to_be_bytes());
    bytes.push(0);
    bytes
}

/// Those who sign under a key set: the first one is the frozen mission's.
pub fn staff(version: u16) -> Staff {
    let board = board();
    if version != board.set.version {
        return Staff::new(u8::try_from(version).expect("few"), version);
    }
    let keys = board.keys.iter();
    let keys = keys.map(|text| SigningKey::from_pem(text).expect("a key that was frozen"));
    Staff::of(keys.collect(), board.set.clone())
}

/// A vehicle that has lived already: this is its flash, and what the supervisor's counter says.
pub fn in_flight(flash: &[u8], elapsed: Elapsed) -> Bench {
    let board = board();
    let mut ground = Ground::new(staff(board.set.version));
    ground.identity = board.identity;
    ground.load_address = APPLICATION_RAM as u64;
    ground.granule = 4;
    ground.symbol_len_max = SYMBOL_LEN;
    let config = Config {
        identity: board.identity,
        map: MAP,
        link_keys: board.link_keys.clone(),
        tag_len: TagLen::Eight,
        load_addresses: [Some(APPLICATION_RAM as u64); 2],
        decoder_heap: 0,
        command_loss_s: COMMAND_LOSS_S,
        beacon_s: BEACON_S,
    };
    let mut bench = Bench::of_another(config, ground, flash, elapsed);
    // The counter of the board is its clock.
    bench.epoch_s = 0;
    bench.image = image;
    bench
}

/// A vehicle as it is launched, running slot A, and settled.
pub fn launch() -> Bench {
    let mut bench = in_flight(&board().flash, Elapsed(EPOCH_S * 1000));
    bench.boot();
    bench.settle();
    bench
}

/// The same as it is on the board: it knows the time, its interlock is that it is well, and it is well while a copy of
/// golden is.
pub fn take_up(flash: &[u8], elapsed: Elapsed) -> Bench {
    let mut bench = in_flight(flash, elapsed);
    let is_well = MAP.golden.into_iter().any(|copy| {
        let flash = &mut bench.flash;
        let golden = loader::golden_trailer(flash, copy);
        golden.is_some_and(|golden| judge::is_intact(flash, copy.image, &golden.image))
    });
    bench.application.may_activate = is_well;
    if !is_well {
        bench.application.health = Health::Failing;
    }
    bench.config.beacon_s = BOARD_BEACON_S.into();
    bench
}
