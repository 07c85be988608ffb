//! Reports with the built binary: taken in, kept, shown, and told first where they alarm.

mod common;

use std::fs;

use common::{Mission, START, report};
use lightday_wire::report::flags;
use lightday_wire::{ObjectNumber, Refusal, Stage, Verdict};

#[test]
fn reports_are_kept_and_show_in_the_status_with_their_age() {
    let mission = Mission::with_bundle("reports");
    mission.ok(&format!("uplink bundles/1.ldb --at {START}"));
    let first = report(&mission, 1, |_| {});
    let second = report(&mission, 2, |r| {
        r.bundle = Verdict {
            number: ObjectNumber::new(1).unwrap(),
            stage: Stage::Receiving,
            refusal: Refusal::None,
        };
        r.symbols_needed = 1;
        r.next = [1, 7, 9, 1].map(|n| ObjectNumber::new(n).unwrap());
    });
    fs::write(mission.path("reports.bin"), [first, second].concat()).unwrap();
    let at = "--at 2026-12-04T00:00:00Z";
    mission.ok(&format!("ingest reports.bin --dry-run {at}"));
    let heard = mission
        .ok(&format!("ingest reports.bin --json {at}"))
        .json();
    assert_eq!(heard["reports"], serde_json::json!([1, 2]));
    let again = mission
        .ok(&format!("ingest reports.bin --json {at}"))
        .json();
    assert_eq!(
        (&again["reports"], &again["duplicates"]),
        (&serde_json::json!([]), &2.into())
    );

    let status = mission.ok("status --json --at 2026-12-04T01:00:00Z").json();
    assert_eq!(status["age_s"], 23 * 3600);
    assert_eq!(status["proven"]["bundle"], "1 receiving");
    // No number is raised by a report alone; people may say that the ledger is an old backup.
    assert_eq!(status["next_numbers"]["command"], 1);
    assert_eq!(status["claims"][0]["kind"], "authorization");
    let alarm = mission.ok(&format!("ingest reports.bin {at}")).out;
    assert!(
        alarm.starts_with("ALARM: report 2 claims that authorization 7"),
        "{alarm}"
    );
    mission.ok(&format!("ingest reports.bin --accept-numbers 2 {at}"));
    let status = mission.ok("status --json --at 2026-12-04T01:00:00Z").json();
    assert_eq!(status["claims"], serde_json::json!([]));
    assert_eq!(
        (
            &status["next_numbers"]["authorization"],
            &status["next_numbers"]["command"]
        ),
        (&7.into(), &9.into())
    );
    let shown = mission.ok("status --at 2026-12-04T01:00:00Z").out;
    assert!(
        shown.contains("23.0 h at least") && shown.contains("last proven"),
        "{shown}"
    );

    // One symbol is needed: fewer frames than for the whole bundle, although most of the pass is lost.
    let more = mission.ok(&format!(
        "uplink bundles/1.ldb --best-effort --dry-run {at}"
    ));
    assert!(more.err.contains("bundle 1: "), "{}", more.err);

    let received = report(&mission, 3, |r| {
        r.next = [2, 7, 9, 1].map(|n| ObjectNumber::new(n).unwrap())
    });
    fs::write(mission.path("third.bin"), received).unwrap();
    mission.ok(&format!("ingest third.bin {at}"));
    mission.fails(
        &format!("uplink bundles/1.ldb --best-effort {at}"),
        5,
        "bundles/1.ldb: field `number`",
    );
    mission.ok("ledger verify");
}

#[test]
fn a_lost_record_is_said_first_with_the_way_out_and_hides_no_report() {
    let mission = Mission::with_bundle("lost");
    let at = "--at 2026-12-04T00:00:00Z";
    let known = report(&mission, 0x1_0005, |_| {});
    let lost = report(&mission, 0, |r| r.flags = flags::RECORD_LOST);
    fs::write(mission.path("known.bin"), known).unwrap();
    fs::write(mission.path("lost.bin"), lost).unwrap();
    let calm = mission.ok(&format!("ingest known.bin --json {at}")).json();
    assert_eq!(calm["alarm"], serde_json::Value::Null);
    assert!(mission.ok("status").out.starts_with("orbiter: report"));

    let said = mission.ok(&format!("ingest lost.bin {at}")).out;
    assert!(
        said.starts_with("ALARM: the vehicle lost its record"),
        "{said}"
    );
    assert!(said.contains("1 new report"), "{said}");
    let shown = mission.ok("status").out;
    assert!(
        shown.starts_with("ALARM: the vehicle lost its record"),
        "{shown}"
    );
    assert!(shown.contains("lightday command resync 1"), "{shown}");
    assert!(shown.contains(": report 65541 is"), "{shown}");
    let status = mission.ok("status --json").json();
    assert_eq!(status["alarm"]["hint"], "lightday command resync 1");
    assert_eq!(status["proven"]["report"], "65541");

    // Whatever is sent but the way out is lost: that is said, and nothing is kept from anybody.
    let dry = |file: &str| {
        mission
            .ok(&format!("uplink {file} --dry-run --at {START}"))
            .err
    };
    let warned = dry("bundles/1.ldb");
    assert!(
        warned.contains("warning: bundles/1.ldb: the vehicle said"),
        "{warned}"
    );
    assert!(warned.contains("lightday command resync 1"), "{warned}");
    mission.ok("command resync 1");
    mission.ok("sign documents/cmd-1.ldd --key keys/root-ann.key");
    assert!(!dry("documents/cmd-1.ldd").contains("warning: documents/cmd-1.ldd"));

    // The very same bytes are no news, and later news is heard as before.
    let again = mission.ok(&format!("ingest lost.bin --json {at}")).json();
    assert_eq!(
        (&again["reports"], &again["duplicates"]),
        (&serde_json::json!([]), &1.into())
    );
    let later = report(&mission, 0x1_0006, |_| {});
    fs::write(mission.path("later.bin"), later).unwrap();
    let heard = mission.ok(&format!("ingest later.bin --json {at}")).json();
    assert_eq!(heard["reports"], serde_json::json!([65542]));
    assert_eq!(heard["alarm"]["denied"], true);
    let status = mission.ok("status --json").json();
    assert_eq!(status["proven"]["report"], "65542");
    mission.ok("ledger verify");
}

#[test]
fn packets_that_do_not_prove_themselves_are_named_and_left_out() {
    let mission = Mission::with_bundle("forged");
    let good = report(&mission, 5, |_| {});
    let mut forged = report(&mission, 6, |_| {});
    forged[40] ^= 1;
    fs::write(mission.path("mixed.bin"), [good, forged].concat()).unwrap();
    mission.fails("ingest mixed.bin", 4, "mixed.bin: field `packet 2`");
    let status = mission.ok("status --json").json();
    assert_eq!(status["proven"]["report"], "5");
    fs::write(mission.path("noise.bin"), [0, 4, 1, 2, 3, 4]).unwrap();
    mission.fails("ingest noise.bin", 3, "noise.bin: field `packet 1`");
}
