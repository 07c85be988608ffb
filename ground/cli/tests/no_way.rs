//! What cannot end well is said by plan and uplink: before anything goes up, and not only by what the vehicle says last.

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_wire::{ObjectNumber, Refusal, Stage, Verdict};

/// What plan and uplink say of some files: neither writes anything.
fn both(mission: &Mission, files: &str) -> [String; 2] {
    [
        mission.ok(&format!("plan {files} --at {START}")).err,
        mission
            .ok(&format!("uplink {files} --at {START} --dry-run"))
            .err,
    ]
}

/// The signatures cover the whole base. The verdict falls by the first frames, and those behind it open the reception
/// anew: what the vehicle says last is that it receives.
#[test]
fn a_bundle_for_a_base_of_another_version_is_warned_of() {
    let mission = Mission::new("no-way-version");
    // Enough symbols that some are behind the envelope.
    let old = fs::read(mission.path("old.bin")).unwrap();
    let mut state = 1u64;
    let noise = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    });
    let new = [old[..6000].to_vec(), noise.take(1500).collect()].concat();
    fs::write(mission.path("new.bin"), new).unwrap();
    mission.ok("build new.bin --version 1.1.0 --base old.bin --base-version 1.0.1");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    mission.states_twin();
    for said in both(&mission, "bundles/1.ldb") {
        assert!(
            said.contains(", signature bad; said at 2026-12-02T04:00:"),
            "{said}"
        );
        assert!(
            said.contains("warning: by the twin bundle 1 would not be done")
                && said.contains("`--base-version` that the image on board has"),
            "{said}"
        );
        assert!(
            !said.contains("; on board at") && !said.contains("Next: lightday uplink"),
            "{said}"
        );
    }
    let uplink = format!("uplink bundles/1.ldb --at {START} --json");
    let sent = mission.ok(&uplink).json();
    assert!(sent["certificate"][0]["probability"].is_null(), "{sent}");
    assert_eq!(sent["twin"]["verdicts"][0]["reason"], "signature bad");
}

/// As above, by a mistake on the other side.
#[test]
fn a_twin_of_another_version_is_warned_of() {
    let mission = Mission::with_bundle("no-way-twin");
    mission.states_twin();
    for said in both(&mission, "bundles/1.ldb") {
        assert!(!said.contains("would not be done"), "{said}");
    }
    mission.edit(
        "mission.toml",
        "\nfirst_version = \"1.0.0\"",
        "\nfirst_version = \"1.0.2\"",
    );
    for said in both(&mission, "bundles/1.ldb") {
        assert!(
            said.contains("bundle 1 would not be done")
                && said.contains("mend [twin] of mission.toml"),
            "{said}"
        );
    }
}

#[test]
fn a_bundle_behind_a_trial_that_holds_its_slot_is_warned_of() {
    let mission = Mission::with_bundle("no-way-slot");
    mission.states_twin();
    mission.authorizes();
    mission.ok("build new.bin --version 1.2.0 --full");
    mission.ok("sign bundles/2.ldb --key keys/release-bob.key");
    let files = "bundles/1.ldb bundles/2.ldb documents/auth-1.ldd";
    for said in both(&mission, files) {
        let of = |name: &str| {
            let mut lines = said.lines();
            let line = lines.find(|l| l.contains(name));
            line.unwrap_or_else(|| panic!("no {name}: {said}"))
        };
        assert!(of("bundle 1: [1,7]").contains("; on board at "), "{said}");
        let second = of("bundle 2: receiving");
        assert!(
            second.contains("slot busy; said at ") && !second.contains("on board at"),
            "{said}"
        );
        assert!(
            of("by the twin bundle 2 would not be done").contains("until the trial there"),
            "{said}"
        );
    }
}

/// A counter that the floors do not hold guards nothing.
#[test]
fn a_security_counter_above_the_floors_is_not_sent() {
    let mission = Mission::new("no-way-counter");
    mission.edit(
        "mission.toml",
        "\nsecurity_counters = ",
        "\nsecurity_counters = 40 # ",
    );
    mission.ok("build new.bin --version 1.1.0 --full --security-counter 20");
    mission.edit("mission.toml", "counters = 40 # ", "counters = 16 # ");
    let error = mission.fails(
        &format!("plan bundles/1.ldb --at {START}"),
        5,
        "field `memory.security_counters`",
    );
    assert!(error.contains("has security counter 20"), "{error}");
}

/// There is no twin here: what mission.toml says of the vehicle is enough.
#[test]
fn what_does_not_go_with_the_mission_any_more_is_not_sent() {
    for (from, to, field, says) in [
        (
            "slot_size = \"16KiB\"",
            "slot_size = \"8KiB\"",
            "memory.slot_size",
            "memory.slot_size of mission.toml is 8192 B",
        ),
        (
            "component = 0",
            "component = 1",
            "component",
            "is for component 0",
        ),
        (
            "load_address = 0x20000000",
            "load_address = 0x20000004",
            "memory.load_address",
            "is linked for 0x20000000",
        ),
        (
            "load_address = 0x20000000",
            "load_address = { a = 0x20000004, b = 0x20001000 }",
            "memory.load_address",
            "has no slot there",
        ),
        (
            "ram = \"64KiB\"",
            "ram = \"8KiB\"",
            "decoder.ram",
            "decoder.ram of mission.toml is 8192 B",
        ),
        (
            "codecs = [\"store\", \"model\"]",
            "codecs = [\"store\"]",
            "decoder.codecs",
            "is coded by model",
        ),
    ] {
        let mission = Mission::with_bundle("no-way-mission");
        mission.edit("mission.toml", &format!("\n{from}"), &format!("\n{to}"));
        let files = mission.files();
        for verb in ["plan", "uplink"] {
            let line = format!("{verb} bundles/1.ldb --at {START}");
            let error = mission.fails(&line, 5, &format!("field `{field}`"));
            assert!(error.contains(says), "{says}: {error}");
        }
        assert_eq!(mission.files(), files, "{field}: nothing is written");
    }
}

