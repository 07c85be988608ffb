//! Rows of `passes.csv` that are read, and those that are refused by line, column and remedy.

use super::*;

fn read(rows: &str) -> Result<Vec<Pass>> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("lightday-passes-{}-{n}.csv", std::process::id()));
    std::fs::write(&path, rows).unwrap();
    let passes = load(&path);
    std::fs::remove_file(path).unwrap();
    passes
}

#[test]
fn passes_are_read_with_comments_and_blank_lines() {
    let passes = read("# ours\n\nstart,end,station,rate_bps\n100,200,A,50\n# more\n2026-12-01T06:00:00Z, 2026-12-01T14:00:00Z ,B,\n").unwrap();
    assert_eq!(passes.len(), 2);
    assert_eq!(
        (passes[0].rate_bps, passes[1].end_s - passes[1].start_s),
        (Some(50), 8 * 3600)
    );
    assert_eq!((passes[0].lost, passes[0].light_time_s), (None, None));
}

#[test]
fn what_a_spreadsheet_writes_is_read() {
    let passes = read(
        "\u{feff}\"start\",\"end\",station\r\n100,\"200\",\"Goldstone, 70 m\"\r\n\r\n300,400,\r\n",
    );
    let passes = passes.unwrap();
    assert_eq!(
        (passes.len(), passes[0].station.as_str()),
        (2, "Goldstone, 70 m")
    );
    let error = read("start,end,station\n1,2,\"A,,0.9\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains(":2: a quote is not closed"), "{error}");
    let error = read("start;end\n1;2\n").unwrap_err().to_string();
    assert!(
        error.contains(":1: field `heading`: `start;end` is no column"),
        "{error}"
    );
}

#[test]
fn the_first_row_names_the_columns_in_any_order() {
    let passes =
        read("light_time,end,start,lost\n22h,200,100,0.25\n,400,300,\n79201s,20000,10000,0\n")
            .unwrap();
    let light: Vec<_> = passes.iter().map(|p| p.light_time_s).collect();
    assert_eq!(light, [Some(79_200), None, Some(79_201)]);
    let lost: Vec<_> = passes.iter().map(|p| p.lost).collect();
    assert_eq!(lost, [Some(0.25), None, Some(0.0)]);
    assert_eq!((passes[0].start_s, passes[0].end_s), (100, 200));
}

#[test]
fn each_error_names_its_line_and_column() {
    let h = "start,end,station,rate_bps";
    for (rows, says) in [
        (String::new(), "no rows"),
        (
            "1,2,A,\n".to_owned(),
            ":1: field `heading`: `1` is no column",
        ),
        ("start,start\n".to_owned(), "`start` is there twice"),
        ("start,lost\n".to_owned(), "there is no column `end`"),
        (
            format!("{h}\n1,2,A,,5\n"),
            ":2: field `row`: 5 cells for 4 columns",
        ),
        (format!("{h}\n\nx,2,A,\n"), ":3: field `start`"),
        (
            format!("{h}\n1,,A,\n"),
            ":2: field `end`: the cell is empty",
        ),
        (
            format!("{h}\n2,1,A,\n"),
            ":2: field `end`: the pass ends before",
        ),
        (
            format!("{h}\n1,5,A,\n4,9,B,\n"),
            ":3: field `start`: the pass begins before",
        ),
        (format!("{h}\n1,5,A,-1\n"), ":2: field `rate_bps`"),
        ("start,end,lost\n1,5,1\n".to_owned(), ":2: field `lost`"),
        (
            "start,end,light_time\n1,5,22\n".to_owned(),
            ":2: field `light_time`",
        ),
        (
            "start,end,light_time\n1,5,22h\n1000,2000,400000d\n".to_owned(),
            ":3: field `light_time`: must be at most 1000 years",
        ),
        (
            "start,end,light_time\n1,5,22h\n1000,2000,22min\n".to_owned(),
            ":3: field `light_time`: the light time changes by more",
        ),
    ] {
        let error = read(&rows).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn times_that_overlap_are_one() {
    let times = [(40, 50), (0, 10), (5, 20), (20, 25), (41, 42)];
    assert_eq!(joined(times.into_iter()), [(0, 25), (40, 50)]);
    assert_eq!(joined(core::iter::empty()), []);
}

#[test]
fn of_rows_that_are_gone_the_ledger_is_asked_unless_one_that_is_there_denies_it() {
    let pass = |start_s, light_time_s| Pass {
        start_s,
        end_s: start_s + 100,
        light_time_s,
        ..Pass::default()
    };
    let row = |start_s, light_time_s| LightRow {
        start_s,
        end_s: start_s + 100,
        light_time_s,
    };
    let booked = [pass(20_000, Some(500)), pass(30_000, None)];
    for (kept, now_s, is_taken) in [
        (row(10_000, 450), 25_000, true),
        // It was booked no more before it began.
        (row(26_000, 510), 25_000, false),
        // Its row was moved, or states nothing any more.
        (row(19_950, 500), 25_000, false),
        (row(30_050, 510), 40_000, false),
        // It was a mistake: nothing flies so fast.
        (row(10_000, 5), 25_000, false),
        (row(25_000, 79_200), 26_000, false),
    ] {
        let all = with_kept(&booked, &[kept], now_s);
        assert_eq!(all.len() == 3, is_taken, "{kept:?}");
        assert!(all.is_sorted_by_key(|pass| pass.start_s));
    }
}

#[test]
fn an_outage_cuts_what_it_covers() {
    let pass = |start_s, end_s| Pass {
        start_s,
        end_s,
        ..Pass::default()
    };
    let outage = |start_s, end_s| Outage {
        start_s,
        end_s,
        why: String::new(),
    };
    let passes = [pass(0, 10), pass(20, 30), pass(40, 50)];
    let left = |outages: &[Outage]| -> Vec<(u64, u64)> {
        let left = without(&passes, outages, &LightTime::from(0));
        left.iter().map(|p| (p.start_s, p.end_s)).collect()
    };
    assert_eq!(left(&[outage(5, 45)]), [(0, 5), (45, 50)]);
    assert_eq!(left(&[outage(10, 40)]), [(0, 10), (40, 50)]);
    assert_eq!(
        left(&[outage(22, 24), outage(0, 3)]),
        [(3, 10), (20, 22), (24, 30), (40, 50)]
    );
}
