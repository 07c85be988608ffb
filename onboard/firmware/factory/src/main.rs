//! Makes the flash of a RISC-V board as it leaves the factory: two files, one for each die.
//!
//! Who the vehicle is, its keys and its link keys come from the mission directory that `lightday new` and `keygen`
//! made; what it runs comes from ELF files. The papers of the first images are signed by the mission's own keys, as
//! any other: the factory needs one key of release, verification and flight for each signature that the key set asks
//! for.
//!
//! ```text
//! mission.toml, keys/ --+
//! loader, golden, first +--> bank0.bin (32 MiB), bank1.bin (32 MiB)
//! ```
#![forbid(unsafe_code)]

mod mission;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use lightday_firmware_board::map::{
    APPLICATION_RAM, DIE_LEN, ERASE_LEN, FLASH_BASE, FLASH_LEN, LOADER, MAP,
};
use lightday_firmware_board::provision::Provision;
use lightday_sim::flash::SimFlash;
use lightday_sim::vehicle::factory::{Papered, Terms, fill};
use lightday_station::image::{Image, ImageOptions};
use lightday_trust::digest::sha256;
use lightday_wire::Version;

use crate::mission::Mission;

/// Makes the flash of a RISC-V board as it leaves the factory.
#[derive(Parser)]
#[command(name = "factory", version)]
struct Args {
    /// The mission directory, with keys/link.key and the private keys of release, verification and flight.
    #[arg(long, value_name = "DIR")]
    mission: PathBuf,
    /// The loader.
    #[arg(long, value_name = "ELF")]
    loader: PathBuf,
    /// The golden image.
    #[arg(long, value_name = "ELF")]
    golden: PathBuf,
    /// Its version.
    #[arg(long, value_name = "VERSION")]
    golden_version: Version,
    /// The image in slot A.
    #[arg(long, value_name = "ELF")]
    first: PathBuf,
    /// Its version.
    #[arg(long, value_name = "VERSION")]
    first_version: Version,
    /// Seconds between two reports where nothing happens.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    beacon_s: u32,
    /// Seconds without a signed command after which golden boots; at least two leases.
    #[arg(long, value_name = "SECONDS")]
    command_loss_s: Option<u32>,
    /// Where to write bank0.bin and bank1.bin.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// The flash, erased or filled, as the board's.
type Flash = SimFlash<4, { ERASE_LEN as usize }>;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("factory: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let mission = Mission::open(&args.mission)?;
    let flight = |path: &Path| image(path, APPLICATION_RAM as u64, MAP.slots[0].image.len);
    let (golden, first) = (flight(&args.golden)?, flight(&args.first)?);
    let loader = image(&args.loader, FLASH_BASE as u64, LOADER.len)?;
    let mut flash = Flash::new((FLASH_LEN / ERASE_LEN) as usize);
    flash.factory_load(LOADER.start, &loader.bytes);
    let terms = Terms {
        load_address: APPLICATION_RAM as u64,
        trial: mission.trial,
    };
    let papered = |image: &'_ Image, version| {
        let described = lightday_wire::Image {
            digest: sha256(&image.bytes),
            size: u32::try_from(image.bytes.len()).unwrap_or(u32::MAX),
            version,
        };
        (described, version)
    };
    let (golden_is, _) = papered(&golden, args.golden_version);
    let (first_is, _) = papered(&first, args.first_version);
    let sign = |bytes, is| Papered::new(bytes, is, mission.identity, terms, &mission.staff);
    let golden = sign(&golden.bytes, golden_is);
    let first = sign(&first.bytes, first_is);
    fill(&mut flash, &MAP, (&[], &mission.keys), &golden, &first).map_err(|e| e.to_string())?;
    let least_s = mission.trial.lease_s.saturating_mul(2);
    let provision = Provision {
        identity: mission.identity,
        tag_len: mission.tag_len,
        command_loss_s: args
            .command_loss_s
            .unwrap_or(mission.trial.lease_s.saturating_mul(3)),
        beacon_s: args.beacon_s,
        link_keys: mission.link_keys,
    };
    if provision.command_loss_s < least_s {
        return Err(format!(
            "--command-loss-s is at least two leases: {least_s}"
        ));
    }
    provision
        .store(&mut flash)
        .map_err(|e| format!("the provision does not fit: {e:?}"))?;
    for (name, start) in [("bank0.bin", 0), ("bank1.bin", DIE_LEN)] {
        let path = args.out.join(name);
        let bytes = flash.peek(start..start + DIE_LEN).unwrap_or_default();
        std::fs::write(&path, bytes).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("{}", path.display());
    }
    println!(
        "loader {} B, golden {} B, first {} B",
        loader.bytes.len(),
        golden_is.size,
        first_is.size
    );
    Ok(())
}

/// The bytes of an ELF file that is linked for this address and fits.
fn image(path: &Path, address: u64, room: u32) -> Result<Image, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let options = ImageOptions {
        max_size: room.into(),
        load_addresses: vec![address],
        ..ImageOptions::default()
    };
    let image = Image::parse(&bytes, &options).map_err(|e| format!("{}: {e}", path.display()))?;
    match image.entry {
        Some(entry) if entry == address => Ok(image),
        _ => Err(format!(
            "{}: is not entered at its first byte, {address:#x}",
            path.display()
        )),
    }
}
