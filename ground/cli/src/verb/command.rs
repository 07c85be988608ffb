//! `lightday command`: what flight (or root) asks of the vehicle.

use lightday_station::document::Draft;
use lightday_wire::dump;
use lightday_wire::{
    Action, Command, CommandContext, Epoch, Location, MAX_ENVELOPE_LEN, ObjectKind, ObjectNumber,
    Region, SlotId,
};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::artifact::Artifact;
use crate::mission::{Mission, drafts, images, reports};
use crate::out;
use crate::verb::{describe, preview};

/// Draft a command to the vehicle.
///
/// It takes the next command number and still needs its signatures: flight's, or root's for epoch-switch
/// and resync. IMAGE is the number of the bundle that brought it, its digest, or its file.
///
/// Examples:
///   lightday command confirm 7
///   lightday command rollback app-1.0.0.elf
///   lightday command region-digest slot-a --len 4096
///   lightday command dump slot-a --offset 4096 --len 256
///   lightday command epoch-switch 1
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Say what would be drafted, write nothing and take no number.
    #[arg(long, global = true)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// The image on trial is good: make it the confirmed one. Example: lightday command confirm 7
    Confirm {
        /// The image on trial.
        image: String,
    },
    /// Forget a bundle, authorization, command or key set. Example: lightday command abort bundle 7
    Abort {
        /// Its kind.
        kind: KindName,
        /// Its number.
        number: u32,
    },
    /// Boot the older confirmed image, on trial. Example: lightday command rollback 6
    Rollback {
        /// The image to go back to.
        image: String,
    },
    /// Boot golden and stay there. Example: lightday command boot-golden
    BootGolden,
    /// Send a report now. Example: lightday command report-request
    ReportRequest,
    /// Report the digest of a range of flash. Example: lightday command region-digest golden
    RegionDigest {
        /// Where.
        region: RegionName,
        /// First byte.
        #[arg(long, default_value_t = 0)]
        offset: u32,
        /// Number of bytes; by default all from the offset on, where mission.toml says how many there are.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        len: Option<u32>,
    },
    /// Send bytes of flash: at most 1,024, in parts of 64. Example: lightday command dump slot-b --offset 4096
    Dump {
        /// Where.
        region: RegionName,
        /// First byte.
        #[arg(long, default_value_t = 0)]
        offset: u32,
        /// Number of bytes; by default as many as there are, 1,024 at the most, where mission.toml says how many
        /// there are.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(dump::MAX_LEN)))]
        len: Option<u16>,
    },
    /// Go on to a later link epoch; root signs. Example: lightday command epoch-switch 1
    EpochSwitch {
        /// The new epoch, 1 to 15.
        epoch: u8,
    },
    /// After the record was lost: set the next numbers anew, from the ledger; root signs. Example:
    /// lightday command resync 2
    Resync {
        /// The new epoch, 1 to 15.
        epoch: u8,
    },
    /// Hold activation, or release the hold. Example: lightday command hold --release
    Hold {
        /// Release it.
        #[arg(long)]
        release: bool,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum KindName {
    Bundle,
    Authorization,
    Command,
    KeySet,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum RegionName {
    SlotA,
    SlotB,
    Golden,
    TrailerA,
    TrailerB,
    #[value(name = "record-0")]
    Record0,
    #[value(name = "record-1")]
    Record1,
    #[value(name = "record-2")]
    Record2,
    Floors,
    Staging,
}

impl RegionName {
    const fn region(self) -> Region {
        match self {
            Self::SlotA => Region::Image(Location::Slot(SlotId::A)),
            Self::SlotB => Region::Image(Location::Slot(SlotId::B)),
            Self::Golden => Region::Image(Location::Golden),
            Self::TrailerA => Region::Trailer(SlotId::A),
            Self::TrailerB => Region::Trailer(SlotId::B),
            Self::Record0 => Region::Record(0),
            Self::Record1 => Region::Record(1),
            Self::Record2 => Region::Record(2),
            Self::Floors => Region::Floors,
            Self::Staging => Region::Staging,
        }
    }
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let mut ledger = mission.ledger(global)?;
    let number = ledger.free_number(ObjectKind::Command)?;
    let action = action(&args.what, &mission, &ledger, number)?;
    warn_unreported(&action, &mission, &ledger)?;
    let context = CommandContext {
        vehicle: mission.profile.vehicle,
        number,
    };
    let draft = Draft::new(context, Command { action }).ok_or_else(drafts::too_long)?;
    let hint = "ask for fewer signatures in the key set (`lightday keygen successor`)";
    drafts::check_len(&draft, MAX_ENVELOPE_LEN, &mission, hint)?;
    let bytes = draft.to_bytes();
    let artifact = Artifact::Command(draft);
    let says = describe::says(&artifact);
    let draft = drafts::Draft {
        kind: ObjectKind::Command,
        number,
        bytes,
        says,
    };
    if !args.dry_run {
        draft.write(&mission, &mut ledger, "command", global)?;
    }
    let how = preview::How {
        dry_run: args.dry_run,
        json: args.json,
    };
    let file = draft.path(&mission);
    preview::show(&artifact, &file, (&mission, &ledger, global), how)
}

fn action(what: &What, mission: &Mission, ledger: &Ledger, own: ObjectNumber) -> Result<Action> {
    Ok(match what {
        What::Confirm { image } => Action::Confirm {
            image: images::digest(image, mission, ledger)?,
        },
        What::Rollback { image } => Action::Rollback {
            image: images::digest(image, mission, ledger)?,
        },
        What::Abort { kind, number } => {
            let kind = match kind {
                KindName::Bundle => ObjectKind::Bundle,
                KindName::Authorization => ObjectKind::Authorization,
                KindName::Command => ObjectKind::Command,
                KindName::KeySet => ObjectKind::KeySet,
            };
            let next = ledger.next_number(kind)?;
            let known = ObjectNumber::new(*number).filter(|n| *n < next);
            let number = known.ok_or_else(|| {
                let what = format!("number {number} was never given out");
                Error::new(Kind::Usage, what).field("number")
                    .hint("an abort burns all numbers up to its own; `lightday status` lists those in use")
            })?;
            Action::Abort { kind, number }
        }
        What::BootGolden => Action::BootGolden,
        What::ReportRequest => Action::ReportRequest,
        What::RegionDigest {
            region,
            offset,
            len,
        } => Action::RegionDigest {
            region: region.region(),
            offset: *offset,
            len: length(region.region(), *offset, *len, mission)?,
        },
        What::Dump {
            region,
            offset,
            len,
        } => {
            let rest = length(region.region(), *offset, len.map(u32::from), mission)?;
            Action::MemoryDump {
                region: region.region(),
                offset: *offset,
                len: u16::try_from(rest).map_or(dump::MAX_LEN, |rest| rest.min(dump::MAX_LEN)),
            }
        }
        What::EpochSwitch { epoch } => Action::EpochSwitch {
            epoch: later_epoch(*epoch)?,
        },
        What::Resync { epoch } => {
            let mut next = [ObjectNumber::default(); 4];
            for (place, kind) in next.iter_mut().zip(ObjectKind::UPLINK) {
                *place = ledger.next_number(kind)?;
                if kind == ObjectKind::Command {
                    *place = own.next();
                }
            }
            Action::Resync {
                epoch: later_epoch(*epoch)?,
                next,
            }
        }
        What::Hold { release } => Action::Hold { held: !release },
    })
}

/// How many bytes a digest or a dump covers: all that the region has behind `offset`, unless the caller says fewer.
fn length(region: Region, offset: u32, len: Option<u32>, mission: &Mission) -> Result<u32> {
    let memory = &mission.profile.memory;
    let name = describe::region(region);
    let size = match region {
        Region::Image(_) => memory.slot_size,
        Region::Staging => memory.staging_size,
        // The map of the integrator knows these; mission.toml does not.
        Region::Trailer(_) | Region::Record(_) | Region::Floors => {
            let len = len.ok_or_else(|| {
                let what = format!("mission.toml does not say how long {name} is");
                Error::new(Kind::Usage, what)
                    .field("len")
                    .hint("give --len; the memory map of the vehicle has its length")
            })?;
            if offset.checked_add(len).is_none() {
                let what = format!("no flash is so long: {len} B from {offset} on");
                return Err(Error::new(Kind::Refused, what)
                    .field("offset, len")
                    .hint("the memory map of the vehicle has the region's length"));
            }
            return Ok(len);
        }
    };
    let rest = size.checked_sub(offset).filter(|rest| *rest > 0);
    let (Some(rest), true) = (rest, len.is_none_or(|len| rest.is_some_and(|r| len <= r))) else {
        let what = format!("the range ends beyond {name}, which has {size} B");
        return Err(Error::new(Kind::Refused, what).field("offset, len").hint(
            "the vehicle refuses what its memory map does not have; check [memory] of mission.toml",
        ));
    };
    Ok(len.unwrap_or(rest))
}

/// Warns where no report shows the image that a command is about.
fn warn_unreported(action: &Action, mission: &Mission, ledger: &Ledger) -> Result<()> {
    let (Action::Confirm { image } | Action::Rollback { image }) = action else {
        return Ok(());
    };
    let reports = ledger.reports()?;
    let last = match reports.is_empty() {
        true => None,
        false => reports::tracker(mission, ledger, &mission.held_link_keys()?)?
            .last()
            .map(|p| p.report),
    };
    let prefix: &[u8] = image.0.get(..4).unwrap_or_default();
    let held = last.map(|r| r.slots.iter().any(|s| s.digest == prefix));
    let why = match held {
        Some(true) => return Ok(()),
        Some(false) => "no slot of the last report holds this image",
        None => "no report was taken in yet, so nothing shows that this image is on board",
    };
    out::message(format_args!(
        "warning: {why}; the vehicle refuses what it does not have"
    ));
    Ok(())
}

fn later_epoch(epoch: u8) -> Result<Epoch> {
    let later = Epoch::new(epoch).filter(|e| e.get() > 0).ok_or_else(|| {
        Error::new(Kind::Usage, format!("{epoch} is no later epoch"))
            .field("epoch")
            .hint("epochs are 1 to 15 and only go up")
    })?;
    out::message(format_args!(
        "note: all link epochs below {epoch} are left for good; {} are left after it",
        Epoch::COUNT - 1 - usize::from(epoch)
    ));
    Ok(later)
}
