//! Any bytes on a serial line are packets or are passed over; a packet that was heard is heard again when it is sent,
//! whatever stood before it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_wire::serial::{self, Receiver};

fuzz_target!(|bytes: &[u8]| {
    let mut receiver = Receiver::new();
    let mut heard = Vec::new();
    for byte in bytes {
        if let Some((channel, payload)) = receiver.push(*byte) {
            heard.push((channel, payload.to_vec()));
        }
    }
    // A zero ends what is under way, and may make a packet of it.
    let _ = receiver.push(0);
    for (channel, payload) in heard {
        let mut line = [0; serial::MAX_ENCODED];
        let len = serial::encode(channel, &payload, &mut line).expect("what was heard fits");
        let mut again = None;
        for byte in &line[..len] {
            if let Some((channel, payload)) = receiver.push(*byte) {
                assert!(again.is_none(), "one packet is heard once");
                again = Some((channel, payload.to_vec()));
            }
        }
        assert_eq!(again, Some((channel, payload)));
    }
});
