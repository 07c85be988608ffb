//! The one verifier under a key set whose secrets the fuzzer lacks: it accepts what was signed and nothing else.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use lightday_fuzz::{trust_vector, wire_vector};
use lightday_trust::KeySet;
use lightday_trust::keyset::KeySetContext;
use lightday_wire::{
    Authorization, AuthorizationContext, Command, CommandContext, Envelope, Manifest,
    ManifestContext, canon,
};

/// The key set, the contexts, and the bodies that were signed under them.
struct Signed {
    keys: KeySet,
    manifest: (ManifestContext, Vec<u8>),
    authorization: (AuthorizationContext, Vec<u8>),
    command: (CommandContext, Vec<u8>),
    key_set: (KeySetContext, Vec<u8>),
}

fn body(name: &str) -> Vec<u8> {
    let bytes = trust_vector(name);
    let (envelope, _) = Envelope::parse(&bytes).expect("golden");
    envelope.body.to_vec()
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let context = wire_vector("context/command");
    Signed {
        keys: canon::decode(&trust_vector("key_set/1")).expect("golden"),
        manifest: (
            canon::decode(&wire_vector("context/manifest_class")).expect("golden"),
            body("envelope/manifest"),
        ),
        authorization: (
            canon::decode(&context).expect("golden"),
            body("envelope/authorization"),
        ),
        command: (
            canon::decode(&context).expect("golden"),
            body("envelope/command"),
        ),
        key_set: (
            canon::decode(&trust_vector("context/key_set")).expect("golden"),
            body("envelope/key_set"),
        ),
    }
});

fuzz_target!(|bytes: &[u8]| {
    let Ok((envelope, _)) = Envelope::parse(bytes) else {
        return;
    };
    let signed = &*SIGNED;
    if signed
        .keys
        .verify::<Manifest>(&envelope, &signed.manifest.0)
        .is_ok()
    {
        assert_eq!(envelope.body, signed.manifest.1);
    }
    if signed
        .keys
        .verify::<Authorization>(&envelope, &signed.authorization.0)
        .is_ok()
    {
        assert_eq!(envelope.body, signed.authorization.1);
    }
    if signed
        .keys
        .verify::<Command>(&envelope, &signed.command.0)
        .is_ok()
    {
        assert_eq!(envelope.body, signed.command.1);
    }
    if signed
        .keys
        .verify_successor(&envelope, &signed.key_set.0)
        .is_ok()
    {
        assert_eq!(envelope.body, signed.key_set.1);
    }
});
