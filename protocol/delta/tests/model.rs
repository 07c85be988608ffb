//! The codec `model` from outside: round trips over real and made-up images, hostile patches, golden
//! patches.

use lightday_delta::encode::{
    EncodeError, LinkerHints, ModelOptions, Progress, apply, model, model_isa, model_watched,
};
use lightday_delta::{
    DecodeError, Decoder, Isa, Lengths, ModelDecoder, ModelState, SliceIo, model_ram,
};
use proptest::prelude::*;

#[path = "model/golden.rs"]
mod golden;

const ISAS: [Isa; 7] = [
    Isa::WordsLe,
    Isa::WordsBe,
    Isa::Thumb,
    Isa::Riscv32,
    Isa::Riscv64,
    Isa::Sparc,
    Isa::Aarch64,
];

fn quick(ram: u32) -> ModelOptions {
    ModelOptions {
        effort: 1,
        ..ModelOptions::new(ram)
    }
}

fn lengths(patch: &[u8], base: &[u8], new: u32) -> Lengths {
    Lengths {
        patch: patch.len() as u32,
        base: base.len() as u32,
        new,
    }
}

fn decode(patch: &[u8], base: &[u8], new: u32, ram: usize) -> Result<Vec<u8>, DecodeError> {
    let mut memory = vec![0xA5; ram];
    let mut decoder = ModelDecoder::new(lengths(patch, base, new), &mut memory);
    apply(&mut decoder, base, patch, new)
}

/// An image that looks like code and data: a few patterns, repeated and varied from a seed.
fn image(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        let word = match next() % 5 {
            0 => 0xF000_F800_u32.rotate_left(16) | next() & 0x07FF_03FF,
            1 => 0x4000_0000 | (next() % (len as u32 + 1)),
            2 => 0x0000_0013 | next() << 20,
            3 => 0x9400_0000 | next() & 0xFF,
            _ => next(),
        };
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Flip(usize),
    Move(usize, usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let bytes = proptest::collection::vec(any::<u8>(), 1..40);
    let edit = prop_oneof![
        (any::<usize>(), bytes).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any::<usize>(), 1_usize..300).prop_map(|(at, len)| Edit::Remove(at, len)),
        any::<usize>().prop_map(Edit::Flip),
        (any::<usize>(), any::<usize>(), 1_usize..300)
            .prop_map(|(a, b, len)| Edit::Move(a, b, len)),
    ];
    proptest::collection::vec(edit, 0..8)
}

