//! The encoder of `model`: it finds out what the images are, aligns them, and searches over the costs
//! of the alignment for the smallest patch.
//!
//! | file | what |
//! |---|---|
//! | `detect`, `elf` | instruction set, addresses, contents |
//! | `units` | an image cut into units, operands blanked |
//! | `chains` | where bytes stand in the old image |
//! | `pair` | both images, cut and indexed |
//! | `align`, `costs` | Viterbi over displacements |
//! | `votes` | what references and the linker say of the alignment |
//! | `run` | the model, run over an alignment: written or measured |
//! | `search` | whatever comes out smallest |
//! | `trace` | where the bits of a patch went |
//! | `work` | how many decisions a patch takes, hostile ones too |

mod align;
mod chains;
mod costs;
mod detect;
mod elf;
mod pair;
mod run;
mod search;
mod trace;
mod units;
mod votes;
mod work;

pub use trace::{Trace, model_isa, trace};
pub use work::{Work, model_work};

use super::{EncodeError, Encoded, apply, lengths_of};
use crate::model::header::code_of;
use crate::model::isa::Isa;
use crate::{ModelDecoder, model_ram_within};
use core::ops::Range;
use std::vec;
use std::vec::Vec;

/// What the encoder is told. Whatever is left open it finds out from the images.
#[derive(Clone, Debug)]
pub struct ModelOptions {
    /// Bytes of RAM that the decoder has: what the patch is laid out for.
    pub ram: u32,
    /// The instruction set.
    pub isa: Option<Isa>,
    /// Load address of the old image.
    pub old_base: Option<u64>,
    /// Load address of the new image.
    pub new_base: Option<u64>,
    /// Load address of both where nobody says it and the bytes of the old image do not show it.
    pub likely_base: u64,
    /// How hard to search, 1 to 9.
    pub effort: u8,
    /// What the linker said of the images.
    pub linker: LinkerHints,
}

/// What a linker says of the inside of two images. Code and RAM are one more head that is tried; places guide the
/// alignment under every head. What is wrong costs bytes, and never makes a wrong patch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkerHints {
    /// Offsets in the old image that hold code, by rising offset; all else is data. Empty if it is not known.
    pub code: Vec<Range<u32>>,
    /// Addresses of the RAM that the variables lie in, in whole units of 256 B; of no use without `code`.
    pub ram: Option<Range<u64>>,
    /// Functions and variables that both images have: offset in the old one and in the new one.
    pub places: Vec<(u32, u32)>,
}

impl ModelOptions {
    /// The default effort.
    pub const EFFORT: u8 = 5;

    /// Options for this much RAM, all else found out.
    #[must_use]
    pub const fn new(ram: u32) -> Self {
        Self {
            ram,
            isa: None,
            old_base: None,
            new_base: None,
            likely_base: 0,
            effort: Self::EFFORT,
            linker: LinkerHints {
                code: Vec::new(),
                ram: None,
                places: Vec::new(),
            },
        }
    }
}

/// Makes the smallest patch from `old` to `new` that decodes in the RAM given, and proves it.
///
/// The same images and options give the same bytes. Works on two threads; a higher effort searches no shorter.
///
/// # Errors
/// [`EncodeError::TooLarge`], [`EncodeError::RamTooSmall`]; the other kinds are bugs.
pub fn model(old: &[u8], new: &[u8], options: &ModelOptions) -> Result<Encoded, EncodeError> {
    model_watched(old, new, options, &|_| ())
}

/// How far the encoder has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Alignments tried.
    pub done: usize,
    /// The most that will be; a search that finds nothing better ends before.
    pub most: usize,
}

/// Whether the decoder's RAM can be had, as often as threads try alignments in it. A caller may name any amount of it,
/// which is no reason to abort; the search itself takes some hundred bytes for each byte of the images, and aborts
/// where these are not there.
fn has_room(ram_needed: u32) -> Result<(), EncodeError> {
    let all = (ram_needed as usize).saturating_mul(search::THREADS);
    let tried = Vec::<u8>::new().try_reserve_exact(all);
    tried.map_err(|_| EncodeError::Memory)
}

/// As [`model`]; says after each alignment how far it has come, from whichever thread it was.
///
/// # Errors
/// As [`model`].
pub fn model_watched(
    old: &[u8],
    new: &[u8],
    options: &ModelOptions,
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<Encoded, EncodeError> {
    lengths_of(&[], old, new)?;
    let code = code_of(options.ram).ok_or(EncodeError::RamTooSmall)?;
    let ram_needed = model_ram_within(options.ram).ok_or(EncodeError::RamTooSmall)?;
    has_room(ram_needed)?;
    let found = search::search(old, new, options, code, watch)?;
    let payload =
        run::write(&found.header, &found.segments, old, new, code).map_err(EncodeError::Refused)?;
    let mut ram = vec![0; ram_needed as usize];
    let lengths = lengths_of(&payload, old, new)?;
    let mut decoder = ModelDecoder::new(lengths, &mut ram);
    let image = apply(&mut decoder, old, &payload, lengths.new).map_err(EncodeError::Refused)?;
    if image != new {
        return Err(EncodeError::Mismatch);
    }
    Ok(Encoded {
        payload,
        ram_needed,
    })
}