const LATER: &str = "2026-12-03T15:00:00Z";

/// Takes a report in that says that the vehicle has bundle 1.
fn heard_done(mission: &Mission) {
    let bytes = report(mission, 9, |r| {
        r.bundle = Verdict {
            number: ObjectNumber::new(1).unwrap(),
            stage: Stage::Done,
            refusal: Refusal::None,
        };
        r.next[0] = ObjectNumber::new(2).unwrap();
    });
    fs::write(mission.path("r.bin"), bytes).unwrap();
    mission.ok(&format!("ingest r.bin --at {LATER}"));
}

#[test]
fn plan_refuses_what_is_on_board_as_uplink_does() {
    let mission = Mission::with_bundle("no-way-done");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    heard_done(&mission);
    for line in [
        "uplink bundles/1.ldb",
        "plan bundles/1.ldb",
        "plan bundles/1.ldb --json",
        "plan bundles/1.ldb --target 2026-12-04T23:00:00Z",
    ] {
        let error = mission.fails(&format!("{line} --at {LATER}"), 5, "field `number`");
        assert!(error.contains("it is complete on board"), "{line}: {error}");
    }
}

#[test]
fn what_a_command_gave_up_is_not_said_to_go_up() {
    let mission = Mission::with_bundle("no-way-aborted");
    let at = format!("--at {START}");
    let status = || mission.ok(&format!("status {at}")).out;
    assert!(status().contains("nothing: it can go up"));
    mission.ok("command abort bundle 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/flight-dan.key");
    mission.ok(&format!("uplink documents/cmd-1.ldd {at}"));
    let said = status();
    assert!(
        said.contains("nothing: it is given up by command 1") && !said.contains("it can go up"),
        "{said}"
    );
    let said = mission.ok(&format!("plan bundles/1.ldb {at}")).err;
    assert!(
        said.contains("`lightday uplink` refuses this: ")
            && !said.contains("Next: lightday uplink"),
        "{said}"
    );
    mission.fails(&format!("uplink bundles/1.ldb {at}"), 5, "was given up");
}

/// Nothing of it went up from here, and people said that it did from elsewhere.
#[test]
fn a_number_that_was_taken_over_is_used_up() {
    let mission = Mission::with_bundle("no-way-accepted");
    heard_done(&mission);
    let line = |verb: &str| format!("{verb} bundles/1.ldb --probability 0.9 --at {LATER}");
    // Until they say so, the report may be anybody's.
    for verb in ["plan", "uplink --dry-run"] {
        let said = mission.ok(&line(verb)).err;
        assert!(said.contains("but nothing of it ever went up"), "{said}");
    }
    mission.ok(&format!("ingest r.bin --accept-numbers 9 --at {LATER}"));
    for verb in ["plan", "uplink --dry-run"] {
        mission.fails(&line(verb), 5, "does not take bundle 1 any more");
    }
    let said = mission.ok(&format!("status --at {LATER}")).out;
    assert!(
        said.contains("nothing: its number is used up") && !said.contains("it can go up"),
        "{said}"
    );
}

#[test]
fn a_base_is_built_upon_under_the_version_alone_that_is_known_of_it() {
    let mission = Mission::with_bundle("no-way-base-version");
    let before = mission.files();
    let build = "build old.bin --version 1.2.0 --base new.bin";
    let error = mission.fails(
        &format!("{build} --base-version 1.0.9"),
        5,
        "field `base-version`",
    );
    assert!(
        error.contains("bundle 1 of the ledger brings it as 1.1.0")
            && error.contains("hint:")
            && error.contains("--base-version 1.1.0"),
        "{error}"
    );
    let again = "build new.bin --version 1.2.0 --base old.bin";
    // Nobody knows the other one yet.
    mission.ok(&format!("{again} --base-version 0.9.5 --dry-run"));
    mission.states_twin();
    let error = mission.fails(&format!("{again} --base-version 0.9.5"), 5, "base-version");
    for says in [
        "twin.first_version of mission.toml is 1.0.0",
        "twin.golden_version of mission.toml is 0.9.0",
    ] {
        assert!(error.contains(says), "{says}: {error}");
    }
    assert_eq!(mission.files(), before, "nothing is written");
    for line in [
        format!("{build} --base-version 1.1.0"),
        build.to_owned(),
        format!("{again} --base-version 0.9.0"),
        format!("{again} --base-version 1.0.0"),
        // The twin names it.
        again.to_owned(),
    ] {
        mission.ok(&format!("{line} --dry-run"));
    }
}
