//! Files of the ground station: bundles and drafts. What is accepted writes itself to the same bytes.
//!
//! ```text
//! content of a file, behind one byte that chooses its kind, or a whole file
//! ```
//! Header and digest are put around the content, so that the parser behind the digest is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_station::bundle::Bundle;
use lightday_station::document::Draft;
use lightday_trust::KeySet;
use lightday_wire::{Authorization, Command, ObjectKind};
use sha2::{Digest, Sha256};

/// The base that an accepted delta is tried on.
const BASE: &[u8] = &[0x5a; 1360];

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let Some((which, content)) = bytes.split_first() else {
        return;
    };
    let kinds = ObjectKind::UPLINK;
    let kind = kinds[usize::from(*which) % kinds.len()];
    let len = u32::try_from(content.len()).expect("inputs are short");
    let mut file = b"LIGHTDAY".to_vec();
    file.extend([kind.code(), 1]);
    file.extend(len.to_be_bytes());
    file.extend_from_slice(content);
    let digest = Sha256::digest(&file);
    file.extend_from_slice(&digest);
    read(&file);
});

fn read(file: &[u8]) {
    if let Ok(mut bundle) = Bundle::parse(file) {
        assert_eq!(bundle.to_bytes(), file);
        assert!(bundle.object_bytes().ends_with(bundle.payload()));
        let decoded = bundle.decode(BASE);
        assert!(decoded.is_err() || bundle.manifest().image.size < 1 << 20);
        bundle.sever_text();
        assert!(
            Bundle::parse(&bundle.to_bytes()).is_ok(),
            "the text is severable"
        );
    }
    if let Ok(draft) = Draft::<Authorization>::parse(file) {
        assert_eq!(draft.to_bytes(), file);
    }
    if let Ok(draft) = Draft::<Command>::parse(file) {
        assert_eq!(draft.to_bytes(), file);
    }
    if let Ok(draft) = Draft::<KeySet>::parse(file) {
        assert_eq!(draft.to_bytes(), file);
    }
}
