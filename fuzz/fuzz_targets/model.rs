//! A hostile patch in the codec `model`, over a base that is hostile too: an error or an image of the
//! declared length, in no more decisions than are promised and in the RAM lent. The patch says how much
//! of it: all three layouts of the tables fit.
//!
//! ```text
//! length of the new image (2 B, big-endian) | length of the base in 64 B (1 B) | base | patch
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_delta::encode::model_work;
use lightday_delta::{DecodeError, Lengths, ModelState, SliceIo};

/// What the decoder may take, in bytes.
const RAM: usize = 160 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let Some((head, rest)) = bytes.split_first_chunk::<3>() else {
        return;
    };
    let new = u32::from(u16::from_be_bytes([head[0], head[1]]));
    let (base, patch) = rest.split_at(rest.len().min(usize::from(head[2]) * 64));
    let lengths = Lengths {
        patch: patch.len() as u32,
        base: base.len() as u32,
        new,
    };
    let mut ram = vec![0xA5; RAM];
    let mut state = ModelState::new(lengths);
    let mut image = Vec::new();
    let mut out = [0; 97];
    let end = loop {
        let mut io = SliceIo {
            patch,
            base,
            new: &image,
        };
        match state.produce(&mut ram, &mut io, &mut out) {
            Ok(0) => break Ok(()),
            Ok(count) => image.extend_from_slice(&out[..count]),
            Err(DecodeError::Io(error)) => panic!("read outside of a region: {error}"),
            Err(error) => break Err(error),
        }
        assert!(
            image.len() <= new as usize,
            "wrote past the declared length"
        );
    };
    assert!(
        end.is_err() || image.len() == new as usize,
        "ended early without an error"
    );
    let work = model_work(base, new, patch, RAM as u32);
    assert!(work.is_bounded(), "{work:?}");
    assert_eq!(work.end, end);
});
