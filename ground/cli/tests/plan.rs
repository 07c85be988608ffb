//! `lightday plan` by instants: what is on board by then, and what the ledger keeps of it.

mod common;

use std::fs;

use common::planned::{BOTH, mission, passes};
use common::{Mission, START};

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
        "  2026-11-30T01:00:00Z to 2026-11-30T01:10:00Z",
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
    mission.edit("mission.toml", "lead = \"10min\"\n", "");
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
    // Each milestone is named with its instant, those that fall together as well.
    let lists: Vec<String> = texts("text");
    for (what, day) in [("on board: ", " 12-02 04:0"), ("known: ", " 12-03 06:0")] {
        let list = lists.iter().find(|t| t.starts_with(what)).unwrap();
        for name in ["earliest", "p50", "p90", "p99", "planned"] {
            assert!(list.contains(name), "{name}: {list}");
        }
        assert!(list.contains(day), "{list}");
    }
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
    mission.edit("mission.toml", "lead = \"10min\"\n", "");
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
fn what_is_on_the_air_takes_as_long_as_the_passes_rates_say() {
    let mission = mission("plan-rates", "");
    let heading = "start,end,station,rate_bps,lost\n";
    let day = |day: u8, rate: &str| {
        format!("2026-12-0{day}T06:00:00Z,2026-12-0{day}T14:00:00Z,A,{rate}\n")
    };
    let line = format!("plan bundles/1.ldb --at {START}");
    let air = |rows: &str| {
        passes(&mission, &format!("{heading}{rows}"));
        let out = mission.ok(&line).out;
        let sum = out.lines().find(|line| line.contains("= on the air"));
        (sum.unwrap().to_owned(), out)
    };
    let (sum, out) = air(&format!("{}{}", day(1, ""), day(2, "")));
    let bytes: f64 = sum.split_whitespace().nth(4).unwrap().parse().unwrap();
    assert!(out.contains("h of antenna at 100 bit/s"), "{out}");
    let seconds = format!("{:.1} s", bytes * 8.0 / 100.0);
    assert!(sum.ends_with(&seconds), "{seconds}: {sum}");
    let (sum, out) = air(&format!("{}{}", day(1, "10"), day(2, "10")));
    assert!(out.contains("h of antenna at 10 bit/s"), "{out}");
    let minutes = format!("{:.1} min", bytes * 8.0 / 10.0 / 60.0);
    assert!(sum.ends_with(&minutes), "{minutes}: {sum}");
    let (_, out) = air(&format!("{}{}", day(1, "10,0.01"), day(2, "")));
    assert!(out.contains("h of antenna at 10 to 100 bit/s"), "{out}");
    mission.fails(
        &format!("uplink bundles/1.ldb --at {START} --out nowhere/1.frames --dry-run"),
        8,
        "there is no such directory",
    );
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
fn ten_thousand_passes_are_no_burden() {
    let mission = mission("plan-many", "");
    // Half an hour of each hour: a longer beacon might never fall into one.
    mission.edit("mission.toml", "beacon = \"6h\"", "beacon = \"20min\"");
    let row = |n: u64| {
        let start_s = 1_796_104_800 + n * 3600;
        format!(
            "{start_s},{},A{n},,0.999,{}s\n",
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
