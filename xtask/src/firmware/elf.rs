//! What an ELF file loads, read by hand: this crate imports nothing of ours.

/// The bytes of each load segment of an ELF file (32 bits, little-endian).
pub fn loaded(elf: &[u8]) -> Option<Vec<&[u8]>> {
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
            parts.push(elf.get(start..start.checked_add(len)?)?);
        }
    }
    elf.starts_with(b"\x7fELF\x01\x01").then_some(parts)
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
        elf[52 + 16] = 3;
        elf[84] = 4;
        elf[84 + 16] = 99;
        elf[116..].copy_from_slice(b"run");
        assert_eq!(loaded(&elf), Some(vec![&b"run"[..]]));
        assert_eq!(loaded(&elf[..60]), None);
        elf[52 + 16] = 4;
        assert_eq!(loaded(&elf), None, "it ends beyond the file");
    }
}