fn edited(mut image: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let within = |at: usize| at % (image.len() + 1);
        match edit {
            Edit::Insert(at, bytes) => {
                let at = within(*at);
                image.splice(at..at, bytes.iter().copied());
            }
            Edit::Remove(at, len) => {
                let at = within(*at);
                let end = (at + len).min(image.len());
                image.drain(at..end);
            }
            Edit::Flip(at) => {
                let at = within(*at);
                if let Some(byte) = image.get_mut(at) {
                    *byte ^= 0x55;
                }
            }
            Edit::Move(from, to, len) => {
                let from = within(*from);
                let end = (from + len).min(image.len());
                let run: Vec<u8> = image.drain(from..end).collect();
                let to = to % (image.len() + 1);
                image.splice(to..to, run);
            }
        }
    }
    image
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Every instruction set, any images, any RAM: what was encoded is decoded.
    #[test]
    fn any_pair_survives(
        seed: u32,
        len in 0_usize..6000,
        edits in edits(),
        isa in proptest::sample::select(ISAS.to_vec()),
        base in prop_oneof![Just(0_u64), Just(0x0800_0000), any::<u64>()],
        ram in 9_u32 * 1024..80 * 1024,
    ) {
        let old = image(seed, len);
        let new = edited(old.clone(), &edits);
        let options = ModelOptions { isa: Some(isa), old_base: Some(base), ..quick(ram) };
        let patch = model(&old, &new, &options).unwrap();
        prop_assert!(patch.ram_needed <= ram);
        prop_assert_eq!(model_ram(&patch.payload), Ok(patch.ram_needed));
        let back = decode(&patch.payload, &old, new.len() as u32, patch.ram_needed as usize);
        prop_assert_eq!(back, Ok(new));
    }

    /// A patch with a flipped bit or a lost end: some image of the right length or an error, never a
    /// panic, never a byte too many.
    #[test]
    fn damaged_patches_are_survived(
        seed: u32,
        edits in edits(),
        isa in proptest::sample::select(ISAS.to_vec()),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        cut in any::<Option<usize>>(),
    ) {
        let old = image(seed, 3000);
        let new = edited(old.clone(), &edits);
        let options = ModelOptions { isa: Some(isa), old_base: Some(0x4000_0000), ..quick(16384) };
        let mut patch = model(&old, &new, &options).unwrap().payload;
        for (at, mask) in damage {
            let at = at % patch.len();
            patch[at] ^= mask;
        }
        if let Some(cut) = cut {
            patch.truncate(cut % (patch.len() + 1));
        }
        if let Ok(image) = decode(&patch, &old, new.len() as u32, 16384) {
            prop_assert_eq!(image.len(), new.len());
        }
    }

    /// Bytes that were never a patch, behind a head that lets them in.
    #[test]
    fn noise_is_survived(isa in 0_u8..8, noise in proptest::collection::vec(any::<u8>(), 0..400), new in 0_u32..20_000) {
        let old = image(7, 2000);
        let mut patch = vec![0x10 | isa, 5 << 3];
        patch.extend(noise);
        if let Ok(image) = decode(&patch, &old, new, 16384) {
            prop_assert_eq!(image.len(), new as usize);
        }
    }

    /// The sizes of `out`, and what lies in the RAM before, change nothing.
    #[test]
    fn pieces_of_any_size_make_the_same_image(sizes in proptest::collection::vec(1_usize..600, 1..6), fill: u8) {
        let old = image(3, 4000);
        let new = edited(old.clone(), &[Edit::Insert(1000, vec![1; 50]), Edit::Flip(2500)]);
        let patch = model(&old, &new, &quick(12 * 1024)).unwrap();
        let mut ram = vec![fill; patch.ram_needed as usize];
        let mut state = ModelState::new(lengths(&patch.payload, &old, new.len() as u32));
        let mut done = Vec::new();
        for size in sizes.iter().cycle() {
            let mut out = vec![0; *size];
            let mut io = SliceIo { patch: &patch.payload, base: &old, new: &done };
            let count = state.produce(&mut ram, &mut io, &mut out).unwrap();
            if count == 0 {
                break;
            }
            done.extend_from_slice(&out[..count]);
        }
        prop_assert_eq!(done, new);
    }
}

#[test]
fn images_without_bytes_are_images() {
    let some = image(1, 333);
    for (old, new) in [(&[][..], &[][..]), (&some, &[]), (&[], &some)] {
        let patch = model(old, new, &quick(16384)).unwrap();
        let back = decode(&patch.payload, old, new.len() as u32, 16384);
        assert_eq!(back.as_deref(), Ok(new));
    }
}

#[test]
fn too_little_ram_is_said_on_both_sides() {
    let old = image(1, 5000);
    let new = edited(old.clone(), &[Edit::Insert(1000, vec![9; 20])]);
    assert_eq!(
        model(&old, &new, &quick(2000)),
        Err(EncodeError::RamTooSmall)
    );
    let patch = model(&old, &new, &quick(16384)).unwrap().payload;
    let short = decode(&patch, &old, new.len() as u32, 16383);
    assert_eq!(short, Err(DecodeError::RamTooSmall));
}

#[test]
fn what_is_no_patch_is_refused() {
    let refused = |patch: &[u8]| decode(patch, &[1, 2, 3], 10, 16384).unwrap_err();
    assert_eq!(refused(&[]), DecodeError::Truncated);
    assert_eq!(refused(&[0x12]), DecodeError::Truncated);
    // Another version, an instruction set that does not exist, RAM beyond 2^31.
    assert_eq!(refused(&[0x22, 40, 0]), DecodeError::Malformed);
    assert_eq!(refused(&[0x1F, 40, 0]), DecodeError::Malformed);
    assert_eq!(refused(&[0x12, 255, 0]), DecodeError::Malformed);
}

/// Not even one in place of a zero that the encoder has left out: it is refused, or makes another image.
#[test]
fn bytes_behind_the_end_are_refused() {
    let refused = Err(DecodeError::TrailingBytes);
    let image = [1; 60];
    for new in (0..60).step_by(3) {
        let patch = model(&image, &image[..new], &quick(16384)).unwrap();
        for behind in [
            &b"\n"[..],
            b"\0",
            b"\xFF",
            b"\0\0\0\0",
            b"\xAA\xAA",
            &[7; 9],
        ] {
            let longer = [&patch.payload[..], behind].concat();
            let read = decode(&longer, &image, new as u32, 16384);
            let other = read.as_ref().is_ok_and(|made| made != &image[..new]);
            // A zero changes no bit, and more than four bytes are never read.
            let told = behind.len() > 4 || behind[0] == 0;
            assert!(read == refused || other && !told, "{new} {behind:?}");
        }
    }
}

