//! Codes on the wire and in flash. A code is one byte, is never renumbered and never reused; the table
//! test at the end fails when one changes. Codes that rest in flash and decide what boots
//! ([`SlotState`]) differ from each other, and from erased and all-zero flash, in at least four bits.

/// Declares an enum of one-byte codes that serialises as that byte and lists itself for the table test.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $code,)+ }

        impl $name {
            /// All codes in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The byte on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The meaning of a byte, or `None` if it has none.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_u8(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let code = <u8 as serde::Deserialize>::deserialize(d)?;
                Self::from_code(code).ok_or_else(|| serde::de::Error::custom("unknown code"))
            }
        }
    };
}

codes! {
    /// What an object is. Four bits on the wire. 5 to 12 are reserved.
    ObjectKind {
        /// An envelope with a manifest, and the payload behind it.
        Bundle = 1,
        /// An envelope with an authorization to arm.
        Authorization = 2,
        /// An envelope with a command.
        Command = 3,
        /// An envelope with a key set.
        KeySet = 4,
        /// Downlink only: a part of the memory dump that a command asked for.
        Dump = 13,
        /// Downlink only: the answer to a region-digest command.
        Answer = 14,
        /// Downlink only: a report is not an object, but its first byte has the same form.
        Report = 15,
    }
}

impl ObjectKind {
    /// The kinds that go up, in the order in which the record and the report list their numbers.
    pub const UPLINK: [Self; 4] = [
        Self::Bundle,
        Self::Authorization,
        Self::Command,
        Self::KeySet,
    ];

    /// The place among [`Self::UPLINK`]; `None` for what only goes down.
    #[must_use]
    pub const fn uplink_index(self) -> Option<usize> {
        match self {
            Self::Bundle => Some(0),
            Self::Authorization => Some(1),
            Self::Command => Some(2),
            Self::KeySet => Some(3),
            Self::Dump | Self::Answer | Self::Report => None,
        }
    }
}

codes! {
    /// How a payload becomes an image.
    CodecId {
        /// The payload is the image.
        Store = 1,
        /// A bsdiff stream compressed by zstd; for Linux-class profiles.
        BsdiffZstd = 2,
        /// Reserved for the model-coded patch.
        Model = 3,
    }
}

codes! {
    /// Who answers for what. A key has exactly one role.
    Role {
        /// Changes key sets and link epochs.
        Root = 1,
        /// Owns the software: signs manifests.
        Release = 2,
        /// Owns the evidence: signs authorizations.
        Verification = 3,
        /// Owns the spacecraft: signs authorizations and commands.
        Flight = 4,
    }
}

codes! {
    /// How far an object came (PUS service 1, ECSS-E-ST-70-41C: acceptance, start, completion).
    Stage {
        /// Nothing of this kind was heard yet.
        Idle = 0,
        /// Its symbols are arriving.
        Receiving = 1,
        /// Signatures and policy hold.
        Accepted = 2,
        /// Its execution has begun.
        Started = 3,
        /// It is done.
        Done = 4,
        /// It was refused before it began; the [`Refusal`] says why.
        Refused = 5,
        /// It began and failed; the [`Refusal`] says why.
        Failed = 6,
    }
}

codes! {
    /// Why an object was refused, or failed, or waits.
    Refusal {
        /// No refusal.
        None = 0,
        /// The bytes have no meaning: cut short, an unknown code, padding that is not zero.
        Malformed = 1,
        /// The bytes are not the canonical encoding of their value.
        NotCanonical = 2,
        /// The manifest's format version is unknown.
        UnsupportedFormat = 3,
        /// Too few valid signatures of a role that must sign.
        SignatureMissing = 4,
        /// A signature does not verify: wrong key, wrong vehicle, wrong base, or changed bytes.
        SignatureBad = 5,
        /// A signature names a key that the key set lacks, or a key of a role that does not sign this.
        UnknownKey = 6,
        /// Not yet: the base is not on board. It may be a queued predecessor.
        UnknownBase = 7,
        /// The base on board does not have the size or digest that was signed.
        BaseMismatch = 8,
        /// The profile has no decoder for this codec or its parameters.
        UnsupportedCodec = 9,
        /// The codec needs more RAM than the profile has.
        RamTooSmall = 10,
        /// The image does not fit the slot.
        ImageTooLarge = 11,
        /// The object does not fit the staging area.
        StagingTooSmall = 12,
        /// The payload's digest is wrong: symbols were polluted.
        PayloadDigest = 13,
        /// The digest read back from the slot is not the manifest's.
        ImageDigest = 14,
        /// The security counter is below the floor.
        SecurityCounter = 15,
        /// The image was reverted before and is barred until it is armed anew.
        Barred = 16,
        /// The inactive slot is needed: the active one is not confirmed, or a trial runs.
        SlotBusy = 17,
        /// The image is linked for another slot, component or load address.
        WrongPlace = 18,
        /// Load-and-go without an evidence root.
        EvidenceMissing = 19,
        /// The authorization has expired.
        Expired = 20,
        /// The activation window has passed.
        WindowMissed = 21,
        /// Held: onboard time is unknown.
        TimeUnknown = 22,
        /// Held: the window has not opened.
        BeforeWindow = 23,
        /// Held: an interlock forbids activation now.
        Interlock = 24,
        /// There is no trial to confirm.
        NoTrial = 25,
        /// No slot holds the image that the document names.
        UnknownImage = 26,
        /// The vehicle does not carry this out.
        NotSupported = 27,
        /// The flash failed.
        FlashFault = 28,
        /// The patch does not decode.
        PatchBroken = 29,
        /// Patching was cut off by resets too often.
        AttemptsExhausted = 30,
        /// Not the successor of the key set on board.
        KeySetVersion = 31,
        /// Link epochs only go up.
        EpochOrder = 32,
        /// The record was lost: only a resynchronisation is accepted.
        RecordLost = 33,
        /// The running image was confirmed under an older key set: confirm it anew first.
        ReconfirmFirst = 34,
        /// Another object took its place, or it was aborted.
        Superseded = 35,
        /// Its symbols disagree about its shape.
        ShapeConflict = 36,
        /// Held: no authorization for the verified image.
        NotAuthorized = 37,
        /// The region or range does not exist.
        OutOfRange = 38,
        /// The slot's trailer has no room left for what a trial needs, the Confirm among it.
        TrailerFull = 39,
    }
}

