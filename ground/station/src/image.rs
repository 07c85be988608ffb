//! Images as compilers leave them: raw binaries and ELF files, made into the bytes that fill a slot.
//!
//! Never reads a file: bytes in, bytes out. Never guesses an address: of an ELF file the load
//! segments count, by their *physical* address (where the bytes lie in the image, not where they
//! are copied to), and the gaps between them are filled with 0xFF, the value of erased flash.
//!
//! ```text
//! lowest p_paddr                                               end of the last segment
//! | segment 1 | 0xFF ... | segment 2          | 0xFF | segment 3 |
//! ^ load address          <-- gap at most ImageOptions::max_gap
//! ```
//!
//! ```
//! use lightday_station::image::{Image, ImageOptions};
//!
//! let image = Image::parse(b"raw machine code", &ImageOptions::default())?;
//! assert_eq!((image.size(), image.load_address), (16, None));
//! assert!(Image::parse(b"", &ImageOptions::default()).is_err());
//! # Ok::<(), lightday_station::image::ImageError>(())
//! ```

use core::fmt;
use lightday_trust::digest;
use lightday_wire::Digest;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};
use serde::{Deserialize, Serialize};

use crate::landmarks::Landmarks;

/// What fills gaps between segments: erased flash.
pub const FILL: u8 = 0xff;

/// An instruction set, as the profile and ELF files name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Arch {
    /// 32-bit Arm, Thumb included.
    Arm,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit RISC-V.
    Riscv32,
    /// 64-bit RISC-V.
    Riscv64,
    /// SPARC V8 (LEON).
    Sparc,
    /// 32-bit PowerPC.
    Powerpc,
    /// 64-bit x86.
    #[serde(rename = "x86-64")]
    X86_64,
}

impl Arch {
    /// The name in `mission.toml`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arm => "arm",
            Self::Aarch64 => "aarch64",
            Self::Riscv32 => "riscv32",
            Self::Riscv64 => "riscv64",
            Self::Sparc => "sparc",
            Self::Powerpc => "powerpc",
            Self::X86_64 => "x86-64",
        }
    }

    fn from_elf(machine: elf::Machine, is_64: bool) -> Option<Self> {
        Some(match (machine, is_64) {
            (elf::EM_ARM, false) => Self::Arm,
            (elf::EM_AARCH64, true) => Self::Aarch64,
            (elf::EM_RISCV, false) => Self::Riscv32,
            (elf::EM_RISCV, true) => Self::Riscv64,
            (elf::EM_SPARC | elf::EM_SPARC32PLUS, false) => Self::Sparc,
            (elf::EM_PPC, false) => Self::Powerpc,
            (elf::EM_X86_64, true) => Self::X86_64,
            _ => return None,
        })
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an image has to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOptions {
    /// Most bytes of the image: the slot's size.
    pub max_size: u64,
    /// Longest gap between two segments, in bytes.
    pub max_gap: u64,
    /// The architecture that the profile names; `None` takes any.
    pub arch: Option<Arch>,
    /// The load addresses that the profile allows; empty takes any.
    pub load_addresses: Vec<u64>,
}

impl Default for ImageOptions {
    /// Any architecture and address, at most 64 MiB with gaps of at most 1 MiB.
    fn default() -> Self {
        Self {
            max_size: 64 << 20,
            max_gap: 1 << 20,
            arch: None,
            load_addresses: Vec::new(),
        }
    }
}

/// The bytes that fill a slot, and what the file said about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The image.
    pub bytes: Vec<u8>,
    /// Physical address of the first byte; raw binaries do not say.
    pub load_address: Option<u64>,
    /// Entry point; raw binaries do not say.
    pub entry: Option<u64>,
    /// Architecture; raw binaries do not say.
    pub arch: Option<Arch>,
    /// What the file says of its inside; raw binaries do not.
    pub landmarks: Landmarks,
}