#[test]
fn an_error_stays() {
    let mut ram = vec![0; 16384];
    let mut decoder = ModelDecoder::new(lengths(&[0x22, 40], &[], 5), &mut ram);
    let mut io = SliceIo {
        patch: &[0x22, 40],
        base: &[],
        new: &[],
    };
    for _ in 0..2 {
        let refused = decoder.produce(&mut io, &mut [0; 8]);
        assert_eq!(refused, Err(DecodeError::Malformed));
    }
}

/// The same images and options give the same bytes, whichever core was faster.
#[test]
fn the_encoder_is_deterministic() {
    let old = image(5, 20_000);
    let new = edited(
        old.clone(),
        &[Edit::Move(300, 9000, 2000), Edit::Remove(15_000, 64)],
    );
    let options = ModelOptions {
        effort: 3,
        ..ModelOptions::new(16384)
    };
    assert_eq!(
        model(&old, &new, &options).unwrap(),
        model(&old, &new, &options).unwrap()
    );
}

/// 48 functions of 96 bytes that differ in four numbers alone, in this order, and behind them as many pointers to
/// them; in the new image the numbers are others.
fn alike(order: &[u32], is_new: bool) -> Vec<u8> {
    let mut image = Vec::new();
    for function in order {
        for word in 0..24 {
            let number = function * 37 % 64 + if is_new { function * 11 % 7 + 1 } else { 0 };
            let number = if word % 6 == 3 { number } else { word };
            image.extend_from_slice(&(number << 20 | (word % 8) << 15 | 0x513).to_le_bytes());
        }
    }
    for function in 0..48 {
        let place = order.iter().position(|f| *f == function).unwrap() as u32;
        image.extend_from_slice(&(0x1000_0000 + place * 96).to_le_bytes());
    }
    image
}

/// Functions that the linker has put into another order, and that look alike: their names tell which is which.
#[test]
fn what_the_linker_says_guides_the_alignment() {
    let before: Vec<u32> = (0..48).collect();
    let after: Vec<u32> = (0..48).map(|i| i * 29 % 48).collect();
    let (old, new) = (alike(&before, false), alike(&after, true));
    let mut options = ModelOptions {
        isa: Some(Isa::Riscv32),
        old_base: Some(0x1000_0000),
        ..quick(16 << 10)
    };
    let alone = model(&old, &new, &options).unwrap().payload.len();
    options.linker.places = (0..48).map(|i| (after[i as usize] * 96, i * 96)).collect();
    let told = model(&old, &new, &options).unwrap().payload.len();
    options.linker.code = std::iter::once(0..48 * 96).collect();
    let all = model(&old, &new, &options).unwrap().payload.len();
    // What is wrong costs bytes, and makes no wrong patch.
    options.linker = LinkerHints {
        code: vec![7..9, 100..u32::MAX, 40..40, 4000..5000],
        ram: Some(u64::MAX - 1..u64::MAX),
        places: vec![(u32::MAX, 0), (0, u32::MAX), (5, 5), (9, 5), (4000, 96)],
    };
    let wrong = model(&old, &new, &options).unwrap().payload.len();
    assert!(told + 10 < alone, "{alone} {told}");
    assert!(all <= told && wrong <= alone + 2, "{all} {wrong}");
}

/// Whoever waits is told how far it is: each alignment once, all that were announced where the search goes all the
/// way, fewer where it finds nothing better.
#[test]
fn progress_counts_the_alignments() {
    let [golden, ..] = &golden::GOLDEN;
    let (old, new) = (golden.old, golden.new);
    for effort in [1, 2, 9] {
        let heard = std::sync::Mutex::new(Vec::new());
        let options = ModelOptions {
            effort,
            ..ModelOptions::new(16384)
        };
        let watch = |progress: Progress| heard.lock().unwrap().push(progress);
        let patch = model_watched(old, new, &options, &watch).unwrap();
        assert_eq!(patch, model(old, new, &options).unwrap());
        let heard = heard.into_inner().unwrap();
        let most = heard[0].most;
        assert!(heard.iter().all(|p| p.most == most));
        let mut done: Vec<_> = heard.iter().map(|p| p.done).collect();
        done.sort_unstable();
        assert_eq!(done, (1..=heard.len()).collect::<Vec<_>>());
        assert_eq!(heard.len() == most, effort < 9, "effort {effort}");
    }
}

