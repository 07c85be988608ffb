//! The functions and variables of an ELF file, by where they lie in the flat image.
//!
//! Never fails: a raw binary, a stripped or a broken file has no symbols. Only what has a size and lies in
//! the image counts; of several names for one place, the first by the alphabet.
//!
//! ```
//! use lightday_station::symbols::symbols;
//!
//! assert!(symbols(b"raw machine code", 0, 16).is_empty());
//! ```

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, Sym};
use object::{Endianness, FileKind};

/// Longest name, in characters; the rest is cut off.
const NAME_MAX: usize = 96;

/// A function or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name as the linker knows it, without control characters.
    pub name: String,
    /// Offset in the image of its first byte.
    pub offset: u32,
    /// Its bytes.
    pub len: u32,
}

/// The symbols of an ELF file that lie in its image of `size` bytes, stored from `start` on, by rising offset; none
/// overlaps another.
#[must_use]
pub fn symbols(file: &[u8], start: u64, size: u32) -> Vec<Symbol> {
    let found = match FileKind::parse(file) {
        Ok(FileKind::Elf32) => of_elf::<FileHeader32<Endianness>>(file, start, size),
        Ok(FileKind::Elf64) => of_elf::<FileHeader64<Endianness>>(file, start, size),
        _ => None,
    };
    let mut found = found.unwrap_or_default();
    found.sort_by(|a, b| (a.offset, b.len, &a.name).cmp(&(b.offset, a.len, &b.name)));
    let mut end = 0;
    found.retain(|symbol| {
        let apart = symbol.offset >= end;
        if apart {
            end = symbol.offset.saturating_add(symbol.len);
        }
        apart
    });
    found
}

fn of_elf<H: FileHeader<Endian = Endianness>>(
    file: &[u8],
    start: u64,
    size: u32,
) -> Option<Vec<Symbol>> {
    let header = H::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let thumb = header.e_machine(endian) == elf::EM_ARM;
    let segments = header.program_headers(endian, file).ok()?;
    let sections = header.sections(endian, file).ok()?;
    let table = sections.symbols(endian, file, elf::SHT_SYMTAB).ok()?;
    let symbol = |symbol: &H::Sym| {
        let kind = symbol.st_type();
        if !matches!(kind, elf::STT_FUNC | elf::STT_OBJECT) {
            return None;
        }
        let value: u64 = symbol.st_value(endian).into();
        // Bit 0 of a function's address tells Thumb from Arm.
        let bit = u64::from(thumb && kind == elf::STT_FUNC);
        let offset = stored(segments, endian, value & !bit, start)?;
        let offset = Some(offset).filter(|at| *at < size)?;
        let len = u32::try_from(symbol.st_size(endian).into()).ok()?;
        let len = len.min(size - offset);
        let name = symbol.name(endian, table.strings()).ok()?;
        (len > 0).then(|| Symbol {
            name: clean(name),
            offset,
            len,
        })
    };
    Some(table.iter().filter_map(symbol).collect())
}

/// Where the byte that runs at `address` is stored, from `start` on: ELF files tell the addresses at which a program
/// runs, the image has those at which it is stored.
pub(crate) fn stored<P: ProgramHeader<Endian = Endianness>>(
    segments: &[P],
    endian: Endianness,
    address: u64,
    start: u64,
) -> Option<u32> {
    let mut loaded = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    loaded.find_map(|segment| {
        let within = address.checked_sub(segment.p_vaddr(endian).into())?;
        let held: u64 = segment.p_filesz(endian).into();
        let physical: u64 = segment.p_paddr(endian).into();
        let at = physical.wrapping_add(within).checked_sub(start)?;
        u32::try_from(at).ok().filter(|_| within < held)
    })
}

/// A name that can be shown: file and linker may have put anything into it.
fn clean(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let shown = text.chars().filter(|c| !c.is_control()).take(NAME_MAX);
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Image, ImageOptions};
    use crate::landmarks::Landmarks;

    /// An ELF32 file for Arm: one segment stored at 0x800 that runs at 0x100, and two symbols.
    fn file() -> Vec<u8> {
        let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let half = |file: &mut Vec<u8>, n: u16| file.extend(n.to_le_bytes());
        let word = |file: &mut Vec<u8>, n: u32| file.extend(n.to_le_bytes());
        for n in [2, 40] {
            half(&mut file, n);
        }
        // Program headers at 52, sections behind code (8), symbols (4 * 16) and names (16).
        for n in [1, 0x801, 52, 84 + 8 + 64 + 16, 0] {
            word(&mut file, n);
        }
        for n in [52, 32, 1, 40, 3, 2] {
            half(&mut file, n);
        }
        for n in [1, 84, 0x100, 0x800, 8, 8, 5, 4] {
            word(&mut file, n);
        }
        file.extend(*b"codedata");
        let symbols = [
            (0, 0, 0, 0),
            (1, 0x101, 4, 2),
            (6, 0x104, 99, 1),
            (1, 0x900, 4, 2),
        ];
        for (name, value, size, info) in symbols {
            for n in [name, value, size] {
                word(&mut file, n);
            }
            file.extend([info, 0, 1, 0]);
        }
        file.extend(*b"\0main\0da\x1bta\0\0\0\0\0");
        let sections = [
            [0; 10],
            [0, 2, 0, 0, 92, 64, 2, 0, 4, 16],
            [0, 3, 0, 0, 156, 16, 0, 0, 1, 0],
        ];
        for n in sections.into_iter().flatten() {
            word(&mut file, n);
        }
        file
    }

    #[test]
    fn symbols_lie_where_the_image_has_them() {
        let file = file();
        let image = Image::parse(&file, &ImageOptions::default()).unwrap();
        let symbol = |name: &str, offset, len| Symbol {
            name: name.to_owned(),
            offset,
            len,
        };
        assert_eq!(
            image.landmarks.symbols,
            [symbol("main", 0, 4), symbol("data", 4, 4)]
        );
    }

    #[test]
    fn broken_files_have_none_or_some_and_never_panic() {
        let good = file();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xFF;
            let _ = Landmarks::of(&bad, 0x800, 8);
            let _ = Landmarks::of(&good[..at], 0x800, 8);
        }
    }
}
