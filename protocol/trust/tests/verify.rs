//! The one verifier: thresholds, keys that count once, contexts, weak keys, successors of key sets.

mod common;

use common::{encode, key_set, key_set_context, next_key_set, samples, sealed, signed};
use ed25519_dalek::Verifier;
use lightday_trust::{KeySet, KeySetError, TrustError, signing_message};
use lightday_wire::canon::CanonError;
use lightday_wire::{
    Action, Authorization, AuthorizationContext, Command, CommandContext, Envelope, KeyIndex,
    Manifest, Role, Signature, Target, VehicleId,
};

fn confirm() -> Vec<u8> {
    encode(&samples::commands()[0].1)
}

fn verify_command(set: &KeySet, envelope: &Envelope<'_>) -> Result<(), TrustError> {
    set.verify::<Command>(envelope, &samples::command_context())
        .map(drop)
}

#[test]
fn a_threshold_is_met_by_any_keys_of_the_role_and_by_no_fewer() {
    let (set, context) = (key_set(), samples::manifest_context_class());
    let body = encode(&samples::manifest_delta());
    for mask in 0..8u8 {
        let keys: Vec<u8> = (3..6).filter(|n| mask & 1 << (n - 3) != 0).collect();
        let verdict = set.verify::<Manifest>(&sealed::<Manifest>(&context, &body, &keys), &context);
        let enough = keys.len() >= 2;
        assert_eq!(verdict.is_ok(), enough, "{keys:?}");
        if !enough {
            let missing = TrustError::BelowThreshold(Role::Release);
            assert_eq!(verdict.unwrap_err(), missing);
        }
    }
}

#[test]
fn one_role_never_makes_up_for_another() {
    let (set, context) = (key_set(), samples::authorization_context());
    let body = encode(&samples::authorizations()[0].1);
    for (keys, missing) in [
        (&[6, 7, 8][..], Role::Flight),
        (&[8, 9], Role::Verification),
        (&[6, 7], Role::Flight),
    ] {
        let envelope = sealed::<Authorization>(&context, &body, keys);
        let verdict = set.verify::<Authorization>(&envelope, &context).map(drop);
        assert_eq!(
            verdict,
            Err(TrustError::BelowThreshold(missing)),
            "{keys:?}"
        );
    }
}

/// All signatures must be good, not only enough of them: a bad one is a sign that something is wrong.
#[test]
fn a_bad_signature_beside_enough_good_ones_is_refused() {
    let (set, context) = (key_set(), samples::manifest_context_class());
    let body = encode(&samples::manifest_delta());
    let envelope = signed::<Manifest>(&context, &body, &[(3, 3), (4, 4), (5, 3)]);
    assert_eq!(
        set.verify::<Manifest>(&envelope, &context),
        Err(TrustError::BadSignature(KeyIndex(5)))
    );
}

#[test]
fn a_key_never_counts_twice() {
    let (set, body) = (key_set(), confirm());
    let context = samples::command_context();
    // The same index twice: no envelope can be read that lists it.
    let twice = signed::<Command>(&context, &body, &[(8, 8), (8, 8)]);
    assert_eq!(
        Envelope::parse(&common::written(&twice)),
        Err(CanonError::NotCanonical)
    );
    // The same key under the index of another.
    let borrowed = signed::<Command>(&context, &body, &[(8, 8), (9, 8)]);
    assert_eq!(
        verify_command(&set, &borrowed),
        Err(TrustError::BadSignature(KeyIndex(9)))
    );
    // The same key once more as if it stood in a new set.
    for index in [0x80, 0x88, 0x89, 0xff] {
        let aliased = signed::<Command>(&context, &body, &[(8, 8), (index, 8)]);
        assert_eq!(
            verify_command(&set, &aliased),
            Err(TrustError::UnknownKey(KeyIndex(index)))
        );
    }
}

/// `Envelope::parse` would refuse it; the verifier does not rely on that.
#[test]
fn an_envelope_put_together_by_hand_with_an_index_twice_is_refused_too() {
    let body = confirm();
    for keys in [[(8, 8), (8, 8)], [(9, 9), (8, 8)]] {
        let envelope = signed::<Command>(&samples::command_context(), &body, &keys);
        assert_eq!(
            verify_command(&key_set(), &envelope),
            Err(TrustError::KeyTwice(KeyIndex(8)))
        );
    }
}

