//! What the fuzz targets share: the rule of canonical encoding, and the golden vectors of the crates.
#![forbid(unsafe_code)]

use lightday_wire::canon;
use serde::{Serialize, de::DeserializeOwned};

/// The golden vectors of `lightday-trust`: key sets, contexts and signed envelopes.
const TRUST_VECTORS: &str = include_str!("../../protocol/trust/tests/vectors.txt");
/// The golden vectors of `lightday-wire`.
const WIRE_VECTORS: &str = include_str!("../../protocol/wire/tests/vectors.txt");

/// What decodes must encode to the very same bytes.
pub fn canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(value) = canon::decode::<T>(bytes) {
        let mut out = [0; canon::MAX_LEN];
        assert_eq!(
            canon::encode(&value, &mut out),
            Ok(bytes),
            "accepted, but not canonical"
        );
    }
}

/// A golden vector of `lightday-trust`.
pub fn trust_vector(name: &str) -> Vec<u8> {
    vector(TRUST_VECTORS, name)
}

/// A golden vector of `lightday-wire`.
pub fn wire_vector(name: &str) -> Vec<u8> {
    vector(WIRE_VECTORS, name)
}

fn vector(file: &str, name: &str) -> Vec<u8> {
    let line = file
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let hex = line.unwrap_or_else(|| panic!("no golden vector is named {name}"));
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16);
    let bytes: Result<Vec<u8>, _> = (0..hex.len()).step_by(2).map(byte).collect();
    bytes.unwrap_or_else(|error| panic!("the golden vector {name}: {error}"))
}
