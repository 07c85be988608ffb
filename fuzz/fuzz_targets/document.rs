//! Every document decodes canonically or is refused. The first byte chooses which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_fuzz::canonical;
use lightday_trust::KeySet;
use lightday_wire::{
    Authorization, AuthorizationContext, Command, CommandContext, Manifest, ManifestContext, canon,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, body)) = bytes.split_first() else {
        return;
    };
    match which % 7 {
        0 => canonical::<Manifest>(body),
        1 => canonical::<Authorization>(body),
        2 => canonical::<Command>(body),
        3 => key_set(body),
        4 => canonical::<ManifestContext>(body),
        5 => canonical::<AuthorizationContext>(body),
        _ => canonical::<CommandContext>(body),
    }
});

/// A key set that passes its check can act in every role, with keys that are all different.
fn key_set(body: &[u8]) {
    canonical::<KeySet>(body);
    let Ok(set) = canon::decode::<KeySet>(body) else {
        return;
    };
    if set.check().is_ok() {
        assert!(set.thresholds.iter().all(|threshold| *threshold > 0));
        assert!(
            set.thresholds
                .iter()
                .map(|threshold| usize::from(*threshold))
                .sum::<usize>()
                <= set.keys.len()
        );
        let mut keys: Vec<_> = set.keys.iter().map(|key| key.key).collect();
        keys.sort_unstable();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