#[test]
fn a_key_that_the_set_lacks_is_unknown() {
    let body = confirm();
    let envelope = signed::<Command>(&samples::command_context(), &body, &[(8, 8), (10, 9)]);
    assert_eq!(
        verify_command(&key_set(), &envelope),
        Err(TrustError::UnknownKey(KeyIndex(10)))
    );
}

#[test]
fn a_signature_holds_in_its_own_context_only() {
    let set = key_set();
    let good = samples::manifest_context_class();
    let body = encode(&samples::manifest_delta());
    let envelope = sealed::<Manifest>(&good, &body, &[3, 4]);
    let mut others = [good; 6];
    others[0].number = good.number.next();
    others[1].target = Target::Vehicle(VehicleId(samples::CLASS.0));
    others[2].base = None;
    let base = |i: usize| -> (usize, _) { (i, samples::BASE) };
    for (i, mut base) in [base(3), base(4), base(5)] {
        match i {
            3 => base.digest.0[31] ^= 1,
            4 => base.size += 1,
            _ => base.version.patch += 1,
        }
        others[i].base = Some(base);
    }
    assert!(set.verify::<Manifest>(&envelope, &good).is_ok());
    for context in others {
        let verdict = set.verify::<Manifest>(&envelope, &context);
        assert_eq!(verdict, Err(TrustError::BadSignature(KeyIndex(3))));
    }
}

/// The contexts of commands and authorizations have one shape, and some bodies decode as both.
#[test]
fn a_signature_holds_in_its_own_domain_only() {
    let CommandContext { vehicle, number } = samples::command_context();
    let body = confirm();
    let command = signing_message::<Command>(&CommandContext { vehicle, number }, &body);
    let other = AuthorizationContext { vehicle, number };
    let authorization = signing_message::<Authorization>(&other, &body);
    assert_ne!(command, authorization);
}

#[test]
fn a_body_that_is_not_canonical_is_refused_before_any_signature_counts() {
    let context = samples::command_context();
    // `Scrub` of the staging area, its code written overlong.
    for (body, error) in [
        (&[0x8a, 0x00, 0x04][..], CanonError::NotCanonical),
        (&[0x0a, 0x04, 0x00], CanonError::Trailing),
        (&[0x0a], CanonError::Malformed),
    ] {
        let envelope = sealed::<Command>(&context, body, &[8, 9]);
        let verdict = verify_command(&key_set(), &envelope);
        assert_eq!(verdict, Err(TrustError::Body(error)), "{body:x?}");
    }
}

/// The eight points of small order (de Valence, "It's 255:19AM. Do you know what your validation
/// criteria are?", 2020): under such a key one signature fits many messages.
fn small_order() -> [[u8; 32]; 8] {
    let eighth = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let other = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let read = |hex: &str| -> [u8; 32] {
        let bytes = samples::vector(&format!("point: {hex}"), "point");
        bytes.try_into().expect("32 B")
    };
    let negated = |mut point: [u8; 32]| {
        point[31] |= 0x80;
        point
    };
    let (mut one, mut minus_one) = ([0; 32], [0xff; 32]);
    one[0] = 1;
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let (eighth, other) = (read(eighth), read(other));
    [
        one,
        minus_one,
        [0; 32],
        negated([0; 32]),
        eighth,
        negated(eighth),
        other,
        negated(other),
    ]
}