codes! {
    /// What a slot holds. Codes differ in at least four bits; the names are those of
    /// `docs/SPEC.md`, state diagram.
    SlotState {
        /// Nothing that may boot.
        Empty = 0x0f,
        /// An image is being written.
        Patching = 0x33,
        /// An image whose digest was read back; it may not boot yet.
        Verified = 0x3c,
        /// Authorized; waits for its activation.
        Armed = 0x55,
        /// Boots on trial.
        Trial = 0x5a,
        /// Confirmed by a signed command.
        Confirmed = 0x66,
        /// Reverted, or load-and-go and disarmed; only an authorization arms it.
        Reverted = 0x69,
        /// Patching failed for good.
        Failed = 0x96,
        /// Golden. Never a state of slots A and B.
        Golden = 0x99,
    }
}

codes! {
    /// Why the processor was reset, as the supervisor tells it.
    ResetCause {
        /// The supervisor does not know.
        Unknown = 0,
        /// Power was switched on.
        PowerOn = 1,
        /// The supply sagged.
        BrownOut = 2,
        /// An uncorrectable upset: memory error, lock-step mismatch.
        Upset = 3,
        /// The application stopped kicking the watchdog.
        Watchdog = 4,
        /// The agent asked for it.
        Software = 5,
        /// The supervisor's deadline passed: lease or command-loss timer.
        Deadline = 6,
        /// A trap or panic.
        Fault = 7,
    }
}

impl ResetCause {
    /// Whether the image can be blamed for it: environment resets draw on a budget of their own.
    #[must_use]
    pub const fn is_environment(self) -> bool {
        matches!(self, Self::PowerOn | Self::BrownOut | Self::Upset)
    }
}

codes! {
    /// Why the last image was reverted.
    RevertCause {
        /// Nothing was reverted yet.
        None = 0,
        /// All tries were used.
        TriesExhausted = 1,
        /// All resets by the environment that a trial may have were used.
        EnvironmentBudget = 2,
        /// The application said that it is not healthy.
        HealthFailed = 3,
        /// The application did not become healthy in time.
        HealthDeadline = 4,
        /// No signed command was heard during the lease, or no Confirm came.
        LeaseExpired = 5,
        /// The image in the slot does not have its digest any more.
        ImageDigest = 6,
        /// The slot's trailer does not prove that it may boot.
        TrailerInvalid = 7,
        /// A signed command asked for it.
        Commanded = 8,
        /// A confirmed image crashed too often.
        CrashLoop = 9,
        /// No signed command was heard for too long.
        CommandLoss = 10,
        /// All copies of the record were lost.
        RecordLost = 11,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// The whole table, by hand: whoever renumbers a code has to come here and read why not.
    #[test]
    fn no_code_was_renumbered() {
        assert_eq!(
            ObjectKind::ALL.iter().map(|c| c.code()).collect::<Vec<_>>(),
            [1, 2, 3, 4, 13, 14, 15]
        );
        assert_eq!(
            CodecId::ALL.iter().map(|c| c.code()).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_eq!(
            Role::ALL.iter().map(|c| c.code()).collect::<Vec<_>>(),
            [1, 2, 3, 4]
        );
        assert_eq!(
            Stage::ALL.iter().map(|c| c.code()).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5, 6]
        );
        assert_eq!(
            Refusal::ALL.iter().map(|c| c.code()).collect::<Vec<_>>(),
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39
            ]
        );
        assert_eq!(
            SlotState::ALL.iter().map(|c| c.code()).collect::<Vec<_>>(),
            [0x0f, 0x33, 0x3c, 0x55, 0x5a, 0x66, 0x69, 0x96, 0x99]
        );
        assert_eq!(
            ResetCause::ALL.iter().map(|c| c.code()).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(
            RevertCause::ALL
                .iter()
                .map(|c| c.code())
                .collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
        );
    }

    #[test]
    fn a_byte_without_meaning_is_refused() {
        for code in 0..=255u8 {
            for (known, back) in [
                (
                    SlotState::from_code(code).is_some(),
                    SlotState::from_code(code).map(SlotState::code),
                ),
                (
                    Refusal::from_code(code).is_some(),
                    Refusal::from_code(code).map(Refusal::code),
                ),
            ] {
                assert_eq!(known, back == Some(code));
            }
        }
    }

    #[test]
    fn slot_states_are_four_bits_apart_from_each_other_and_from_erased_flash() {
        let mut codes: Vec<u8> = SlotState::ALL.iter().map(|s| s.code()).collect();
        codes.extend([0x00, 0xff]);
        for (i, a) in codes.iter().enumerate() {
            for b in codes.iter().skip(i + 1) {
                assert!((a ^ b).count_ones() >= 4, "{a:#x} {b:#x}");
            }
        }
    }
}
