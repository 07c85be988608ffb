//! What an ELF file tells of the inside of its flat image: where code lies, where the variables are when it runs,
//! and which functions and variables there are.
//!
//! Never fails: what a file does not say, or says wrong, is not known.
//!
//! ```text
//! .text (executable)         -> code, by offset in the image
//! .data, .bss (writable)     -> RAM, by address, where it is not the image itself
//! the table of symbols       -> symbols, by offset in the image
//! ```

use core::ops::Range;
use std::collections::BTreeMap;

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, FileKind};

use crate::symbols::{Symbol, stored, symbols};

/// Longest range of RAM that is believed, in bytes: beyond it lie sections of several memories.
const MAX_RAM: u64 = 64 << 20;

/// What is known of an image beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Landmarks {
    /// Offsets in the image that hold code, by rising offset.
    pub code: Vec<Range<u32>>,
    /// Addresses of the variables, in whole units of 256 B.
    pub ram: Option<Range<u64>>,
    /// Functions and variables that lie in the image, by rising offset.
    pub symbols: Vec<Symbol>,
}

impl Landmarks {
    /// What `file` says of the image of `size` bytes that is stored from `start` on.
    #[must_use]
    pub fn of(file: &[u8], start: u64, size: u32) -> Self {
        let found = match FileKind::parse(file) {
            Ok(FileKind::Elf32) => sections::<FileHeader32<Endianness>>(file, start, size),
            Ok(FileKind::Elf64) => sections::<FileHeader64<Endianness>>(file, start, size),
            _ => None,
        };
        let (code, ram) = found.unwrap_or_default();
        Self {
            code,
            ram,
            symbols: symbols(file, start, size),
        }
    }

    /// Where functions and variables of one name stand in this image and in `new`. Names that either has more than
    /// once say nothing.
    #[must_use]
    pub fn places(&self, new: &Self) -> Vec<(u32, u32)> {
        let (old, new) = (by_name(&self.symbols), by_name(&new.symbols));
        let both = old.iter().filter_map(|(name, old)| {
            let new = new.get(name)?;
            Some(((*old)?, (*new)?))
        });
        both.collect()
    }
}

/// The offset of each name, or that there are several.
fn by_name(symbols: &[Symbol]) -> BTreeMap<&str, Option<u32>> {
    let mut all: BTreeMap<&str, Option<u32>> = BTreeMap::new();
    for symbol in symbols {
        let place = all.entry(&symbol.name);
        place
            .and_modify(|offset| *offset = None)
            .or_insert(Some(symbol.offset));
    }
    all
}

type Found = (Vec<Range<u32>>, Option<Range<u64>>);

fn sections<H: FileHeader<Endian = Endianness>>(
    file: &[u8],
    start: u64,
    size: u32,
) -> Option<Found> {
    let header = H::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, file).ok()?;
    let mut code = Vec::new();
    let mut ram: Option<Range<u64>> = None;
    for section in header.section_headers(endian, file).ok()? {
        let flags = section.sh_flags(endian).0;
        let (address, len): (u64, u64) = (
            section.sh_addr(endian).into(),
            section.sh_size(endian).into(),
        );
        let end = address.checked_add(len)?;
        if flags & elf::SHF_ALLOC.0 == 0 || len == 0 {
            continue;
        }
        if flags & elf::SHF_EXECINSTR.0 != 0
            && let Some(offset) = stored(segments, endian, address, start).filter(|at| *at < size)
        {
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            code.push(offset..offset.saturating_add(len).min(size));
        }
        let in_image = address.wrapping_sub(start) < u64::from(size);
        if flags & elf::SHF_WRITE.0 != 0 && !in_image {
            ram = Some(match ram {
                Some(known) => known.start.min(address)..known.end.max(end),
                None => address..end,
            });
        }
    }
    code.sort_by_key(|range| range.start);
    let ram =
        ram.map(|ram| ram.start & !0xFF..ram.end.checked_next_multiple_of(256).unwrap_or(ram.end));
    Some((code, ram.filter(|ram| ram.end - ram.start <= MAX_RAM)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Image, ImageOptions};

    /// An ELF32 file for RISC-V: 16 bytes stored and run at 0x1000 that are code, 8 behind them that run at
    /// 0x2000_0104, and 300 more that are in RAM alone.
    fn file() -> Vec<u8> {
        const DATA: u32 = 52 + 2 * 32;
        const TABLE: u32 = DATA + 24;
        let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let half = |file: &mut Vec<u8>, n: u16| file.extend(n.to_le_bytes());
        let words = |file: &mut Vec<u8>, words: &[u32]| {
            file.extend(words.iter().flat_map(|n| n.to_le_bytes()));
        };
        for n in [2, 243] {
            half(&mut file, n);
        }
        words(&mut file, &[1, 0x1000, 52, TABLE, 0]);
        for n in [52, 32, 2, 40, 4, 0] {
            half(&mut file, n);
        }
        words(&mut file, &[1, DATA, 0x1000, 0x1000, 16, 16, 5, 4]);
        let ram = [1, DATA + 16, 0x2000_0104, 0x1010, 8, 308, 6, 4];
        words(&mut file, &ram);
        file.extend(*b"sixteen of code.eight...");
        // Name, kind, flags (write 1, alloc 2, execute 4), address, offset, size.
        for [kind, flags, address, offset, size] in [
            [0; 5],
            [1, 6, 0x1004, DATA + 4, 12],
            [1, 3, 0x2000_0104, DATA + 16, 8],
            [8, 3, 0x2000_010C, DATA + 24, 300],
        ] {
            words(
                &mut file,
                &[0, kind, flags, address, offset, size, 0, 0, 4, 0],
            );
        }
        file
    }

    #[test]
    fn code_and_ram_are_where_the_linker_put_them() {
        let image = Image::parse(&file(), &ImageOptions::default()).unwrap();
        assert_eq!((image.size(), image.load_address), (24, Some(0x1000)));
        assert_eq!(image.landmarks.code.first(), Some(&(4..16)));
        assert_eq!(image.landmarks.code.len(), 1);
        assert_eq!(image.landmarks.ram, Some(0x2000_0100..0x2000_0300));
        assert_eq!(image.landmarks.symbols, []);
        let raw = Image::parse(b"raw", &ImageOptions::default()).unwrap();
        assert_eq!(raw.landmarks, Landmarks::default());
    }

    #[test]
    fn broken_files_say_something_or_nothing_and_never_panic() {
        let good = file();
        for at in 0..good.len() {
            for flip in [0x01, 0x80, 0xFF] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                let found = Landmarks::of(&bad, 0x1000, 24);
                assert!(found.code.iter().all(|range| range.end <= 24));
            }
            let _ = Landmarks::of(&good[..at], 0x1000, 24);
        }
    }

    #[test]
    fn places_are_of_names_that_both_have_once() {
        let symbols = |list: &[(&str, u32)]| Landmarks {
            symbols: list
                .iter()
                .map(|(name, offset)| Symbol {
                    name: (*name).to_owned(),
                    offset: *offset,
                    len: 4,
                })
                .collect(),
            ..Landmarks::default()
        };
        let old = symbols(&[("main", 0), ("twice", 8), ("twice", 16), ("old", 24)]);
        let new = symbols(&[("new", 0), ("main", 32), ("twice", 40)]);
        assert_eq!(old.places(&new), [(0, 32)]);
        assert_eq!(new.places(&old), [(32, 0)]);
    }
}