#[test]
fn keys_of_small_order_verify_nothing_and_make_no_key_set() {
    let (body, context) = (confirm(), samples::command_context());
    let message = signing_message::<Command>(&context, &body).unwrap();
    let mut accepted_by_the_bare_equation = 0;
    for point in small_order() {
        let mut set = key_set();
        set.keys[9].key = point;
        assert_eq!(set.check(), Err(KeySetError::BadKey(KeyIndex(9))));
        // R = the key, S = 0 satisfies the bare equation for many messages under such a key.
        for r in small_order() {
            let mut envelope = sealed::<Command>(&context, &body, &[8]);
            let bare = ed25519_dalek::VerifyingKey::from_bytes(&point).unwrap();
            let given = ed25519_dalek::Signature::from_components(r, [0; 32]);
            accepted_by_the_bare_equation += u32::from(bare.verify(&message, &given).is_ok());
            let weak = Signature {
                key: KeyIndex(9),
                r,
                s: [0; 32],
            };
            envelope.signatures.push(weak).unwrap();
            assert_eq!(
                verify_command(&set, &envelope),
                Err(TrustError::BadSignature(KeyIndex(9)))
            );
        }
    }
    assert!(accepted_by_the_bare_equation > 0, "the test is empty");
}

#[test]
fn what_is_no_point_or_a_second_spelling_of_one_makes_no_key_set() {
    let no_point = (2..).map(|n| [n; 32]);
    let mut no_point = no_point.filter(|y| ed25519_dalek::VerifyingKey::from_bytes(y).is_err());
    let mut set = key_set();
    set.keys[4].key = no_point.next().expect("half of all strings are no point");
    assert_eq!(set.check(), Err(KeySetError::BadKey(KeyIndex(4))));
    // y = 2^255 - 19 + n for n below 19 spells y = n a second time.
    let mut spelled = 0;
    for n in 0..19u8 {
        for sign in [0x00, 0x80] {
            let mut key = [0xff; 32];
            key[0] = 0xed + n;
            key[31] = 0x7f | sign;
            set = key_set();
            set.keys[4].key = key;
            spelled += usize::from(ed25519_dalek::VerifyingKey::from_bytes(&key).is_ok());
            assert_eq!(set.check(), Err(KeySetError::BadKey(KeyIndex(4))), "{n}");
        }
    }
    assert!(
        spelled > 0,
        "no second spelling is a point: the test is empty"
    );
}

#[test]
fn a_key_set_in_which_somebody_cannot_act_makes_no_sense() {
    assert_eq!(key_set().check(), Ok(()));
    for (i, role) in Role::ALL.iter().copied().enumerate() {
        let mut set = key_set();
        set.thresholds[i] = 0;
        assert_eq!(set.check(), Err(KeySetError::NoThreshold(role)));
        set.thresholds[i] = 4;
        assert_eq!(set.check(), Err(KeySetError::TooFewKeys(role)));
        set.keys.retain(|key| key.role != role);
        set.thresholds[i] = 1;
        assert_eq!(set.check(), Err(KeySetError::TooFewKeys(role)));
    }
    // One key in two roles, and one key twice in a role.
    for (from, to) in [(0, 9), (3, 4)] {
        let mut set = key_set();
        set.keys[to].key = set.keys[from].key;
        assert_eq!(set.check(), Err(KeySetError::KeyTwice));
    }
}

/// What an envelope can carry bounds what a threshold may ask for: three roles sign a load-and-go
/// manifest, two sets sign a successor.
#[test]
fn a_set_whose_thresholds_no_envelope_can_meet_makes_no_sense() {
    let mut set = key_set();
    for n in 10..16 {
        set.keys.push(common::role_key(Role::Flight, n)).unwrap();
    }
    set.thresholds = [2, 2, 1, 5];
    assert_eq!(set.check(), Ok(()));
    set.thresholds = [2, 2, 1, 6];
    assert_eq!(set.check(), Err(KeySetError::TooManySignatures));
    let roots = [0, 1, 2, 10, 11].map(|n| common::role_key(Role::Root, n));
    let others = key_set().keys[3..].to_vec();
    let mut set = key_set();
    set.keys = roots.into_iter().chain(others).collect();
    set.thresholds[0] = 4;
    assert_eq!(set.check(), Ok(()));
    set.thresholds[0] = 5;
    assert_eq!(set.check(), Err(KeySetError::TooManySignatures));
}

fn successor(next: &KeySet, keys: &[(u8, u8)]) -> Result<KeySet, TrustError> {
    let (body, context) = (encode(next), key_set_context());
    let envelope = signed::<KeySet>(&context, &body, keys);
    let verdict = key_set().verify_successor(&envelope, &context);
    verdict.map(|verified| verified.into_inner())
}