/// Records of 13 bytes, of which a number at an odd place moves by the same everywhere: what debug
/// information and tables look like after code was inserted.
#[test]
fn numbers_that_move_alike_are_cheap_wherever_they_stand() {
    let records = 1000;
    let image = |shift: u32| -> Vec<u8> {
        let mut image = image(5, records * 13);
        for record in image.chunks_exact_mut(13) {
            let number = u32::from_le_bytes(record[3..7].try_into().unwrap()) & 0xF_FFFF;
            record[2] = 0xE8;
            record[3..7].copy_from_slice(&(number + shift).to_le_bytes());
        }
        image
    };
    let (old, new) = (image(0), image(0x58));
    let options = ModelOptions {
        isa: Some(Isa::WordsLe),
        ..quick(64 << 10)
    };
    let patch = model(&old, &new, &options).unwrap().payload;
    // Each number changes, one in three with a carry: a bit or two a number is what they are worth.
    assert!(patch.len() < records / 2, "{}", patch.len());
}

/// Functions of RISC-V code over registers x8 to x23, of which in every third one two have changed places, and
/// where a record has grown: whatever lay 24 bytes behind x8 and further lies 8 bytes further.
fn allotted(renamed: bool, grown: bool) -> Vec<u8> {
    let mut state = 77_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut image = Vec::new();
    for function in 0..60 {
        let pair = [8 + next() % 16, 8 + next() % 16];
        let name = |register: u32| match pair.iter().position(|r| *r == register) {
            Some(at) if renamed && function % 3 == 0 => pair[1 - at],
            _ => register,
        };
        for _ in 0..80 {
            let [a, b, c] = [0; 3].map(|_| name(8 + next() % 16));
            let offset = next() % 16 * 4;
            let word = match next() % 3 {
                0 => c << 20 | b << 15 | a << 7 | 0x33,
                1 if grown && offset >= 24 => (offset + 8) << 20 | b << 15 | 2 << 12 | a << 7 | 3,
                1 => offset << 20 | b << 15 | 2 << 12 | a << 7 | 3,
                _ => (next() % 32) << 20 | b << 15 | a << 7 | 0x13,
            };
            image.extend_from_slice(&word.to_le_bytes());
        }
    }
    image
}

fn riscv(old: &[u8], new: &[u8]) -> usize {
    let options = ModelOptions {
        isa: Some(Isa::Riscv32),
        old_base: Some(0x1000_0000),
        ..quick(64 << 10)
    };
    model(old, new, &options).unwrap().payload.len()
}

/// Two registers that change places in twenty functions, some four hundred instructions: it is told once or
/// twice a function. Without names of registers this takes 534 B.
#[test]
fn registers_allotted_anew_are_cheap() {
    let patch = riscv(&allotted(false, false), &allotted(true, false));
    assert!(patch < 250, "{patch}");
}

/// Numbers that change alike in a thousand instructions are learned, whatever registers stand beside them. Without
/// that this takes 313 B.
#[test]
fn numbers_of_instructions_that_change_alike_are_cheap() {
    let patch = riscv(&allotted(false, false), &allotted(false, true));
    assert!(patch < 80, "{patch}");
}

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Real firmware, everything found out by the encoder: far below what other tools make of it.
#[test]
fn a_small_fix_to_real_firmware_is_small() {
    for (name, limit) in [("thumb", 335), ("riscv", 305)] {
        let old = fixture(&format!("orbiter-{name}-v2.bin"));
        let new = fixture(&format!("orbiter-{name}-v3.bin"));
        let patch = model(&old, &new, &quick(16384)).unwrap();
        assert!(
            patch.payload.len() < limit,
            "{name}: {}",
            patch.payload.len()
        );
    }
}

/// An old image that is empty leaves the instruction set to the new one.
#[test]
fn the_first_image_shows_its_instruction_set_by_itself() {
    let new = fixture("orbiter-thumb-v2.bin");
    let found = model(&[], &new, &quick(16384)).unwrap();
    assert_eq!(model_isa(&found.payload), Ok(Isa::Thumb));
    let mut plain = quick(16384);
    plain.isa = Some(Isa::WordsLe);
    let plain = model(&[], &new, &plain).unwrap();
    assert!(found.payload.len() < plain.payload.len() * 95 / 100);
}