/// Why bytes are no image for this vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// No bytes.
    Empty,
    /// More bytes than the slot has.
    TooLarge {
        /// Bytes of the image.
        size: u64,
        /// Bytes of the slot.
        max: u64,
    },
    /// The ELF file is broken; the text is the reader's.
    Elf(String),
    /// The ELF file is an object file, a core dump or the like: it was not linked to run.
    NotExecutable,
    /// The ELF file has no load segment with bytes.
    NoSegments,
    /// Two load segments claim the same physical address.
    Overlap {
        /// First address that both claim.
        address: u64,
    },
    /// Two segments are so far apart that the file was hardly meant for one slot.
    Gap {
        /// Address behind the first one.
        after: u64,
        /// Address of the second one.
        until: u64,
        /// Longest gap taken.
        max: u64,
    },
    /// A segment ends beyond the address space.
    AddressOverflow {
        /// Where it starts.
        address: u64,
    },
    /// Another architecture than the profile's.
    WrongArch {
        /// What the file says; `None`: a machine that we do not know.
        found: Option<Arch>,
        /// What the profile says.
        expected: Arch,
    },
    /// Linked for another address than the profile's slots have.
    WrongAddress {
        /// What the file says.
        found: u64,
        /// What the profile says.
        expected: Vec<u64>,
    },
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the image is empty"),
            Self::TooLarge { size, max } => {
                write!(f, "the image has {size} B, the slot has {max} B")
            }
            Self::Elf(text) => write!(f, "the ELF file is broken: {text}"),
            Self::NotExecutable => f.write_str("e_type: the ELF file is not an executable"),
            Self::NoSegments => f.write_str("the ELF file has no load segment with bytes"),
            Self::Overlap { address } => {
                write!(f, "p_paddr: two load segments overlap at {address:#x}")
            }
            Self::Gap { after, until, max } => write!(
                f,
                "p_paddr: the gap from {after:#x} to {until:#x} is longer than {max} B"
            ),
            Self::AddressOverflow { address } => write!(
                f,
                "p_paddr: the segment at {address:#x} ends beyond the address space"
            ),
            Self::WrongArch { found, expected } => write!(
                f,
                "e_machine: the image is for {}, the vehicle is {expected}",
                found.map_or("an unknown machine", Arch::name)
            ),
            Self::WrongAddress { found, expected } => {
                write!(
                    f,
                    "p_paddr: the image is linked for {found:#x}, the profile says"
                )?;
                expected.iter().try_for_each(|a| write!(f, " {a:#x}"))
            }
        }
    }
}

impl std::error::Error for ImageError {}

impl ImageError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "check the path and that the build wrote the file",
            Self::TooLarge { .. } => "strip the image, or check `slot_size` in mission.toml",
            Self::Elf(_) => "rebuild the file, or convert it: objcopy -O binary",
            Self::NotExecutable => "give the linked executable, not an object file or library",
            Self::NoSegments => "check the linker script: nothing is to be loaded",
            Self::Overlap { .. } => "check the load addresses (AT> or LMA) in the linker script",
            Self::Gap { .. } => {
                "place RAM sections behind the code by AT>, or give a raw binary of the slot"
            }
            Self::AddressOverflow { .. } => "check the load addresses in the linker script",
            Self::WrongArch { .. } => "build for the vehicle, or correct `arch` in mission.toml",
            Self::WrongAddress { .. } => {
                "link for the slot, or correct `load_address` in mission.toml"
            }
        }
    }
}

