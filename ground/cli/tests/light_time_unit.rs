//! A light time of passes.csv in a wrong unit.

mod common;

use common::Mission;

#[test]
fn a_light_time_of_another_order_than_that_of_the_link_is_refused_with_its_row() {
    let mission = Mission::with_bundle("light-unit");
    let stated = |light: &str| {
        mission.edit(
            "passes.csv",
            "2026-12-02T06:00:00Z,2026-12-02T14:00:00Z,Malargue,",
            &format!("2026-12-02T06:00:00Z,2026-12-02T14:00:00Z,Malargue,,,{light}"),
        );
    };
    stated("22min");
    let said = mission.fails("status", 3, "field `light_time`");
    for says in ["passes.csv", "22.0 min", "22.0 h", "link.light_time"] {
        assert!(said.contains(says), "{says}: {said}");
    }
    // A whole planet's orbit is no mistake.
    mission.edit("passes.csv", "22min", "3h");
    mission.ok("status");
    mission.edit("passes.csv", "3h", "1320h");
    mission.fails("status", 3, "field `light_time`");
}
