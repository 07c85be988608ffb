//! What is told of the world: what a report, or a change of the record, means for the mission and its
//! milestones. Never acts on ground or vehicle.

use lightday_boot::Record;
use lightday_station::facts::words;
use lightday_wire::report::flags;
use lightday_wire::{Action, Digest, ObjectKind, Report, SlotId, SlotState, Stage, Verdict};

use super::World;
use crate::ending::{proves_verified, says_verified};
use crate::ground::Heard;
use crate::trace::{Actor, Weight};

impl<const WRITE: usize, const ERASE: usize> World<WRITE, ERASE> {
    pub(super) fn heard(&mut self, heard: &Heard) {
        let report = &heard.proven.report;
        for slot in &report.slots {
            if slot.state == SlotState::Confirmed {
                self.checker.told_confirmed(self.now, slot.digest);
            }
        }
        if report.bundle.stage == Stage::Refused {
            self.refused_bundle = Some(report.bundle.refusal);
        }
        if proves_verified(report, &self.subject.new) {
            self.milestones.known.get_or_insert(self.now);
        }
        let ending = self.subject.on_ground(report);
        let before = heard
            .before
            .map(|before| self.subject.on_ground(&before.report));
        if before != Some(ending) {
            self.milestones.end_known = Some(self.now);
        }
        let news = news(heard, self.recorder.is_playing());
        let weight = if news.is_empty() {
            Weight::Detail
        } else {
            Weight::Headline
        };
        let number = report.sequence;
        self.log(
            Actor::Ground,
            weight,
            format_args!("hears report {number}: {news}"),
        );
        if let Some(action) = heard.decision {
            let text = match action {
                Action::Confirm { image } => format!("decides to confirm {}", name(report, &image)),
                Action::Rollback { image } => {
                    format!("decides to go back to {}", name(report, &image))
                }
                Action::ReportRequest => "asks for a report, to be heard once in a while".into(),
                other => format!("decides: {other:?}"),
            };
            self.log(Actor::Ground, Weight::Headline, format_args!("{text}"));
        }
    }

    pub(super) fn record_changed(&mut self) {
        let Some(record) = self.checker.record().cloned() else {
            return;
        };
        if says_verified(&record, &self.subject.new) {
            self.milestones.verified.get_or_insert(self.now);
        }
        let before = self.record.replace(record.clone());
        let ending = self.subject.on_board(&record);
        if before.as_ref().map(|b| self.subject.on_board(b)) != Some(ending) {
            self.milestones.ended = Some(self.now);
        }
        let Some(before) = before else { return };
        for slot in SlotId::ALL {
            let (was, is) = (before.slot(slot).state, record.slot(slot).state);
            if was != is {
                let version = record.slot(slot).version;
                let (was, is) = (words(&was), words(&is));
                self.log(
                    Actor::Vehicle,
                    Weight::Headline,
                    format_args!("slot {slot}, {version}: {was} -> {is}"),
                );
            }
        }
        let (was, is) = (bundle(&before), bundle(&record));
        if was != is && is.stage == Stage::Refused {
            self.refused_bundle = Some(is.refusal);
            let why = words(&is.refusal);
            self.log(
                Actor::Vehicle,
                Weight::Headline,
                format_args!("refuses bundle {}: {why}", is.number),
            );
        }
        if before.revert_cause != record.revert_cause {
            let cause = words(&record.revert_cause);
            self.log(
                Actor::Vehicle,
                Weight::Headline,
                format_args!("gives bundle {} up: {cause}", record.reverted),
            );
        }
    }
}

/// An image's version and digest, as a report names it.
fn name(report: &Report, image: &Digest) -> String {
    let mut slots = report.slots.iter();
    let slot = slots.find(|slot| slot.digest == image.prefix().short());
    let version = slot.map_or_else(Default::default, |slot| slot.version);
    format!("{version} ({image:?})")
}

/// How far the latest bundle came.
fn bundle(record: &Record) -> Verdict {
    record.verdict(ObjectKind::Bundle)
}

/// What is new in a report, in words; empty if nothing of weight is. Late parity is refused like a
/// recording, so that refused frames are news only where somebody plays one back.
fn news(heard: &Heard, is_replayed: bool) -> String {
    let report = &heard.proven.report;
    let before = heard.before.map(|b| b.report);
    let mut news: Vec<String> = Vec::new();
    let is_lost = |r: &Report| r.flags & flags::RECORD_LOST != 0;
    if is_lost(report) && !before.as_ref().is_some_and(is_lost) {
        news.push("ALARM: the record is lost".into());
    }
    if before.is_none_or(|b| b.running != report.running) {
        news.push(format!("{} runs", report.running.0));
    }
    for (id, slot) in SlotId::ALL.into_iter().zip(&report.slots) {
        let was = before.and_then(|b| b.slots.get(id.index()).copied());
        if was.map(|s| s.state) != Some(slot.state) {
            news.push(match slot.state {
                SlotState::Empty => format!("slot {id} empty"),
                state => format!("slot {id} {} {}", slot.version, words(&state)),
            });
        }
    }
    let kinds = [
        ("bundle", report.bundle, before.map(|b| b.bundle)),
        (
            "authorization",
            report.authorization,
            before.map(|b| b.authorization),
        ),
        ("command", report.command, before.map(|b| b.command)),
    ];
    for (name, is, was) in kinds {
        if was.map_or(is.stage != Stage::Idle, |was| was != is) {
            let why = match is.refusal {
                lightday_wire::Refusal::None => String::new(),
                refusal => format!(", {}", words(&refusal)),
            };
            news.push(format!("{name} {} {}{why}", is.number, words(&is.stage)));
        }
    }
    if before.is_some_and(|b| b.revert_cause != report.revert_cause) {
        news.push(format!("reverted: {}", words(&report.revert_cause)));
    }
    let refused_more = before.is_some_and(|b| b.frames_refused < report.frames_refused);
    if is_replayed && refused_more {
        news.push(format!("{} frames refused", report.frames_refused));
    }
    news.join("; ")
}
