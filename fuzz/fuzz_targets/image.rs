//! Images from compilers: an error or an image within the limits, never memory without bound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_station::image::{Image, ImageOptions};

fuzz_target!(|bytes: &[u8]| {
    let options = ImageOptions {
        max_size: 1 << 20,
        max_gap: 1 << 16,
        ..ImageOptions::default()
    };
    match Image::parse(bytes, &options) {
        Ok(image) => {
            assert!(!image.bytes.is_empty() && image.bytes.len() <= 1 << 20);
            assert_eq!(image.bytes.len(), image.size() as usize);
        }
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.hint().is_empty());
        }
    }
});
