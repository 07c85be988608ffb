//! Which crate the code of a linked program came from, by the names of its functions. What was inlined counts for the
//! function that it was inlined into.

use crate::firmware::elf;

/// Groups of crates as the table shows them; the last one takes what is in no other.
pub const GROUPS: [(&str, &[&str]); 9] = [
    ("boot", &["lightday_boot"]),
    ("agent", &["lightday_agent"]),
    ("erasure code", &["lightday_fec"]),
    ("decoders of patches", &["lightday_delta"]),
    ("trust and wire", &["lightday_trust", "lightday_wire"]),
    (
        "ed25519 and curve25519",
        &["curve25519_dalek", "ed25519_dalek", "ed25519", "subtle"],
    ),
    (
        "SHA-2, HMAC, HKDF",
        &["sha2", "hmac", "hkdf", "digest", "block_buffer"],
    ),
    ("the program, and what was inlined there", &["probe", ""]),
    ("serde, postcard, `core`, built-ins and the rest", &[]),
];

/// Bytes of functions by group; nothing if the file has no table of symbols.
pub fn by_group(program: &[u8]) -> Option<[usize; GROUPS.len()]> {
    let mut sums = [0; GROUPS.len()];
    for (name, len) in elf::functions(program)? {
        let from = crate_of(&name);
        let rest = GROUPS.len() - 1;
        let group = GROUPS.iter().position(|(_, crates)| crates.contains(&from));
        sums[group.unwrap_or(rest)] += len;
    }
    Some(sums)
}

/// The crate that a function is of, by its mangled name (v0: `..Cs1a2b_4core..`): of several the first, which is the one
/// that the code was written in. Empty where there is no crate, as in the name of the program's entry.
fn crate_of(name: &str) -> &str {
    if !name.starts_with("_R") {
        // Built-ins have plain names, as the entry has.
        return if name == "_start" { "" } else { name };
    }
    name.match_indices("Cs")
        .find_map(|(at, _)| {
            let (hash, rest) = name.get(at + 2..)?.split_once('_')?;
            let is_hash = hash.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let len: usize = rest.get(..digits)?.parse().ok()?;
            rest.get(digits..)?
                .get(..len)
                .filter(|_| is_hash && len > 0)
        })
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_is_the_one_that_the_code_was_written_in() {
        let generic = "_RINvNtCs9x_13lightday_boot6loader6decideNtNtCs1_5probe9registers5FlashEB2_";
        assert_eq!(crate_of(generic), "lightday_boot");
        let of_trait = "_RNvXs_NtCsb7_4sha26sha256NtB4_6Sha256NtNtCsaa_6digest4core6Update6update";
        assert_eq!(crate_of(of_trait), "sha2");
        assert_eq!(crate_of("_start"), "");
        assert_eq!(crate_of("memcpy"), "memcpy");
    }
}