const OLD: [(u8, u8); 2] = [(0, 0), (1, 1)];
const NEW: [(u8, u8); 2] = [(0x81, 10), (0x82, 11)];

#[test]
fn a_successor_needs_the_roots_of_both_sets() {
    let next = next_key_set();
    assert_eq!(successor(&next, &[OLD, NEW].concat()), Ok(next.clone()));
    // A root of both sets signs for each.
    let both = [(0, 0), (2, 2), (0x80, 0), (0x82, 11)];
    assert_eq!(successor(&next, &both), Ok(next.clone()));
    let missing = Err(TrustError::BelowThreshold(Role::Root));
    for keys in [
        &OLD[..],
        &NEW,
        &[(0, 0), (0x81, 10)],
        &[(0, 0), (0x81, 10), (0x82, 11)],
        &[(0, 0), (1, 1), (0x81, 10)],
    ] {
        assert_eq!(successor(&next, keys), missing, "{keys:?}");
    }
    // A key that was taken out signs no more for the new set, nor a new one for the old.
    let taken_out = successor(&next, &[(0, 0), (1, 1), (0x80, 0), (0x81, 1)]);
    assert_eq!(taken_out, Err(TrustError::BadSignature(KeyIndex(0x81))));
    let too_early = successor(&next, &[(0, 0), (1, 10), (0x80, 0), (0x81, 10)]);
    assert_eq!(too_early, Err(TrustError::BadSignature(KeyIndex(1))));
    // Flight has no say.
    let flight = successor(&next, &[(0, 0), (1, 1), (8, 8), (0x81, 10), (0x82, 11)]);
    assert_eq!(flight, Err(TrustError::WrongRole(KeyIndex(8))));
}

#[test]
fn a_successor_is_the_next_version_and_makes_sense() {
    let keys = [OLD, NEW].concat();
    for version in [0, 1, 3, u16::MAX] {
        let mut next = next_key_set();
        next.version = version;
        assert_eq!(successor(&next, &keys), Err(TrustError::KeySetVersion));
    }
    let mut next = next_key_set();
    next.thresholds[3] = 0;
    let error = KeySetError::NoThreshold(Role::Flight);
    assert_eq!(successor(&next, &keys), Err(TrustError::KeySet(error)));
}

#[test]
fn the_last_version_has_no_successor() {
    let mut last = key_set();
    last.version = u16::MAX;
    let mut next = next_key_set();
    next.version = 0;
    let (body, context) = (encode(&next), key_set_context());
    let envelope = signed::<KeySet>(&context, &body, &[OLD, NEW].concat());
    let verdict = last.verify_successor(&envelope, &context);
    assert_eq!(verdict, Err(TrustError::KeySetVersion));
}

/// The plain verifier would ask the old roots only, and neither the version nor the new set's sense.
#[test]
fn a_key_set_is_verified_as_a_successor_or_not_at_all() {
    let (body, context) = (encode(&next_key_set()), key_set_context());
    let envelope = signed::<KeySet>(&context, &body, &OLD);
    assert_eq!(
        key_set().verify::<KeySet>(&envelope, &context),
        Err(TrustError::KeySetVersion)
    );
}

#[test]
fn the_verified_document_is_the_one_that_was_signed() {
    let (set, context) = (key_set(), samples::command_context());
    for (_, command) in samples::commands() {
        let body = encode(&command);
        let keys: &[u8] = match command.action {
            Action::EpochSwitch { .. } | Action::Resync { .. } => &[1, 2],
            _ => &[8, 9],
        };
        let envelope = sealed::<Command>(&context, &body, keys);
        let verified = set.verify::<Command>(&envelope, &context).unwrap();
        assert_eq!(*verified, command);
    }
}

/// A set that was never checked still lets nobody act without a signature.
#[test]
fn an_unchecked_set_with_a_threshold_of_zero_still_needs_a_signature() {
    let mut set = key_set();
    set.thresholds = [0; 4];
    let body = confirm();
    let envelope = sealed::<Command>(&samples::command_context(), &body, &[]);
    assert_eq!(
        verify_command(&set, &envelope),
        Err(TrustError::BelowThreshold(Role::Flight))
    );
}
