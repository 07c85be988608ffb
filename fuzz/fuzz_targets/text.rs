//! Files that people edit: key files, link keys, key sets and profiles. What is accepted can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_station::keys::SigningKey;
use lightday_station::keyset::KeySetFile;
use lightday_station::link_keys::HeldKeys;
use lightday_station::profile::Profile;

fuzz_target!(|text: &str| {
    if let Ok(key) = SigningKey::from_pem(text) {
        let again = key.to_pem().expect("a key that was read can be written");
        let again = SigningKey::from_pem(&again).expect("a key that was written can be read");
        assert_eq!(again.public(), key.public());
    }
    if let Ok(keys) = HeldKeys::from_text(text) {
        let again = HeldKeys::from_text(&keys.to_text());
        let again = again.expect("link keys that were written can be read");
        assert!(again.epochs().eq(keys.epochs()));
        for epoch in keys.epochs() {
            assert_eq!(again.fingerprint(epoch), keys.fingerprint(epoch));
        }
    }
    if let Ok(set) = KeySetFile::parse(text) {
        let again =
            KeySetFile::parse(&set.to_toml()).expect("a key set that was written can be read");
        assert_eq!(again.key_set(), set.key_set());
    }
    if let Ok(profile) = toml::from_str::<Profile>(text) {
        if profile.check().is_ok() {
            let _ = profile.image_options();
            let again = toml::to_string(&profile).expect("a profile that was read can be written");
            assert_eq!(toml::from_str(&again), Ok(profile));
        }
    }
});
