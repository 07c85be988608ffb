//! What is broken, and how it is said.

use std::fmt;

use lightday_wire::{Digest, ObjectKind, SlotId};

/// Which invariant was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Golden's cells changed.
    GoldenChanged,
    /// An image ran that nobody released.
    UnverifiedRan(Digest),
    /// No image on board is both verified and whole.
    NothingBootable,
    /// A trial outlived its deadline.
    TrialOverdue,
    /// A trial's deadline moved without a signed command.
    LeaseExtended,
    /// The security counter moved ahead of every confirmed image.
    CounterBeforeConfirm {
        /// The counter.
        counter: u32,
        /// The highest of a confirmed image.
        confirmed: u32,
    },
    /// A number that only goes up went down.
    WentDown(&'static str),
    /// Ground was told a success that is not so.
    FalseSuccess(Digest),
    /// Somebody tried to program a granule twice.
    ProgrammedTwice,
    /// Loader or agent tried to write where the hardware forbids it.
    WroteProtected,
    /// The vehicle does steps without end.
    Spins,
    /// A packet that the vehicle sent does not open, or is no report.
    Unreadable,
    /// The processor was reset more often than what happened to it explains.
    TooManyResets(u32),
    /// An erase block was erased more often than what happened explains.
    TooMuchWear {
        /// Where it begins.
        address: u32,
        /// How often it was erased.
        erases: u32,
        /// How often it may be.
        allowed: u32,
    },
    /// The vehicle did not come to what was asked of it.
    Stuck(String),
    /// The image that is home was touched.
    HomeDamaged,
    /// Ground was told that a slot holds a confirmed image, and it does not.
    FalseReport(SlotId),
    /// An application ran while golden, key sets and floors were not locked.
    NotLocked,
    /// An image ran that nobody on the ground let run, or was confirmed without a Confirm.
    Unasked(Digest),
    /// A report says of what runs, or of a slot, what is not so.
    WrongReport,
    /// Ground was told that the latest object of a kind is done, and flash does not say so.
    FalseDone(ObjectKind),
    /// The vehicle did not answer at the end.
    Silent,
    /// Code that flies panicked.
    Panicked,
    /// Code that flies reads record or floors otherwise than they are written.
    Misread(&'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GoldenChanged => f.write_str("golden changed"),
            Self::UnverifiedRan(image) => write!(f, "an image ran that nobody released: {image}"),
            Self::NothingBootable => f.write_str("no image on board is verified and whole"),
            Self::TrialOverdue => f.write_str("a trial outlived its deadline"),
            Self::LeaseExtended => f.write_str("a lease was extended without a signed command"),
            Self::CounterBeforeConfirm { counter, confirmed } => {
                write!(
                    f,
                    "the security counter is {counter}, confirmed is {confirmed}"
                )
            }
            Self::WentDown(what) => write!(f, "{what} went down"),
            Self::FalseSuccess(image) => {
                write!(
                    f,
                    "ground was told that {image} is confirmed, and it is not"
                )
            }
            Self::ProgrammedTwice => f.write_str("a granule was programmed twice"),
            Self::WroteProtected => f.write_str("flight code tried to write a protected range"),
            Self::Spins => f.write_str("the vehicle does steps without end"),
            Self::Unreadable => f.write_str("a packet of the vehicle does not open"),
            Self::TooManyResets(resets) => write!(f, "the processor was reset {resets} times"),
            Self::TooMuchWear {
                address,
                erases,
                allowed,
            } => write!(
                f,
                "the block at {address:#x} was erased {erases} times, and not {allowed} at most"
            ),
            Self::Stuck(where_) => f.write_str(where_),
            Self::HomeDamaged => f.write_str("the image that is home was touched"),
            Self::FalseReport(slot) => write!(
                f,
                "ground was told that slot {slot:?} holds a confirmed image, and it does not"
            ),
            Self::Unasked(image) => write!(f, "nobody let {image} run, or confirmed it"),
            Self::WrongReport => f.write_str("a report says what is not so"),
            Self::FalseDone(kind) => write!(
                f,
                "ground was told that the latest {kind:?} is done, and flash does not say so"
            ),
            Self::Silent => f.write_str("the vehicle did not answer at the end"),
            Self::Misread(what) => write!(f, "{what} is read otherwise than it is written"),
            Self::Panicked => f.write_str("code that flies panicked"),
            Self::NotLocked => f.write_str("an application ran, and nothing was locked"),
        }
    }
}
