//! What fails in a life, and how it is written on the command line.

use std::fmt;
use std::str::FromStr;

use crate::flash::CutForm;
use crate::rng::Rng;

/// A form of a cut; [`CutForm`] with the seed left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// The operation was not done.
    NotDone,
    /// One of its bits was done.
    Barely,
    /// A random subset of its bits was done.
    Torn,
    /// Of a program of several granules any were done, in part or as a whole.
    Scattered,
    /// All of its bits were done but one.
    Nearly,
    /// It was done, and reads differ until it is done again.
    Unstable,
    /// It was done, and one read in some differs until it is done again.
    Flickers,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NotDone,
        Self::Barely,
        Self::Torn,
        Self::Scattered,
        Self::Nearly,
        Self::Unstable,
        Self::Flickers,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotDone => "not-done",
            Self::Barely => "barely",
            Self::Torn => "torn",
            Self::Scattered => "scattered",
            Self::Nearly => "nearly",
            Self::Unstable => "unstable",
            Self::Flickers => "flickers",
        }
    }

    pub(super) const fn of(self, seed: u64) -> CutForm {
        match self {
            Self::NotDone => CutForm::NotDone,
            Self::Barely => CutForm::Barely(seed),
            Self::Torn => CutForm::Partial(seed),
            Self::Scattered => CutForm::Scattered(seed),
            Self::Nearly => CutForm::Nearly(seed),
            Self::Unstable => CutForm::Unstable(seed),
            Self::Flickers => CutForm::Flickers(seed),
        }
    }
}

/// In which forms the power fails at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    /// Three: not done; torn, with how much of it drawn; unstable, with how much drawn.
    Drawn,
    /// All.
    All,
}

impl Forms {
    /// Those for one operation; `seed` draws. One that programs several granules can be torn in one way more.
    pub(super) fn of(self, seed: u64, is_of_several: bool) -> Vec<Form> {
        let mut rng = Rng::new(seed);
        let mut draw = |forms: &[Form]| rng.pick(forms).copied();
        let torn: &[Form] = match is_of_several {
            true => &[Form::Barely, Form::Torn, Form::Scattered, Form::Nearly],
            false => &[Form::Barely, Form::Torn, Form::Nearly],
        };
        match self {
            Self::All => {
                let all = Form::ALL.into_iter();
                all.filter(|form| is_of_several || *form != Form::Scattered)
                    .collect()
            }
            Self::Drawn => [
                Some(Form::NotDone),
                draw(torn),
                draw(&[Form::Unstable, Form::Flickers]),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }
}

/// A power cut: at which operation since launch, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// The operation, counted from 0 at launch.
    pub operation: u64,
    /// Where the operation was to write; 0 where that is not known.
    pub address: u32,
    /// How far it got.
    pub form: Form,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.operation, self.form.name())
    }
}

impl FromStr for Cut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("`{text}` is no cut; one looks like 123:torn");
        let (operation, name) = text.split_once(':').ok_or_else(wanted)?;
        let form = Form::ALL.into_iter().find(|form| form.name() == name);
        Ok(Self {
            operation: operation.parse().map_err(|_| wanted())?,
            address: 0,
            form: form.ok_or_else(wanted)?,
        })
    }
}

/// A bit of the flash that was flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flip {
    /// Its byte.
    pub address: u32,
    /// 0 to 7.
    pub bit: u8,
}

impl fmt::Display for Flip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}.{}", self.address, self.bit)
    }
}

impl FromStr for Flip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("`{text}` is no bit; one looks like 0x1f40.3");
        let (address, bit) = text.split_once('.').ok_or_else(wanted)?;
        let hex = address.strip_prefix("0x").ok_or_else(wanted)?;
        let bit = bit.parse().map_err(|_| wanted())?;
        if bit > 7 {
            return Err(wanted());
        }
        Ok(Self {
            address: u32::from_str_radix(hex, 16).map_err(|_| wanted())?,
            bit,
        })
    }
}

/// How an operation fails while the power stays on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlipKind {
    /// It reports success and did nothing.
    Skipped,
    /// It reports an error and did nothing.
    Refused,
    /// From it on no erase works.
    NoErase,
    /// From it on its block takes neither program nor erase.
    DeadBlock,
    /// It and some behind it report an error and do nothing, whatever they reach; then the flash works again.
    Outage,
    /// At it a run of addresses, drawn, reads as something else, as a single event makes it (SEFI).
    Garbled,
    /// From it on a bit of a byte, drawn, reads as it likes.
    Stuck,
}

impl SlipKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Skipped,
        Self::Refused,
        Self::NoErase,
        Self::DeadBlock,
        Self::Outage,
        Self::Garbled,
        Self::Stuck,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::NoErase => "no-erase",
            Self::DeadBlock => "dead-block",
            Self::Outage => "outage",
            Self::Garbled => "garbled",
            Self::Stuck => "stuck",
        }
    }
}

/// A fault of the flash while the power stays on: at which operation since launch, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slip {
    /// The operation, counted from 0 at launch.
    pub operation: u64,
    /// What goes wrong.
    pub kind: SlipKind,
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.operation, self.kind.name())
    }
}

impl FromStr for Slip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("`{text}` is no fault; one looks like 123:skipped");
        let (operation, name) = text.split_once(':').ok_or_else(wanted)?;
        let kind = SlipKind::ALL.into_iter().find(|kind| kind.name() == name);
        Ok(Self {
            operation: operation.parse().map_err(|_| wanted())?,
            kind: kind.ok_or_else(wanted)?,
        })
    }
}
