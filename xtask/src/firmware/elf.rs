//! What an ELF file loads and takes, read by hand: this crate imports nothing of ours.

/// The bytes of each load segment of an ELF file (32 bits, little-endian), and the address at which they are when the
/// program runs.
pub fn loaded(elf: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    const LOAD: u32 = 1;
    let half = |at: usize| Some(u16::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let word = |at: usize| Some(u32::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let (table, entry, count) = (word(28)?, half(42)?, half(44)?);
    let mut parts = Vec::new();
    for n in 0..usize::from(count) {
        let at = usize::try_from(table).ok()? + n * usize::from(entry);
        if word(at)? == LOAD {
            let start = usize::try_from(word(at + 4)?).ok()?;
            let len = usize::try_from(word(at + 16)?).ok()?;
            parts.push((word(at + 8)?, elf.get(start..start.checked_add(len)?)?));
        }
    }
    elf.starts_with(b"\x7fELF\x01\x01").then_some(parts)
}

/// What a linked program takes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Instructions.
    pub code: usize,
    /// Constants: flash beside the code.
    pub constants: usize,
    /// Variables that begin with a value: flash and RAM.
    pub data: usize,
    /// Variables that begin as anything: RAM alone.
    pub bss: usize,
}

/// Sums the sections of an ELF file (32 bits, little-endian) that take room. An index for unwinding is left out: a
/// program that aborts has no use for it, and its linker script throws it away.
pub fn taken(elf: &[u8]) -> Option<Taken> {
    const NOBITS: u32 = 8;
    const UNWIND_INDEX: u32 = 0x7000_0001;
    const WRITE: u32 = 1;
    const ALLOC: u32 = 2;
    const EXECUTE: u32 = 4;
    let half = |at: usize| Some(u16::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let word = |at: usize| Some(u32::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let (table, entry, count) = (word(32)?, half(46)?, half(48)?);
    let mut taken = Taken::default();
    for n in 0..usize::from(count) {
        let at = usize::try_from(table).ok()? + n * usize::from(entry);
        let (kind, flags) = (word(at + 4)?, word(at + 8)?);
        let len = usize::try_from(word(at + 20)?).ok()?;
        if flags & ALLOC == 0 || kind == UNWIND_INDEX {
            continue;
        }
        match kind {
            NOBITS => taken.bss += len,
            _ if flags & EXECUTE != 0 => taken.code += len,
            _ if flags & WRITE != 0 => taken.data += len,
            _ => taken.constants += len,
        }
    }
    elf.starts_with(b"\x7fELF\x01\x01").then_some(taken)
}

/// Name and bytes of each function of an ELF file (32 bits, little-endian); nothing where it has no table of symbols.
/// A second name of the same function is left out.
pub fn functions(elf: &[u8]) -> Option<Vec<(String, usize)>> {
    const SYMBOLS: u32 = 2;
    const SYMBOL: usize = 16;
    const FUNCTION: u8 = 2;
    let half = |at: usize| Some(u16::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let word = |at: usize| {
        let word = u32::from_le_bytes(*elf.get(at..)?.first_chunk()?);
        usize::try_from(word).ok()
    };
    let (table, entry, count) = (word(32)?, half(46)?, half(48)?);
    let header = |n: usize| table + n * usize::from(entry);
    let kind = |n: usize| word(header(n) + 4);
    let symbols = (0..usize::from(count)).find(|n| kind(*n) == usize::try_from(SYMBOLS).ok())?;
    let (start, len) = (word(header(symbols) + 16)?, word(header(symbols) + 20)?);
    let names = word(header(word(header(symbols) + 24)?) + 16)?;
    let mut found = std::collections::BTreeMap::new();
    for at in (start..start.checked_add(len)?).step_by(SYMBOL) {
        if elf.get(at + 12)? & 15 != FUNCTION {
            continue;
        }
        let name = elf
            .get(names + word(at)?..)?
            .split(|byte| *byte == 0)
            .next()?;
        let name = String::from_utf8_lossy(name).into_owned();
        found.insert(word(at + 4)?, (name, word(at + 8)?));
    }
    Some(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_segments_are_found_and_others_are_not() {
        let mut elf = vec![0; 52 + 2 * 32 + 3];
        elf[..6].copy_from_slice(b"\x7fELF\x01\x01");
        elf[28] = 52;
        elf[42] = 32;
        elf[44] = 2;
        elf[52] = 1;
        elf[52 + 4] = 116;
        elf[52 + 8] = 77;
        elf[52 + 16] = 3;
        elf[84] = 4;
        elf[84 + 16] = 99;
        elf[116..].copy_from_slice(b"run");
        assert_eq!(loaded(&elf), Some(vec![(77, &b"run"[..])]));
        assert_eq!(loaded(&elf[..60]), None);
        elf[52 + 16] = 4;
        assert_eq!(loaded(&elf), None, "it ends beyond the file");
    }

    #[test]
    fn sections_are_summed_by_what_they_take() {
        let sections: [(u32, u32, u32); 7] = [
            (1, 6, 100),
            (1, 2, 30),
            (1, 3, 7),
            (8, 3, 500),
            (0x7000_0001, 2, 16),
            (1, 0, 9999),
            (1, 0x12, 2),
        ];
        let mut elf = vec![0; 52];
        elf[..6].copy_from_slice(b"\x7fELF\x01\x01");
        elf[32] = 52;
        elf[46] = 40;
        elf[48] = 7;
        for (kind, flags, len) in sections {
            let header = [0, kind, flags, 0, 0, len, 0, 0, 0, 0];
            elf.extend(header.iter().flat_map(|word| word.to_le_bytes()));
        }
        let sum = Taken {
            code: 100,
            constants: 32,
            data: 7,
            bss: 500,
        };
        assert_eq!(taken(&elf), Some(sum));
        assert_eq!(taken(&elf[..200]), None, "the table ends beyond the file");
    }

    #[test]
    fn functions_are_found_by_name_and_counted_once() {
        let mut elf = vec![0; 52];
        elf[..6].copy_from_slice(b"\x7fELF\x01\x01");
        elf[32] = 52;
        elf[46] = 40;
        elf[48] = 2;
        let (symbols, names) = (52 + 80, 52 + 80 + 64);
        let headers: [[u32; 10]; 2] = [
            [0, 2, 0, 0, symbols, 64, 1, 0, 0, 16],
            [0, 3, 0, 0, names, 9, 0, 0, 0, 0],
        ];
        elf.extend(headers.iter().flatten().flat_map(|word| word.to_le_bytes()));
        // Name, address, bytes, kind: a function, the same by another name, a variable, another function.
        for (name, address, len, kind) in [
            (1, 8, 10, 2),
            (3, 8, 10, 2),
            (5, 20, 9, 1),
            (7, 24, 6, 0x12),
        ] {
            let words: [u32; 4] = [name, address, len, kind];
            elf.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        elf.extend(b"\0f\0g\0v\0h\0");
        let found = [("g".to_owned(), 10), ("h".to_owned(), 6)];
        assert_eq!(functions(&elf), Some(found.to_vec()));
        assert_eq!(functions(&elf[..150]), None);
    }
}
