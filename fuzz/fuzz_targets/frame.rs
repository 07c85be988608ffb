//! Any bytes are a frame or are refused; what is a frame is made of exactly its header, symbol and tag.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_wire::{Frame, TagLen};

fuzz_target!(|bytes: &[u8]| {
    for tag_len in [TagLen::Eight, TagLen::Six] {
        if let Ok(frame) = Frame::parse(bytes, tag_len) {
            let again = [&frame.header.to_bytes()[..], frame.symbol, frame.tag].concat();
            assert_eq!(again, bytes);
            assert_eq!(frame.tag.len(), tag_len.get());
            assert!(frame.header.k > 0 && !frame.symbol.is_empty() && frame.symbol.len() % 2 == 0);
        }
    }
});
