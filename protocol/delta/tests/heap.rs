//! The heap that decoding takes stays under what the decoder says it needs.

mod common;

use common::lengths;
use lightday_delta::{BsdiffZstdDecoder, Decoder, SliceIo, encode};
use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc, PeakMemAllocTrait};
use std::alloc::System;

#[global_allocator]
static HEAP: &PeakMemAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Pseudo-random bytes; `spread` of 256 values.
fn noise(len: usize, spread: u32, mut seed: u32) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 16) % spread) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// One test in this binary: the allocator counts every thread.
#[test]
fn the_heap_stays_under_ram_needed() {
    // An image with all kinds of blocks in its patch: noise, runs, many short matches, edits.
    let base = noise(150_000, 256, 1);
    let mut new = base.clone();
    new.splice(1000..1000, noise(60_000, 256, 2));
    new.splice(50..50, noise(80_000, 5, 3));
    new.extend(std::iter::repeat_n(0xFF, 150_000));
    for at in (0..new.len()).step_by(97) {
        new[at] = new[at].wrapping_add(3);
    }
    let mut print = String::from("RAM given, needed, measured, payload:");
    for ram in [100 << 10, 256 << 10, 64 << 20] {
        let patch = encode::bsdiff_zstd(&base, &new, ram).unwrap();
        let lengths = lengths(&patch.payload, &base, new.len());
        let mut image = vec![0; new.len()];
        HEAP.reset_peak_memory();
        let mut decoder = BsdiffZstdDecoder::new(lengths, ram);
        let mut done = 0;
        while done < image.len() {
            let mut io = SliceIo {
                patch: &patch.payload,
                base: &base,
                new: &[],
            };
            let end = image.len().min(done + 512);
            done += decoder.produce(&mut io, &mut image[done..end]).unwrap();
        }
        let peak = HEAP.get_peak_memory();
        assert_eq!(image, new);
        let needed = usize::try_from(patch.ram_needed).unwrap();
        assert!(peak <= needed, "measured {peak}, stated {needed}");
        print += &format!("\n{ram} {needed} {peak} {}", patch.payload.len());
    }
    println!("{print}");
}
