//! What an ELF file tells of itself, when the file as it is makes the image: addresses of its
//! loadable segments, contents of its sections, its instruction set.

use crate::model::header::{Header, MAX_SPANS, Span, Spans};
use crate::model::isa::{Content, Isa};
use crate::model::space::{MAX_REGIONS, Region, Space};
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind};
use std::vec::Vec;

/// What a file says.
struct Facts {
    isa: Isa,
    regions: Vec<Region>,
    sections: Vec<(u32, Content)>,
}

/// The head of a patch between two ELF files; nothing if one of them is none.
pub(crate) fn header(old: &[u8], new: &[u8]) -> Option<Header> {
    let (old_facts, new_facts) = (facts(old)?, facts(new)?);
    let mut header = Header::plain(old.len() as u32, new.len() as u32);
    header.isa = old_facts.isa;
    header.old = space(old.len() as u32, &old_facts.regions);
    header.new = space(new.len() as u32, &new_facts.regions);
    header.spans = spans(old_facts.sections);
    Some(header)
}

fn facts(image: &[u8]) -> Option<Facts> {
    match FileKind::parse(image).ok()? {
        FileKind::Elf32 => facts_of::<elf::FileHeader32<Endianness>>(image),
        FileKind::Elf64 => facts_of::<elf::FileHeader64<Endianness>>(image),
        _ => None,
    }
}

fn facts_of<H: FileHeader<Endian = Endianness>>(image: &[u8]) -> Option<Facts> {
    let file = H::parse(image).ok()?;
    let endian = file.endian().ok()?;
    let isa = match file.e_machine(endian) {
        elf::EM_ARM if endian == Endianness::Little => Isa::Thumb,
        elf::EM_AARCH64 if endian == Endianness::Little => Isa::Aarch64,
        elf::EM_RISCV if file.is_class_64() => Isa::Riscv64,
        elf::EM_RISCV => Isa::Riscv32,
        elf::EM_SPARC | elf::EM_SPARC32PLUS => Isa::Sparc,
        _ if endian == Endianness::Big => Isa::WordsBe,
        _ => Isa::WordsLe,
    };
    let mut regions = Vec::new();
    for segment in file.program_headers(endian, image).ok()? {
        if segment.p_type(endian) == elf::PT_LOAD {
            regions.push(Region {
                offset: u32::try_from(segment.p_offset(endian).into()).ok()?,
                address: segment.p_vaddr(endian).into(),
            });
        }
    }
    regions.sort_unstable_by_key(|r| r.offset);
    let mut sections = Vec::new();
    let table = file.sections(endian, image).ok();
    for section in table.iter().flat_map(|table| table.iter()) {
        if section.sh_type(endian) == elf::SHT_NOBITS || section.sh_type(endian) == elf::SHT_NULL {
            continue;
        }
        let name = table.as_ref()?.section_name(endian, section).unwrap_or(b"");
        let flags = section.sh_flags(endian).0;
        let offset = u32::try_from(section.sh_offset(endian).into()).ok()?;
        sections.push((offset, content(name, flags, section.sh_type(endian))));
    }
    sections.sort_unstable_by_key(|s| s.0);
    Some(Facts {
        isa,
        regions,
        sections,
    })
}

fn content(name: &[u8], flags: u64, kind: elf::SectionType) -> Content {
    if flags & elf::SHF_EXECINSTR.0 != 0 {
        Content::Code
    } else if matches!(
        name,
        b".eh_frame" | b".ARM.exidx" | b".ARM.extab" | b".gcc_except_table"
    ) {
        Content::SelfRelative
    } else if name == b".eh_frame_hdr" {
        Content::SpanRelative
    } else if kind == elf::SHT_STRTAB || flags & elf::SHF_ALLOC.0 == 0 {
        Content::Opaque
    } else {
        Content::Words
    }
}

fn space(len: u32, regions: &[Region]) -> Space {
    let mut regions = regions.iter();
    let first = regions.next().copied().unwrap_or_default();
    let base = first.address.wrapping_sub(u64::from(first.offset));
    let mut space = Space::flat(len, base);
    for region in regions.take(MAX_REGIONS - 1) {
        space.push(*region);
    }
    space
}

/// Sections by their contents, neighbours of one kind joined, the shortest left out if there are too many.
pub(crate) fn spans(sections: Vec<(u32, Content)>) -> Spans {
    let mut list: Vec<Span> = Vec::new();
    list.push(Span {
        offset: 0,
        content: Content::Words,
    });
    for (offset, content) in sections {
        list.push(Span {
            offset: offset / 4 * 4,
            content,
        });
    }
    loop {
        list.dedup_by(|next, last| {
            // A span that begins where the last one does takes its place.
            if next.offset == last.offset {
                last.content = next.content;
            }
            next.offset == last.offset || next.content == last.content
        });
        if list.len() <= MAX_SPANS {
            break;
        }
        let lengths = list
            .windows(2)
            .map(|w| w[1].offset - w[0].offset)
            .enumerate();
        let shortest = lengths.skip(1).min_by_key(|l| l.1).map_or(1, |l| l.0);
        list.remove(shortest);
    }
    let first = list.first().map_or(Content::Words, |s| s.content);
    let mut spans = Spans::all(first);
    for span in list.into_iter().skip(1) {
        spans.push(span);
    }
    spans
}
