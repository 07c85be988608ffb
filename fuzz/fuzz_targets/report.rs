//! Any bytes are a report, an answer, a part of a dump, or are refused; its parts are all of it, and its body is canonical.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lightday_fuzz::canonical;
use lightday_wire::Report;
use lightday_wire::answer::{self, Answer};
use lightday_wire::dump::{self, Part};
use lightday_wire::report::{ReportFrame, first_byte};

fuzz_target!(|bytes: &[u8]| {
    canonical::<Report>(bytes);
    canonical::<Answer>(bytes);
    canonical::<Part>(bytes);
    if let Ok(part) = dump::parse(bytes) {
        assert_eq!([part.covered, part.tag].concat(), bytes);
        assert!(ReportFrame::parse(bytes).is_err(), "one packet, two kinds");
        assert!(answer::parse(bytes).is_err(), "one packet, two kinds");
    }
    if let Ok(answer) = answer::parse(bytes) {
        assert_eq!([answer.covered, answer.tag].concat(), bytes);
        assert!(ReportFrame::parse(bytes).is_err(), "one packet, two kinds");
    }
    if let Ok(report) = ReportFrame::parse(bytes) {
        assert_eq!([report.covered, report.tag].concat(), bytes);
        assert_eq!(
            [&[first_byte(report.epoch)], report.body].concat(),
            report.covered
        );
        canonical::<Report>(report.body);
    }
});
