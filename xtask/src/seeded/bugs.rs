//! The bugs: what each is, where it goes, and the scene that has to find it.

/// What a bug changes in one place.
pub struct Edit {
    /// The file that it goes into.
    pub file: &'static str,
    /// What stands there, once.
    pub line: &'static str,
    /// What stands there instead; `BUG` asks whether the bug is awake.
    pub instead: &'static str,
}

/// A bug.
pub struct Bug {
    /// What is wrong.
    pub name: &'static str,
    /// Where: more than one place where one defence stands behind another.
    pub edits: &'static [Edit],
    /// What has to find it: scene, geometry, kind of flash.
    pub scene: &'static [&'static str],
}

/// All of them; a bug's number is its place, counted from 1.
pub const BUGS: [Bug; 22] = [
    Bug {
        name: "the record is not saved before the jump",
        edits: &[Edit {
            file: "onboard/boot/src/loader.rs",
            line: "if store.save(flash, sequence, &decision.record).is_err() {",
            instead: "if !BUG && store.save(flash, sequence, &decision.record).is_err() {",
        }],
        scene: &["crash", "8x2048"],
    },
    Bug {
        name: "the CRC of cells is ignored",
        edits: &[Edit {
            file: "onboard/boot/src/cells.rs",
            line: "checksum(header.get(..12)?, data) == crc;",
            instead: "(BUG || checksum(header.get(..12)?, data) == crc);",
        }],
        scene: &["trial", "8x2048", "flips"],
    },
    Bug {
        name: "the security counter moves at activation",
        edits: &[Edit {
            file: "onboard/agent/src/activation.rs",
            line: "self.record.trial = Trial::new(installed.trial.tries, installed.trial.lease_s);",
            instead:
                "self.record.trial = Trial::new(installed.trial.tries, installed.trial.lease_s);
        if BUG {
            self.record.security_counter = installed.security_counter;
        }",
        }],
        scene: &["update", "8x2048"],
    },
    Bug {
        name: "all copies of the record are erased before the first is written",
        edits: &[Edit {
            file: "onboard/boot/src/store.rs",
            line: "let is_anew = sequence == 0;",
            instead: "let is_anew = sequence == 0;
        if BUG {
            for copy in self.copies {
                copy.erase(flash)?;
            }
        }",
        }],
        scene: &["epoch", "8x2048"],
    },
    Bug {
        name: "any frame renews the lease",
        edits: &[Edit {
            file: "onboard/agent/src/agent.rs",
            line: "self.time_s = now.time_s;
        if self.is_resetting || self.accept(now, bytes)",
            instead: "self.time_s = now.time_s;
        if BUG && self.record.trial.started {
            self.record.trial.deadline = now.elapsed.plus_s(self.record.trial.lease_s.into());
            self.commit_due = true;
            self.seal();
        }
        if self.is_resetting || self.accept(now, bytes)",
        }],
        scene: &["trial", "8x2048"],
    },
    Bug {
        name: "the way back is patched over while another image is on trial",
        edits: &[
            Edit {
                file: "onboard/agent/src/admission.rs",
                line: "at != self.record.home.0
                && at != self.running",
                instead: "(BUG || at != self.record.home.0)
                && at != self.running",
            },
            Edit {
                file: "onboard/agent/src/install.rs",
                line: "self.record.trial_slot().is_none()
            && self.record_armed_slot().is_none()",
                instead: "(BUG || self.record.trial_slot().is_none())
            && self.record_armed_slot().is_none()",
            },
            Edit {
                file: "onboard/agent/src/install.rs",
                line: "&& self.running == self.home()
            && match self.record.home.0 {",
                instead: "&& (BUG || self.running == self.home())
            && match self.record.home.0 {
                _ if BUG => true,",
            },
        ],
        scene: &["meanwhile", "8x2048"],
    },
    Bug {
        name: "a trial's boots are not counted down",
        edits: &[Edit {
            file: "onboard/boot/src/select.rs",
            line: "match budget.checked_sub(1) {",
            instead: "match budget.checked_sub(u8::from(!BUG)) {",
        }],
        scene: &["crash", "8x2048"],
    },
    Bug {
        name: "a slot is not erased before it is patched",
        edits: &[Edit {
            file: "onboard/agent/src/install.rs",
            line: "let region = self.config.map.slot(admitted.target).image;
        if at < region.len {",
            instead: "let region = self.config.map.slot(admitted.target).image;
        if !BUG && at < region.len {",
        }],
        scene: &["second-update", "8x2048"],
    },
    Bug {
        name: "the loader jumps to an image whose digest it has not read back",
        edits: &[Edit {
            file: "onboard/boot/src/loader.rs",
            line: "if is_slot_intact(flash, map.slot(slot), of(facts, slot)) {",
            instead: "if BUG || is_slot_intact(flash, map.slot(slot), of(facts, slot)) {",
        }],
        scene: &["trial", "8x2048", "flips"],
    },
    Bug {
        name: "a slot is erased before the record says so",
        edits: &[Edit {
            file: "onboard/agent/src/install.rs",
            line: "if self.commit(flash).is_err() {
            // Nothing was touched",
            instead: "if !BUG && self.commit(flash).is_err() {
            // Nothing was touched",
        }],
        scene: &["second-update", "8x2048"],
    },
    Bug {
        name: "a torn cell of the staging log is taken for a free one",
        edits: &[Edit {
            file: "onboard/agent/src/staging/scan.rs",
            line: "if start >= end || self.is_blank(flash, start, end) {",
            instead: "if BUG || start >= end || self.is_blank(flash, start, end) {",
        }],
        scene: &["update", "8x2048"],
    },
    Bug {
        name: "the loader does not lock what no application may write",
        edits: &[Edit {
            file: "onboard/boot/src/loader.rs",
            line: "    supervisor.lock();
    Ok(boot)",
            instead: "    if !BUG {
        supervisor.lock();
    }
    Ok(boot)",
        }],
        scene: &["epoch", "8x2048"],
    },
    Bug {
        name: "the lease is not given to the supervisor",
        edits: &[Edit {
            file: "onboard/boot/src/loader.rs",
            line: "Deadline::Lease(at) => supervisor.set_deadline(at, true),",
            instead: "Deadline::Lease(at) => supervisor.set_deadline(if BUG { Elapsed::NEVER } else { at }, true),",
        }],
        scene: &["deaf", "8x2048"],
    },
    Bug {
        name: "the papers of the image before are left in the trailer",
        edits: &[Edit {
            file: "onboard/agent/src/install.rs",
            line: ".trailer;
        if at >= region.len {",
            instead: ".trailer;
        if BUG || at >= region.len {",
        }],
        scene: &["second-update", "8x2048"],
    },
    Bug {
        name: "a floor's word that cannot be read is programmed again",
        edits: &[Edit {
            file: "onboard/boot/src/floors.rs",
            line: "Word::Touched | Word::Unreadable => Err(FlashError::Fault),",
            instead: "Word::Unreadable if BUG => flash::program(flash, region, offset, word),
            Word::Touched | Word::Unreadable => Err(FlashError::Fault),",
        }],
        scene: &["epoch", "8x2048", "ecc"],
    },
    Bug {
        name: "a copy of the record whose erase was cut off is written",
        edits: &[Edit {
            file: "onboard/boot/src/store.rs",
            line: "None => Erasing::First,
                    Some(_) => Erasing::IfNeeded,",
            instead: "None if !BUG => Erasing::First,
                    _ => Erasing::IfNeeded,",
        }],
        scene: &["resync", "8x2048"],
    },
    Bug {
        name: "an image is activated and the record does not say so",
        edits: &[Edit {
            file: "onboard/agent/src/activation.rs",
            line: "if self.commit(platform.flash).is_ok() {
            self.hold = Refusal::None;
            self.reset(platform.supervisor);",
            instead: "if BUG || self.commit(platform.flash).is_ok() {
            self.hold = Refusal::None;
            self.reset(platform.supervisor);",
        }],
        scene: &["update", "8x2048"],
    },
    Bug {
        name: "two writes are swapped: a slot is called verified before its papers are written",
        edits: &[Edit {
            file: "onboard/agent/src/install.rs",
            line: "let admitted = self.admitted()?;
        let entry = Entry::Installed {",
            instead: "if BUG {
            let (number, target) = (self.admitted()?.number, self.admitted()?.target);
            self.record.slot_mut(target).state = SlotState::Verified;
            self.record.raise_next(lightday_wire::ObjectKind::Bundle, number);
            self.commit(flash).map_err(|_| Refusal::FlashFault)?;
        }
        let admitted = self.admitted()?;
        let entry = Entry::Installed {",
        }],
        scene: &["update", "8x2048"],
    },
    Bug {
        name: "the inactive slot is erased while its image is armed",
        edits: &[Edit {
            file: "onboard/agent/src/install.rs",
            line: "&& self.record_armed_slot().is_none()",
            instead: "&& (BUG || self.record_armed_slot().is_none())",
        }],
        scene: &["while-armed", "8x2048"],
    },
    Bug {
        name: "one block of the staging log is erased with every symbol, wherever that goes",
        edits: &[Edit {
            file: "onboard/agent/src/staging.rs",
            line: "let (start, end) = self.extent(named.shape, self.order.len())?;",
            instead: "let (start, end) = self.extent(named.shape, self.order.len())?;
        if BUG {
            let last = self.symbols().len.saturating_sub(self.erase);
            let _ = flash::erase_block(flash, self.symbols(), last);
        }",
        }],
        scene: &["update", "8x2048"],
    },
    Bug {
        name: "a dead block of the staging log is tried again and again",
        edits: &[Edit {
            file: "onboard/agent/src/staging/room.rs",
            line: "if self.failures >= TRIES {",
            instead: "if !BUG && self.failures >= TRIES {",
        }],
        scene: &["update", "8x2048", "faults"],
    },
    Bug {
        name: "the decoder of the record takes the count of crashes for that of other resets",
        edits: &[Edit {
            file: "onboard/boot/src/record.rs",
            line: "record.format = FORMAT;
        Ok(record)",
            instead: "record.format = FORMAT;
        if BUG {
            core::mem::swap(&mut record.crashes, &mut record.environment);
        }
        Ok(record)",
        }],
        scene: &["update", "8x2048"],
    },
];
