//! Answers and dumps are judged by their own time: by what lay in flash when it was read.

mod common;

use common::packet;
use common::reading::{
    LATER, digest, ingest, mission, other, said, send, shows, shows_by, slot, status, ways,
};
use serde_json::{Value, json};

#[test]
fn an_old_answer_is_not_held_against_an_image_that_came_later() {
    for way in ways("slot-b") {
        let mission = mission("answers-old");
        let old = slot(&mission, "old.bin");
        ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), LATER);
        send(&mission, &way.line);
        // The update was installed long ago when the answer, from another antenna, is taken in.
        let later = [(8, 2, Some("old.bin")), (9, 2, Some("new.bin"))];
        let later = later.map(|says| shows(&mission, says)).concat();
        ingest(&mission, &later, "2026-12-06T00:00:00Z");
        let heard = ingest(
            &mission,
            &(way.sends)(&mission, &old),
            "2026-12-07T00:00:00Z",
        );
        let held = &heard[way.listed][0];
        assert_eq!(held["agrees"], true, "{heard}");
        assert_eq!(held["held_against"].as_array().unwrap().len(), 1, "{held}");
        assert_eq!(held["held_against"][0]["reports"], json!([7, 8]));
        assert_eq!(status(&mission)[way.listed], heard[way.listed]);
        let shown = mission.ok("status").out;
        assert!(shown.contains("as expected: image"), "{shown}");
        assert!(shown.contains("by reports 7 and 8\n"), "{shown}");
    }
}

#[test]
fn an_image_that_came_later_excuses_nothing() {
    for way in ways("slot-b") {
        let mission = mission("answers-excuse");
        let new = slot(&mission, "new.bin");
        send(&mission, &way.line);
        let all = [
            (7, 1, Some("old.bin")),
            (8, 2, Some("old.bin")),
            (9, 2, Some("new.bin")),
        ];
        let all = all.map(|says| shows(&mission, says)).concat();
        ingest(&mission, &all, LATER);
        let heard = ingest(&mission, &(way.sends)(&mission, &new), LATER);
        assert_eq!(heard[way.listed][0]["agrees"], false, "{heard}");
        assert_eq!(status(&mission)[way.listed], heard[way.listed]);
    }
}

#[test]
fn where_the_slot_was_written_in_between_either_image_fits_and_no_other() {
    for way in ways("slot-b") {
        for (image, fits) in [
            (Some("old.bin"), Some(7)),
            (Some("new.bin"), Some(9)),
            (None, None),
        ] {
            let mission = mission("answers-between");
            let sent = image.map_or_else(other, |image| slot(&mission, image));
            send(&mission, &way.line);
            let around = [(7, 1, Some("old.bin")), (9, 2, Some("new.bin"))];
            let around = around.map(|says| shows(&mission, says)).concat();
            ingest(&mission, &around, LATER);
            let text = said(&mission, &(way.sends)(&mission, &sent), LATER);
            let held = status(&mission)[way.listed][0].clone();
            assert_eq!(held["agrees"], fits.is_some(), "{held}");
            let against = held["held_against"].as_array().unwrap();
            let agree: Vec<_> = against.iter().filter(|a| a["agrees"] == true).collect();
            assert_eq!((against.len(), agree.len()), (2, fits.iter().count()));
            let says = match fits {
                Some(report) => {
                    assert_eq!(agree[0]["reports"], json!([report]));
                    format!("by report {report}; the slot was written in between: image ")
                }
                None => "DIFFERS from both: ".to_owned(),
            };
            assert!(text.contains(&says), "{says}: {text}");
            for report in [7, 9] {
                assert!(text.contains(&format!("by report {report}")), "{text}");
            }
            let shown = mission.ok("status").out;
            assert!(shown.contains(&says), "{says}: {shown}");
        }
    }
}

#[test]
fn where_one_of_the_reports_shows_no_image_nothing_is_called_another() {
    for way in ways("slot-b") {
        for (image, agrees) in [("new.bin", json!(true)), ("old.bin", Value::Null)] {
            let mission = mission("answers-patching");
            send(&mission, &way.line);
            let around = [(7, 1, None), (9, 2, Some("new.bin"))];
            let around = around.map(|says| shows(&mission, says)).concat();
            ingest(&mission, &around, LATER);
            let sent = (way.sends)(&mission, &slot(&mission, image));
            let text = said(&mission, &sent, LATER);
            assert_eq!(status(&mission)[way.listed][0]["agrees"], agrees, "{text}");
            let says = "report 7 shows no whole image there";
            assert!(text.contains(says), "{text}");
            assert!(!text.contains("DIFFERS"), "{text}");
        }
    }
}

#[test]
fn while_no_later_report_is_here_that_is_said() {
    let mission = mission("answers-open");
    send(&mission, "region-digest slot-b");
    ingest(&mission, &shows(&mission, (7, 1, Some("old.bin"))), LATER);
    let open = "no report from behind it is here yet";
    let text = said(&mission, &digest(&mission, &other()), LATER);
    assert!(text.contains("DIFFERS: ") && text.contains(open), "{text}");
    ingest(&mission, &shows(&mission, (8, 2, Some("old.bin"))), LATER);
    let shown = mission.ok("status").out;
    assert!(
        shown.contains("DIFFERS: ") && !shown.contains(open),
        "{shown}"
    );
}

#[test]
fn a_report_is_before_or_behind_a_command_by_the_number_that_it_counts() {
    // It was on its way until the 2nd, 04:00, and the answer until the 3rd.
    let (before, behind) = (1_796_090_000, 1_796_190_000);
    for (next, clock_s, agrees) in [
        // Taken in late, and made before: it is the last one before.
        (1, before, false),
        // It counts the command: it was made behind it, whatever its clock says.
        (2, before, true),
        // It contradicts the answer, and the order in which they came is left.
        (1, 0, true),
        (1, behind, true),
    ] {
        let mission = mission("answers-order");
        let old = slot(&mission, "old.bin");
        send(&mission, "region-digest slot-b");
        ingest(&mission, &shows(&mission, (6, 1, Some("old.bin"))), LATER);
        ingest(&mission, &digest(&mission, &old), LATER);
        let late = shows_by(&mission, (7, next, Some("new.bin")), clock_s);
        ingest(&mission, &packet(&late), "2026-12-05T00:00:00Z");
        let held = status(&mission)["answers"][0].clone();
        assert_eq!(held["agrees"], agrees, "{next} {clock_s}: {held}");
    }
}

/// A slot that was written after it was read, and before the first report of it.
#[test]
fn without_a_report_of_before_nothing_is_called_another() {
    for way in ways("slot-b") {
        let mission = mission("answers-first");
        send(&mission, &way.line);
        let sent = (way.sends)(&mission, &slot(&mission, "old.bin"));
        ingest(&mission, &sent, LATER);
        ingest(&mission, &shows(&mission, (8, 2, Some("new.bin"))), LATER);
        let held = &status(&mission)[way.listed][0];
        assert!(held["agrees"].is_null(), "{held}");
        let text = mission.ok("status").out;
        assert!(text.contains("no report of before shows"), "{text}");
    }
}
