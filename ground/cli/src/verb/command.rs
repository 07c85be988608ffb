//! `lightday command`: what flight (or root) asks of the vehicle.

use lightday_station::document::Draft;
use lightday_wire::{
    Action, Command, CommandContext, Epoch, Location, ObjectKind, ObjectNumber, Region, SlotId,
};

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::artifact::Artifact;
use crate::mission::{Mission, drafts, images};
use crate::out;
use crate::verb::describe;

/// Draft a command to the vehicle.
///
/// It takes the next command number and still needs its signatures: flight's, or root's for epoch-switch
/// and resync. IMAGE is the number of the bundle that brought it, its digest, or its file.
///
/// Examples:
///   lightday command confirm 7
///   lightday command rollback app-1.0.0.elf
///   lightday command region-digest slot-a --len 4096
///   lightday command epoch-switch 1
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Say what would be drafted, write nothing and take no number.
    #[arg(long, global = true)]
    dry_run: bool,
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
        /// Number of bytes; by default the slot's size.
        #[arg(long)]
        len: Option<u32>,
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
    let mut ledger = mission.ledger()?;
    let number = ledger.next_number(ObjectKind::Command)?;
    let action = action(&args.what, &mission, &ledger, number)?;
    let context = CommandContext {
        vehicle: mission.profile.vehicle,
        number,
    };
    let draft = Draft::new(context, Command { action }).ok_or_else(drafts::too_long)?;
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
    out::result(&format!("{}\n", draft.path(&mission).display()))?;
    describe::artifact(&artifact).iter().for_each(out::message);
    Ok(())
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
            let known = ObjectNumber::new(*number)
                .filter(|n| *n < ledger.next_number(kind).unwrap_or_default());
            let number = known.ok_or_else(|| {
                Error::new(Kind::Usage, format!("number {number} was never given out"))
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
            len: len.unwrap_or(mission.profile.memory.slot_size.saturating_sub(*offset)),
        },
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

fn later_epoch(epoch: u8) -> Result<Epoch> {
    Epoch::new(epoch).filter(|e| e.get() > 0).ok_or_else(|| {
        Error::new(Kind::Usage, format!("{epoch} is no later epoch"))
            .field("epoch")
            .hint("epochs are 1 to 15 and only go up")
    })
}
