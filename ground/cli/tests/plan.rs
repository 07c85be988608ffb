//! `lightday plan` by instants: what is on board by then, what a trial needs, and what the ledger keeps of it.

mod common;

use std::fs;

use common::{Mission, START};

/// A mission with a bundle that takes a few frames and an authorization of it, with this window.
fn mission(name: &str, window: &str) -> Mission {
    let mission = Mission::with_bundle(name);
    mission.any_evidence();
    // What whole passes lose is asked for where a test is about it.
    mission.edit("mission.toml", "passes = 0.05", "passes = 0.0");
    let root = "00".repeat(32);
    mission.ok(&format!(
        "authorize 1 --evidence-root {root} {window} --at {START}"
    ));
    for key in ["verification-cleo", "flight-dan"] {
        mission.ok(&format!("sign documents/auth-1.ldd --key keys/{key}.key"));
    }
    mission
}

fn passes(mission: &Mission, rows: &str) {
    fs::write(mission.path("passes.csv"), rows).unwrap();
}

const BOTH: &str = "bundles/1.ldb documents/auth-1.ldd";

#[test]
fn a_plan_says_whether_all_is_on_board_by_an_instant() {
    let mission = mission("plan-target", "");
    let plan = |by: &str| format!("plan {BOTH} --at {START} --target {by}");
    // The first pass begins at 06:00 on the first of December; light takes 22 h.
    let yes = mission.ok(&plan("2026-12-02T05:00:00Z"));
    assert!(
        yes.out
            .contains("By 2026-12-02T05:00:00Z: yes. bundle 1 is on board with 0.9995"),
        "{}",
        yes.out
    );
    let no = plan("2026-12-02T04:00:20Z");
    let error = mission.fails(&no, 6, "it is not done by 2026-12-02T04:00:20Z");
    for part in [
        "leaves at 2026-12-01T06:00:20Z",
        "What is booked reaches",
        "It would do to book 1 pass more",
        "  2026-11-30T01:00:00Z to 2026-11-30T01:0",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let json = mission.ok(&format!("{no} --json")).json();
    assert_eq!(json["enough"], false);
    let target = &json["target_instant"];
    assert_eq!(
        (
            &target["done"],
            target["more_passes"].as_array().unwrap().len()
        ),
        (&false.into(), 1)
    );
    let never = plan("2026-11-30T21:59Z");
    mission.fails(
        &never,
        6,
        "it cannot be done by 2026-11-30T21:59:00Z: light takes 22.0 h",
    );
    mission.fails(
        &plan("2026-11-30T22:00:10Z"),
        6,
        "not even with a pass of 8.0 h every day",
    );
    mission.fails(&plan("soon"), 2, "not an instant");
}

#[test]
fn a_smaller_patch_is_named_that_would_do() {
    let mission = Mission::new("plan-smaller");
    mission.edit("mission.toml", "passes = 0.05", "passes = 0.0");
    mission.ok("build new.bin --version 1.1.0 --full");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    // Ten minutes of 100 bit/s are 7,500 B.
    let ran = mission
        .ok("plan bundles/1.ldb --at 2026-12-01T06:00:00Z --target 2026-12-02T04:10:00Z --json");
    let longest = ran.json()["target_instant"]["longest_bundle_bytes"]
        .as_u64()
        .unwrap();
    assert!((4_000..7_000).contains(&longest), "{longest}");
    let error = mission.fails(
        "plan bundles/1.ldb --at 2026-12-01T06:00:00Z --target 2026-12-02T04:10:00Z",
        6,
        "not even with a pass of 8.0 h every day",
    );
    assert!(
        error.contains(&format!("if bundle 1 had {longest} B at the most")),
        "{error}"
    );
}

#[test]
fn the_timeline_is_drawn_and_never_over_another_file() {
    let mission = mission("plan-svg", "");
    mission.edit("mission.toml", "name = \"orbiter\"", "name = \"<orbiter>\"");
    let line = format!("plan {BOTH} --at {START} --svg plan.svg");
    mission.ok(&line);
    let svg = fs::read_to_string(mission.path("plan.svg")).unwrap();
    let doc = roxmltree::Document::parse(&svg).unwrap();
    let texts = |node: &str| {
        let nodes = doc.descendants().filter(|n| n.has_tag_name(node));
        nodes
            .filter_map(|n| n.text().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert!(texts("text").iter().any(|t| t.starts_with("<orbiter>: ")));
    let titles = texts("title");
    for part in [
        "Malargue 2026-12-01T06:00:00Z to ",
        "earliest, on board: 2026-12-02T04:0",
        "p99, known: ",
    ] {
        assert!(
            titles.iter().any(|t| t.starts_with(part)),
            "{part}: {titles:?}"
        );
    }
    mission.fails(&line, 8, "plan.svg");
    mission.fails(
        &format!("plan {BOTH} --at {START} --svg no/plan.svg"),
        8,
        "no/plan.svg",
    );
}

#[test]
fn passes_have_their_own_chance_to_be_lost_and_their_own_light_time() {
    let mission = mission("plan-passes", "");
    let heading = "start,end,station,rate_bps,lost,light_time\n";
    let row = "2026-12-01T06:00:00Z,2026-12-01T14:00:00Z,A,,";
    passes(&mission, &format!("{heading}{row}0.25,20h\n"));
    let json = mission
        .run(&format!("plan bundles/1.ldb --at {START} --json"))
        .json();
    let bundle = &json["objects"][0];
    assert!(
        (bundle["probability"].as_f64().unwrap() - 0.75).abs() < 1e-3,
        "{bundle}"
    );
    let start_s = 1_796_104_800 + 20 * 3600;
    assert!(
        (start_s..start_s + 300).contains(&bundle["earliest_s"].as_u64().unwrap()),
        "{bundle}"
    );
    // In mid-pass: a minute more each 100 min from one pass to the next.
    let next = "2026-12-02T06:00:00Z,2026-12-02T14:00:00Z,A,,0,20.24h\n";
    passes(&mission, &format!("{heading}{row}0.25,20h\n{next}"));
    let line = "plan bundles/1.ldb --at 2026-12-01T12:00:00Z --json";
    let bundle = &mission.ok(line).json()["objects"][0];
    let start_s = 1_796_104_800 + 6 * 3600 + 20 * 3600 + 216;
    assert!(
        (start_s..start_s + 300).contains(&bundle["earliest_s"].as_u64().unwrap()),
        "{bundle}"
    );
    for (row, says) in [
        (
            "2026-12-01T06:00:00Z,2026-12-01T14:00:00Z,A,,1.0,",
            "field `lost`",
        ),
        (
            "2026-12-01T06:00:00Z,2026-12-01T14:00:00Z,A,,,22\n",
            "field `light_time`",
        ),
        (
            "2026-12-01T06:00:00Z,2026-12-01T14:00:00Z,A,,,22h\n2026-12-02T06:00:00Z,2026-12-02T14:00:00Z,A,,,22min\n",
            "the light time changes by more than a second in 100 s",
        ),
    ] {
        passes(&mission, &format!("{heading}{row}"));
        mission.fails(&format!("plan bundles/1.ldb --at {START}"), 3, says);
    }
}

#[test]
fn nothing_is_planned_in_an_outage() {
    let mission = mission("plan-outage", "");
    let toml = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let outage = |end: &str| {
        format!(
            "{toml}\n[[outages]]\nstart = \"2026-12-01T00:00:00Z\"\nend = \"{end}\"\nwhy = \"solar conjunction\"\n"
        )
    };
    fs::write(mission.path("mission.toml"), outage("2026-12-03T10:00:00Z")).unwrap();
    let json = mission
        .ok(&format!("plan bundles/1.ldb --at {START} --json"))
        .json();
    assert_eq!(json["passes"][0]["start_s"], 1_796_292_000);
    fs::write(mission.path("mission.toml"), outage("2026-12-24T10:00:00Z")).unwrap();
    mission.fails(
        &format!("plan bundles/1.ldb --at {START}"),
        6,
        "[[outages]]",
    );
    fs::write(mission.path("mission.toml"), outage("2026-12-01T00:00:00Z")).unwrap();
    mission.fails("status", 3, "an outage ends before it begins");
}

#[test]
fn what_would_be_activated_outside_its_window_is_refused() {
    let window = "--opens 2026-12-01T00:00:00Z --closes 2026-12-02T03:00:00Z";
    let mission = mission("plan-window", window);
    let plan = format!("plan {BOTH} --at {START}");
    let error = mission.fails(
        &plan,
        5,
        "field `closes`: the activation window closes at 2026-12-02T03:00:00Z",
    );
    assert!(
        error.contains("by this plan all is on board with 0.999")
            && error.contains(" only at 2026-12-02T04:0")
            && error.contains("; with 0.99: 2026-12-02T04:0")
            && error.contains("; if no frame is lost: 2026-12-02T04:0"),
        "{error}"
    );
    let uplink = format!("uplink {BOTH} --at {START}");
    mission.fails(&uplink, 5, "field `closes`");
    assert!(!mission.path("uplink/1.frames").exists());
    mission.ok(&format!("{uplink} --best-effort"));
}

#[test]
fn a_window_that_most_cases_meet_is_told_from_one_that_is_missed() {
    // A pass in six is lost: p99 takes two of them, 0.999 that is asked for takes three or four.
    let window = "--opens 2026-12-01T00:00:00Z --closes 2026-12-04T00:00:00Z";
    let mission = mission("plan-window-p99", window);
    mission.edit("mission.toml", "passes = 0.0", "passes = 0.08");
    let plan = |p: &str| format!("plan {BOTH} --at {START} --probability {p}");
    let error = mission.fails(&plan("0.999"), 5, "field `closes`");
    assert!(
        error.contains("; with 0.99: 2026-12-03T04:0")
            && error.contains("; if no frame is lost: 2026-12-02T04:0")
            && error.contains("--probability 0.99 is in time"),
        "{error}"
    );
    // As it says.
    mission.ok(&plan("0.99"));
}

#[test]
fn a_lease_that_runs_through_an_outage_is_refused() {
    let mission = mission("plan-lease", "");
    let day = |d: u32| format!("2026-12-{d:02}T06:00:00Z,2026-12-{d:02}T14:00:00Z,A,\n");
    let heading = "start,end,station,rate_bps\n";
    let plan = format!("plan {BOTH} --at {START}");
    // Activated on the second, heard on the third, confirmed on the fourth.
    let daily: String = (1..=20).map(day).collect();
    passes(&mission, &format!("{heading}{daily}"));
    mission.ok(&plan);
    // Nothing between the first and the twelfth: the lease of 7 d is over on the ninth.
    passes(&mission, &format!("{heading}{}{}", day(1), day(12)));
    let error = mission.fails(
        &plan,
        5,
        "field `trial.lease`: the lease of 168.0 h ends at 2026-12-09T04:0",
    );
    assert!(error.contains("a gap in passes.csv"), "{error}");
    // Booked, and in a conjunction.
    passes(&mission, &format!("{heading}{daily}"));
    let toml = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let outage = "[[outages]]\nstart = \"2026-12-02T00:00:00Z\"\nend = \"2026-12-11T00:00:00Z\"\nwhy = \"solar conjunction\"\n";
    fs::write(mission.path("mission.toml"), format!("{toml}\n{outage}")).unwrap();
    let error = mission.fails(&plan, 5, "solar conjunction, until 2026-12-11T00:00:00Z");
    assert!(
        error.contains("at the earliest") && error.contains("hint:"),
        "{error}"
    );
    // Nothing is booked at all after the first: that may still come.
    fs::write(mission.path("mission.toml"), toml).unwrap();
    passes(&mission, &format!("{heading}{}", day(1)));
    let ran = mission.ok(&plan);
    assert!(
        ran.err.contains("warning:") && ran.err.contains("or it reverts"),
        "{}",
        ran.err
    );
}

#[test]
fn a_lease_that_is_too_short_for_any_pass_is_warned_of() {
    // A bench: light takes no time, and the report comes at the last moment.
    let mission = Mission::new("plan-bench");
    mission.edit(
        "mission.toml",
        "light_time = \"22h\"",
        "light_time = \"0s\"",
    );
    mission.edit("mission.toml", "lease = \"7d\"", "lease = \"30s\"");
    mission.edit(
        "mission.toml",
        "health_deadline = \"10min\"",
        "health_deadline = \"25s\"",
    );
    mission.any_evidence();
    mission.ok("build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0");
    mission.ok("sign bundles/1.ldb --key keys/release-bob.key");
    mission.ok(&format!("authorize 1 --evidence-root {}", "00".repeat(32)));
    let ran = mission.ok(&format!("plan {BOTH} --probability 0.9 --at {START}"));
    assert!(
        ran.err.contains("warning:") && ran.err.contains("whatever the passes are"),
        "{}",
        ran.err
    );
}

#[test]
fn the_certificate_of_an_uplink_is_kept_in_the_ledger() {
    let mission = mission("plan-certificate", "");
    let promised = mission
        .ok(&format!("plan {BOTH} --at {START} --json"))
        .json();
    mission.ok(&format!("uplink {BOTH} --at {START}"));
    let certificate = |mission: &Mission| {
        let log = mission.ok("ledger log --json").json();
        let last = log["decisions"].as_array().unwrap().last().unwrap();
        assert_eq!(last["verb"], "uplink");
        let what: serde_json::Value = serde_json::from_str(last["what"].as_str().unwrap()).unwrap();
        what["certificate"].clone()
    };
    let kept = certificate(&mission);
    for (object, kept) in promised["objects"]
        .as_array()
        .unwrap()
        .iter()
        .zip(kept.as_array().unwrap())
    {
        for field in ["kind", "number", "frames"] {
            assert_eq!(object[field], kept[field]);
        }
        let chance = |of: &serde_json::Value| of["probability"].as_f64().unwrap();
        assert!((chance(object) - chance(kept)).abs() < 1e-12 && chance(kept) > 0.999);
    }
}

#[test]
fn a_part_of_a_plan_has_the_certificate_of_its_frames() {
    let mission = mission("plan-part", "");
    let whole = mission
        .ok(&format!("plan bundles/1.ldb --at {START} --json"))
        .json()["objects"][0]
        .clone();
    let number = |of: &serde_json::Value, field: &str| of[field].as_f64().unwrap();
    let (k, all) = (number(&whole, "k"), number(&whole, "frames"));
    let certified = |frames: f64| {
        let line = format!("uplink bundles/1.ldb --at {START} --frames {frames} --dry-run --json");
        let certificate = mission.ok(&line).json()["certificate"][0].clone();
        assert_eq!(number(&certificate, "frames"), frames);
        number(&certificate, "probability")
    };
    // Any K frames do, and each arrives with the same chance: 0.95, and what errors of bits leave of it.
    let bare = certified(k);
    let each = bare.powf(1.0 / k);
    assert!((0.9..=0.95).contains(&each), "{each}");
    for (frames, chance) in [
        (k - 1.0, 0.0),
        (k + 1.0, bare * (1.0 + k * (1.0 - each))),
        (all, number(&whole, "probability")),
    ] {
        let is = certified(frames);
        assert!((is - chance).abs() < 1e-9, "{frames}: {is} {chance}");
    }
}

#[test]
fn what_does_not_fit_the_staging_area_is_refused() {
    let mission = Mission::new("plan-staging");
    mission.ok("build new.bin --version 1.1.0 --full");
    mission.edit(
        "mission.toml",
        "staging_size = \"512KiB\"",
        "staging_size = \"16KiB\"",
    );
    mission.fails(
        &format!("plan bundles/1.ldb --at {START}"),
        5,
        "field `memory.staging_size`",
    );
    mission.fails("build new.bin --version 1.2.0 --full", 5, "staging");
    mission.edit(
        "mission.toml",
        "staging_size = \"16KiB\"",
        "staging_size = \"512KiB\"",
    );
    mission.edit("mission.toml", "symbols = 1000", "symbols = 10");
    mission.fails(
        &format!("plan bundles/1.ldb --at {START}"),
        5,
        "field `memory.symbols`",
    );
}

#[test]
fn what_is_said_to_be_booked_lies_in_no_outage_and_in_nothing_that_sends() {
    let mission = mission("plan-target-free", "");
    mission.edit("mission.toml", "passes = 0.0", "passes = 0.2");
    passes(
        &mission,
        "start,end\n2026-12-20T06:00:00Z,2026-12-20T06:00:30Z\n",
    );
    let toml = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let outage = "[[outages]]\nstart = \"2026-11-30T00:00:00Z\"\nend = \"2026-12-10T00:00:00Z\"\nwhy = \"<conjunction>\"\n";
    fs::write(mission.path("mission.toml"), format!("{toml}\n{outage}")).unwrap();
    let line = format!("plan {BOTH} --at {START} --target 2026-12-21T12:00Z");
    let error = mission.fails(&line, 6, "passes more");
    assert!(error.contains("  2026-12-10T00:00:00Z to "), "{error}");
    let mut starts: Vec<&str> = error.lines().filter(|l| l.starts_with("  2026")).collect();
    starts.dedup_by_key(|l| l[..12].to_owned());
    assert!(
        starts.len() >= 3 && !error.contains("to 2026-12-09"),
        "one a day: {error}"
    );
    mission.fails(
        &format!("plan {BOTH} --at {START} --target 2026-11-01T00:00Z"),
        6,
        "is past",
    );
}

#[test]
fn an_outage_of_minutes_is_no_conjunction() {
    let mission = mission("plan-minutes", "");
    passes(
        &mission,
        "start,end\n2026-12-01T06:00:00Z,2026-12-01T14:00:00Z\n",
    );
    let toml = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let outage = "[[outages]]\nstart = \"2026-12-04T00:00:00Z\"\nend = \"2026-12-04T00:10:00Z\"\nwhy = \"maintenance\"\n";
    fs::write(mission.path("mission.toml"), format!("{toml}\n{outage}")).unwrap();
    let ran = mission.ok(&format!("plan {BOTH} --at {START}"));
    assert!(
        ran.err.contains("warning:") && !ran.err.contains("maintenance"),
        "{}",
        ran.err
    );
    let nameless = outage.replace("maintenance", " ");
    fs::write(mission.path("mission.toml"), format!("{toml}\n{nameless}")).unwrap();
    mission.fails("status", 3, "outages.why");
}

#[test]
fn a_refusal_stands_whatever_is_asked_for_beside() {
    let window = "--opens 2026-12-01T00:00:00Z --closes 2026-12-02T04:12:00Z";
    let mission = mission("plan-beside", window);
    // What goes up beside, and later, does not matter to it.
    mission.ok("build old.bin --version 1.3.0 --full");
    mission.ok("sign bundles/2.ldb --key keys/release-bob.key");
    mission.ok(&format!("plan {BOTH} bundles/2.ldb --at {START}"));
    // Six hours later it is too late, in JSON, too, and with a number of frames.
    let late = "2026-12-01T12:00:00Z";
    let ran = mission.run(&format!("plan {BOTH} --at {late} --json"));
    assert_eq!(
        (ran.code, ran.json()["enough"].as_bool()),
        (5, Some(true)),
        "{}",
        ran.err
    );
    mission.fails(
        &format!("uplink {BOTH} --at {late} --frames 6"),
        5,
        "field `closes`",
    );
}

#[test]
fn an_image_that_confirms_itself_has_to_hear_something_in_its_lease() {
    let mission = Mission::new("plan-self");
    mission.edit("mission.toml", "passes = 0.05", "passes = 0.0");
    mission.edit(
        "mission.toml",
        "self_confirm = false",
        "self_confirm = true",
    );
    mission.any_evidence();
    mission.ok("build new.bin --version 1.1.0 --base old.bin --base-version 1.0.0");
    for key in ["release-bob", "flight-dan"] {
        mission.ok(&format!("sign bundles/1.ldb --key keys/{key}.key"));
    }
    mission.ok(&format!("authorize 1 --evidence-root {}", "00".repeat(32)));
    let first = "start,end\n2026-12-01T06:00:00Z,2026-12-01T06:15:00Z\n";
    let plan = format!("plan {BOTH} --at {START}");
    // The rest of the pass is heard by the image on trial: that does.
    passes(&mission, first);
    mission.ok(&plan);
    let toml = fs::read_to_string(mission.path("mission.toml")).unwrap();
    let outage = "[[outages]]\nstart = \"2026-12-01T06:00:50Z\"\nend = \"2027-02-01T00:00:00Z\"\nwhy = \"solar conjunction\"\n";
    fs::write(mission.path("mission.toml"), format!("{toml}\n{outage}")).unwrap();
    mission.fails(
        &format!("{plan} --probability 0.9"),
        5,
        "solar conjunction, until 2027-02-01T00:00:00Z",
    );
}

#[test]
fn ten_thousand_passes_are_no_burden() {
    let mission = mission("plan-many", "");
    let row = |n: u64| {
        let start_s = 1_796_104_800 + n * 3600;
        format!(
            "{start_s},{},A,,0.999,{}s\n",
            start_s + 1800,
            79_200 + n / 100
        )
    };
    let rows: String = (0..10_000).map(row).collect();
    passes(
        &mission,
        &format!("start,end,station,rate_bps,lost,light_time\n{rows}"),
    );
    mission.ok(&format!("plan {BOTH} --at {START} --probability 0.5"));
}
