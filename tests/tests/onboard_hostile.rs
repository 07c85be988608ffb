//! Whoever has the link key can make the vehicle listen, and nothing more.

use lightday_tests::bench_ground::{Built, nobody};
use lightday_tests::bench_vehicle::{Bench, first_image, image};
use lightday_trust::digest::sha256;
use lightday_wire::{
    Epoch, FrameHeader, Location, ObjectKind, ObjectNumber, SlotId, SlotState, TagLen,
};
use proptest::prelude::*;

/// Frames in each case; with the cases below more than 10,000 in all.
const FRAMES: usize = 250;

/// A frame as an attacker makes it.
#[derive(Clone, Debug)]
enum Attack {
    /// Bytes without a sound tag.
    Noise(Vec<u8>),
    /// Anything under a sound tag.
    Forged {
        kind: u8,
        epoch: u8,
        number: u32,
        k: u16,
        index: u16,
        symbol: Vec<u8>,
    },
    /// A symbol of a sound bundle, with a byte changed, under a sound tag.
    Polluted {
        index: u16,
        at: usize,
        bits: u8,
        k: u16,
    },
    /// A reset in between.
    Reset,
}

fn attack() -> impl Strategy<Value = Attack> {
    let noise = prop::collection::vec(any::<u8>(), 0..200).prop_map(Attack::Noise);
    let symbol = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..80),
        Just(vec![0; 12]),
        prop::collection::vec(any::<u8>(), 499..=500),
    ]
    .prop_map(|half| [half.clone(), half].concat());
    let k = prop_oneof![4 => 1u16..6, 1 => 20u16..200, 1 => any::<u16>()];
    let index = prop_oneof![4 => 0u16..8, 1 => any::<u16>(), 1 => Just(u16::MAX)];
    let number = prop_oneof![6 => 1u32..4, 1 => 0u32..70_000];
    let forged = (1u8..5, 0u8..3, number, k, index, symbol).prop_map(
        |(kind, epoch, number, k, index, symbol)| Attack::Forged {
            kind,
            epoch,
            number,
            k,
            index,
            symbol,
        },
    );
    // Most are sound: only so the attacks reach solving and the digests.
    let bits = prop_oneof![9 => Just(0), 1 => any::<u8>()];
    let polluted = (0u16..80, any::<usize>(), bits, 0u16..40).prop_map(|(index, at, bits, k)| {
        Attack::Polluted {
            index,
            at,
            bits,
            k: k / 39,
        }
    });
    prop_oneof![
        2 => noise,
        6 => forged,
        12 => polluted,
        1 => Just(Attack::Reset),
    ]
}

fn seal(bench: &Bench, header: FrameHeader, symbol: &[u8]) -> Vec<u8> {
    let mut out = vec![0; symbol.len() + 16];
    let key = bench.uplink(header.epoch.get());
    key.seal_frame(header, symbol, TagLen::Eight, &mut out)
        .unwrap();
    out
}

fn frame(bench: &Bench, built: &Built, attack: Attack) -> Option<Vec<u8>> {
    Some(match attack {
        Attack::Noise(bytes) => bytes,
        Attack::Forged {
            kind,
            epoch,
            number,
            k,
            index,
            symbol,
        } => {
            let header = FrameHeader {
                kind: ObjectKind::from_code(kind).unwrap(),
                epoch: Epoch::new(epoch).unwrap(),
                number: ObjectNumber::new(number).unwrap(),
                k,
                index,
            };
            seal(bench, header, &symbol)
        }
        Attack::Polluted { index, at, bits, k } => {
            let mut symbol = built.object.symbol(index).unwrap();
            let at = at % symbol.len();
            symbol[at] ^= bits;
            let header = FrameHeader {
                kind: ObjectKind::Bundle,
                epoch: Epoch::FIRST,
                number: built.number,
                k: built.object.k() + k,
                index,
            };
            seal(bench, header, &symbol)
        }
        Attack::Reset => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_frames_under_a_valid_mac_never_panic_never_erase_a_slot_and_use_no_number_up(
        attacks in prop::collection::vec(attack(), FRAMES),
    ) {
        let mut bench = Bench::launch();
        // A confirmed image in A, a verified one in B.
        let kept = bench.stage(4, 4);
        // Release signed it, but nobody has its payload: it is never installed.
        let built = bench
            .ground
            .bundle_with(&image(2, 3000), 2, None, |m| m.payload.digest = nobody());
        let next = bench.record().next;
        let operation = bench.flash.operations();
        for attack in attacks {
            let Some(bytes) = frame(&bench, &built, attack) else {
                // Far enough apart that resets alone do not revert.
                bench.wait_s(2 * 3600 + 60);
                bench.reset(lightday_wire::ResetCause::Upset);
                bench.settle();
                continue;
            };
            bench.hear(&bytes);
            bench.settle();
        }
        prop_assert_eq!(bench.record().next, next);
        prop_assert_eq!(bench.record().epoch, Epoch::FIRST);
        prop_assert_eq!(bench.running(), Location::Slot(SlotId::A));
        prop_assert!(!bench.slot_changed_since(operation, SlotId::A));
        prop_assert_eq!(bench.slot_digest(SlotId::A, 5000), sha256(&first_image()));
        prop_assert!(!bench.slot_changed_since(operation, SlotId::B));
        prop_assert_eq!(bench.slot_digest(SlotId::B, 3000), kept.image.digest);
        prop_assert_eq!(bench.state(SlotId::B), SlotState::Verified);
        prop_assert_eq!(bench.flash.stats().protected, 0);
        prop_assert_eq!(bench.flash.stats().programmed_twice, 0);
    }
}
