//! Words that lead the right way: an error names what is wrong and no option that is not there, and nothing is said twice.

mod common;

use std::fs;

use common::{Mission, START};

#[test]
fn a_pass_that_stands_there_twice_is_called_so() {
    let mission = Mission::new("right-way-twice");
    mission.ok("command report-request");
    let path = mission.path("passes.csv");
    let text = fs::read_to_string(&path).unwrap();
    let last = text.lines().last().unwrap();
    fs::write(&path, format!("{text}{last}\n")).unwrap();
    let error = mission.fails(
        &format!("plan documents/cmd-1.ldd --at {START}"),
        3,
        "the same pass as in the row above it",
    );
    assert!(
        error.contains("take one of the two rows out") && !error.contains("sort the rows"),
        "{error}"
    );
}

#[test]
fn a_ledger_without_a_byte_is_called_empty() {
    let mission = Mission::new("right-way-empty");
    fs::write(mission.path("ledger.sqlite"), "").unwrap();
    let error = mission.fails("status", 7, "an empty file");
    assert!(error.contains("backup"), "{error}");
}

#[test]
fn a_key_of_another_role_signs_nothing() {
    let mission = Mission::with_bundle("right-way-role");
    mission.any_evidence();
    fs::write(mission.path("evidence/1.json"), "x").unwrap();
    mission.ok("authorize 1 --evidence evidence/1.json");
    mission.fails(
        "sign documents/auth-1.ldd --key keys/release-bob.key",
        4,
        "a release key signs no authorization",
    );
}

/// What would be staged does not fit: that mission.toml may be wrong is said as well.
#[test]
fn a_staging_area_that_is_too_small_is_named_beside_the_payload() {
    let mission = Mission::with_bundle("right-way-staging");
    let text = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let line = text
        .lines()
        .find(|l| l.starts_with("staging_size"))
        .unwrap();
    mission.edit("mission.toml", line, "staging_size = \"4KiB\"");
    fs::write(mission.path("noise.bin"), noise(9_000)).unwrap();
    let error = mission.fails("build noise.bin --version 1.2.0 --full", 5, "staging_size");
    assert!(
        error.contains("correct") && error.contains("mission.toml"),
        "{error}"
    );
}

/// Bytes that no codec makes shorter.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_warned_of_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let mission = Mission::with_bundle("right-way-chmod");
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(mission.path("keys/link.key"), open).unwrap();
    mission.states_twin();
    let said = mission
        .ok(&format!("uplink bundles/1.ldb --dry-run --at {START}"))
        .err;
    assert_eq!(said.matches("chmod 600").count(), 1, "{said}");
}

/// Two runs within one second follow each other.
#[test]
fn runs_that_follow_each_other_do_not_overlap() {
    let mission = Mission::with_bundle("right-way-touch");
    // At this rate a frame takes no whole number of seconds.
    mission.edit("mission.toml", "rate_up_bps = 100", "rate_up_bps = 97");
    mission.ok("build new.bin --version 1.2.0 --full");
    mission.ok("sign bundles/2.ldb --key keys/release-bob.key");
    let said = mission
        .ok(&format!("uplink bundles/1.ldb bundles/2.ldb --at {START}"))
        .err;
    let spans: Vec<(&str, &str)> = said
        .lines()
        .filter(|l| l.starts_with("bundle ") && l.contains(" from "))
        .map(|l| {
            l.rsplit_once(" from ")
                .unwrap()
                .1
                .split_once(" to ")
                .unwrap()
        })
        .collect();
    assert!(spans.len() >= 2, "{said}");
    let mut touching = 0;
    for (place, (from, to)) in spans.iter().enumerate() {
        assert!(from < to, "{said}");
        for (other, end) in spans.iter().take(place) {
            assert!(end <= from || to <= other, "{said}");
            touching += usize::from(end == from);
        }
    }
    assert!(touching > 0, "{said}");
}
