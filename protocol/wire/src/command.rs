//! Commands: what flight (or root) may ask of the vehicle. A command never carries an image.
//!
//! The place of a variant in [`Action`] is its code on the wire: variants are only ever appended.

use serde::{Deserialize, Serialize};

use crate::codes::{ObjectKind, Role};
use crate::document::{Authority, Document};
use crate::ids::{Digest, Epoch, Location, ObjectNumber, SlotId, VehicleId};

/// A part of the flash that can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Region {
    /// An image: slot A, slot B or golden.
    Image(Location),
    /// The trailer of a slot.
    Trailer(SlotId),
    /// One copy of the boot record, 0 to 2.
    Record(u8),
    /// The write-once floors.
    Floors,
    /// The staging area.
    Staging,
}

/// What a command asks for. Who must sign which stands in [`Command::authority`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// 0: the image on trial is good; make it the confirmed one.
    Confirm {
        /// The image on trial, in full: what is confirmed boots for years on this signature.
        image: Digest,
    },
    /// 1: forget an object: its reception, or the slot that it was installed to.
    Abort {
        /// The object's kind.
        kind: ObjectKind,
        /// The object's number; the next number accepted becomes at least the one after it.
        number: ObjectNumber,
    },
    /// 2: boot the older confirmed image, on trial.
    Rollback {
        /// The image to go back to.
        image: Digest,
    },
    /// 3: boot golden and stay there.
    BootGolden,
    /// 4: send a report now.
    ReportRequest,
    /// 5: report the digest of a range of flash.
    RegionDigest {
        /// Where.
        region: Region,
        /// First byte within the region.
        offset: u32,
        /// Number of bytes.
        len: u32,
    },
    /// 6: go on to a later link epoch. Accepted under that epoch's own key.
    EpochSwitch {
        /// The new epoch.
        epoch: Epoch,
    },
    /// 7: after the record was lost: set the next numbers anew. Accepted only under a later epoch's key.
    Resync {
        /// The new epoch.
        epoch: Epoch,
        /// The next number accepted of each kind, in the order of [`ObjectKind::UPLINK`].
        next: [ObjectNumber; 4],
    },
    /// 8: send bytes of flash.
    MemoryDump {
        /// Where.
        region: Region,
        /// First byte within the region.
        offset: u32,
        /// Number of bytes, 1 to [`MAX_LEN`](crate::dump::MAX_LEN).
        len: u16,
    },
    /// 9, reserved: set onboard time.
    SetTime {
        /// Seconds of onboard time (Unix).
        time_s: u64,
    },
    /// 10, reserved: read, correct and rewrite a region.
    Scrub {
        /// Where.
        region: Region,
    },
    /// 11, reserved: never use an erase block again.
    RetireBlock {
        /// Byte address of the block.
        address: u32,
    },
    /// 12: hold activation, or release the hold.
    Hold {
        /// Whether activation is held.
        held: bool,
    },
}

/// A command to one vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What to do.
    pub action: Action,
}

/// What a command binds without sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandContext {
    /// The one vehicle.
    pub vehicle: VehicleId,
    /// The number of the command.
    pub number: ObjectNumber,
}

impl Document for Command {
    const DOMAIN: &'static [u8] = b"lightday command v1";
    const KIND: ObjectKind = ObjectKind::Command;
    type Context = CommandContext;

    fn authority(&self) -> Authority {
        match self.action {
            Action::EpochSwitch { .. } | Action::Resync { .. } => Authority::of(Role::Root),
            Action::Confirm { .. }
            | Action::Abort { .. }
            | Action::Rollback { .. }
            | Action::BootGolden
            | Action::ReportRequest
            | Action::RegionDigest { .. }
            | Action::MemoryDump { .. }
            | Action::SetTime { .. }
            | Action::Scrub { .. }
            | Action::RetireBlock { .. }
            | Action::Hold { .. } => Authority::of(Role::Flight),
        }
    }
}
