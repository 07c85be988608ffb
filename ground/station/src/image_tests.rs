//! Tests of images.

use super::*;
use proptest::prelude::*;

const PAGE: u32 = 0x0800_0000;

/// A minimal ELF32 file, little-endian, with these load segments.
fn elf32(machine: u16, segments: &[(u32, &[u8])]) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for half in [2u16, machine] {
        file.extend(half.to_le_bytes());
    }
    for word in [1u32, PAGE | 1, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    let count = u16::try_from(segments.len()).unwrap();
    for half in [52u16, 32, count, 40, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let mut offset = 52 + 32 * u32::from(count);
    for (address, data) in segments {
        let size = u32::try_from(data.len()).unwrap();
        for word in [1, offset, 0x2000_0000, *address, size, size, 5, 4] {
            file.extend(word.to_le_bytes());
        }
        offset += size;
    }
    segments.iter().for_each(|(_, data)| file.extend(*data));
    file
}

fn arm() -> ImageOptions {
    ImageOptions {
        max_size: 4096,
        max_gap: 64,
        arch: Some(Arch::Arm),
        load_addresses: vec![u64::from(PAGE)],
    }
}

#[test]
fn segments_are_laid_out_by_physical_address_with_erased_gaps() {
    let file = elf32(40, &[(PAGE + 6, b"data"), (PAGE, b"code")]);
    let image = Image::parse(&file, &arm()).unwrap();
    assert_eq!(image.bytes, b"code\xff\xffdata");
    assert_eq!(image.load_address, Some(u64::from(PAGE)));
    assert_eq!(image.entry, Some(u64::from(PAGE | 1)));
    assert_eq!(image.arch, Some(Arch::Arm));
}

#[test]
fn each_fault_of_a_file_has_its_error() {
    let parse = |machine, segments: &[(u32, &[u8])]| {
        Image::parse(&elf32(machine, segments), &arm()).unwrap_err()
    };
    assert!(matches!(
        parse(40, &[(PAGE, b"code"), (PAGE + 3, b"data")]),
        ImageError::Overlap {
            address: 0x0800_0003
        }
    ));
    assert!(matches!(
        parse(40, &[(PAGE, b"code"), (PAGE + 69, b"data")]),
        ImageError::Gap { .. }
    ));
    assert!(matches!(
        parse(40, &[(PAGE, &[0; 4097])]),
        ImageError::TooLarge {
            size: 4097,
            max: 4096
        }
    ));
    assert!(matches!(
        parse(40, &[(u32::MAX - 1, b"code")]),
        ImageError::WrongAddress { .. }
    ));
    assert!(matches!(
        parse(243, &[(PAGE, b"code")]),
        ImageError::WrongArch {
            found: Some(Arch::Riscv32),
            expected: Arch::Arm
        }
    ));
    assert_eq!(parse(40, &[]), ImageError::NoSegments);
    assert_eq!(parse(40, &[(PAGE, b"")]), ImageError::NoSegments);
    assert_eq!(Image::parse(b"", &arm()), Err(ImageError::Empty));
}

#[test]
fn a_hostile_gap_asks_for_no_memory() {
    let options = ImageOptions {
        max_gap: u64::MAX,
        ..ImageOptions::default()
    };
    let file = elf32(40, &[(0, b"a"), (0xf000_0000, b"b")]);
    assert!(matches!(
        Image::parse(&file, &options),
        Err(ImageError::TooLarge { .. })
    ));
}

proptest! {
    #[test]
    fn hostile_files_are_refused_without_panic(
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = elf32(40, &[(PAGE + 6, b"data"), (PAGE, b"code")]);
        let _ = Image::parse(&file[..cut.index(file.len())], &arm());
        let at = at.index(file.len());
        file[at] ^= flip;
        let _ = Image::parse(&file, &arm());
    }

    #[test]
    fn a_raw_binary_is_taken_as_it_is(bytes in prop::collection::vec(any::<u8>(), 1..100)) {
        prop_assume!(!bytes.starts_with(b"\x7fELF"));
        prop_assert_eq!(Image::parse(&bytes, &arm()).unwrap().bytes, bytes);
    }
}