impl Image {
    /// Makes an image of a raw binary or of an ELF file (told by its magic number).
    ///
    /// # Errors
    /// [`ImageError`] names the field; [`ImageError::hint`] the remedy.
    pub fn parse(bytes: &[u8], options: &ImageOptions) -> Result<Self, ImageError> {
        let image = if bytes.starts_with(&elf::ELFMAG) {
            match FileKind::parse(bytes).map_err(elf_error)? {
                FileKind::Elf32 => from_elf::<FileHeader32<Endianness>>(bytes, false, options)?,
                FileKind::Elf64 => from_elf::<FileHeader64<Endianness>>(bytes, true, options)?,
                _ => return Err(ImageError::NotExecutable),
            }
        } else {
            Self {
                bytes: bytes.to_vec(),
                load_address: None,
                entry: None,
                arch: None,
                landmarks: Landmarks::default(),
            }
        };
        let size = image.bytes.len() as u64;
        if size == 0 {
            return Err(ImageError::Empty);
        }
        // The manifest's sizes have 32 bit.
        let max = options.max_size.min(u64::from(u32::MAX));
        if size > max {
            return Err(ImageError::TooLarge { size, max });
        }
        Ok(image)
    }

    /// Bytes of the image.
    #[must_use]
    pub fn size(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// The plain SHA-256, as `sha256sum` tells it for a raw binary.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest::sha256(&self.bytes)
    }
}

fn elf_error(error: object::Error) -> ImageError {
    ImageError::Elf(error.to_string())
}

/// One load segment: physical address and bytes.
type Segment<'a> = (u64, &'a [u8]);

fn from_elf<H: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    is_64: bool,
    options: &ImageOptions,
) -> Result<Image, ImageError> {
    let header = H::parse(bytes).map_err(elf_error)?;
    let endian = header.endian().map_err(elf_error)?;
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) {
        return Err(ImageError::NotExecutable);
    }
    let arch = Arch::from_elf(header.e_machine(endian), is_64);
    if let Some(expected) = options.arch.filter(|expected| arch != Some(*expected)) {
        return Err(ImageError::WrongArch {
            found: arch,
            expected,
        });
    }
    let mut segments: Vec<Segment<'_>> = Vec::new();
    for segment in header.program_headers(endian, bytes).map_err(elf_error)? {
        if segment.p_type(endian) != elf::PT_LOAD {
            continue;
        }
        let data = segment.data(endian, bytes).map_err(|()| {
            ImageError::Elf("p_offset, p_filesz: a segment lies outside the file".into())
        })?;
        if !data.is_empty() {
            segments.push((segment.p_paddr(endian).into(), data));
        }
    }
    let (load_address, image) = lay(segments, options)?;
    let expected = &options.load_addresses;
    if !expected.is_empty() && !expected.contains(&load_address) {
        return Err(ImageError::WrongAddress {
            found: load_address,
            expected: expected.clone(),
        });
    }
    let size = u32::try_from(image.len()).unwrap_or(u32::MAX);
    Ok(Image {
        bytes: image,
        load_address: Some(load_address),
        entry: Some(header.e_entry(endian).into()),
        arch,
        landmarks: Landmarks::of(bytes, load_address, size),
    })
}

/// Lays segments out by address. Bounds are checked before a gap is filled, so that a hostile file
/// of two tiny segments cannot ask for gigabytes.
fn lay(
    mut segments: Vec<Segment<'_>>,
    options: &ImageOptions,
) -> Result<(u64, Vec<u8>), ImageError> {
    segments.sort_by_key(|(address, _)| *address);
    let start = segments.first().ok_or(ImageError::NoSegments)?.0;
    let mut image = Vec::new();
    let mut end = start;
    for (address, data) in segments {
        let gap = address
            .checked_sub(end)
            .ok_or(ImageError::Overlap { address })?;
        if gap > options.max_gap {
            return Err(ImageError::Gap {
                after: end,
                until: address,
                max: options.max_gap,
            });
        }
        end = address
            .checked_add(data.len() as u64)
            .ok_or(ImageError::AddressOverflow { address })?;
        let size = end - start;
        if size > options.max_size {
            return Err(ImageError::TooLarge {
                size,
                max: options.max_size,
            });
        }
        image.resize(image.len() + usize::try_from(gap).unwrap_or(0), FILL);
        image.extend_from_slice(data);
    }
    Ok((start, image))
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
