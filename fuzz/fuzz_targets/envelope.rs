//! Any bytes begin with an envelope or are refused; it writes itself as it was read and leaves the rest alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_wire::Envelope;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((envelope, rest)) = Envelope::parse(bytes) {
        let mut out = vec![0; bytes.len()];
        let written = envelope.write(&mut out).expect("what was read fits");
        assert_eq!([written, rest].concat(), bytes);
        assert_eq!(written.len(), envelope.encoded_len());
        assert!(
            envelope
                .signatures
                .windows(2)
                .all(|pair| pair[0].key < pair[1].key),
            "a key counts once"
        );
    }
});
