//! How an object is cut into symbols: as its link wants them, as its vehicle takes them.
//!
//! ```text
//!  short symbols: headers and MACs are much of each frame     long ones: a wrong bit loses much
//!  |hh|ssss|mm| |hh|ssss|mm| |hh|ssss|mm|                     |hh|ssssssssssssss!sssss|mm|
//! ```

use lightday_wire::{ObjectKind, ObjectNumber};

use crate::link::LinkModel;
use crate::object::{ObjectError, UplinkObject};
use crate::profile::Profile;

/// Most symbols of an object that the vehicle receives in RAM: all but bundles.
const SMALL_SYMBOLS: u16 = 64;
/// Program granule of an object that is never in flash as symbols.
const SMALL_GRANULE: u16 = 2;
/// Bytes before each symbol in the staging log.
const CELL_HEADER: u64 = 8;

/// Cuts the bytes of an object into symbols of the length with which most of what is sent brings the object to its end,
/// of all lengths that flash and vehicle take.
///
/// # Errors
/// [`ObjectError`]: also where a bundle's symbol log and block do not fit the staging area.
pub fn cut(
    kind: ObjectKind,
    number: ObjectNumber,
    bytes: &[u8],
    profile: &Profile,
    link: &LinkModel,
) -> Result<UplinkObject, ObjectError> {
    let memory = &profile.memory;
    let (granule, most) = match kind {
        ObjectKind::Bundle => (profile.granule(), memory.symbols),
        _ => (SMALL_GRANULE, memory.symbols.min(SMALL_SYMBOLS)),
    };
    let longest = profile.link.symbol_len_max;
    let symbols = |symbol_len: u16| bytes.len().div_ceil(usize::from(symbol_len));
    let lens = (granule..=longest).step_by(usize::from(granule));
    let lens = lens.filter(|len| symbols(*len) <= usize::from(most));
    // Over bytes of the object, which are the same for all.
    let share = |len: u16| link.whole(len) / (symbols(len) as u64 * link.frame_len(len)) as f64;
    let Some(best) = lens.max_by(|a, b| share(*a).total_cmp(&share(*b))) else {
        return Err(ObjectError::TooManySymbols {
            k: symbols(longest.max(1)) as u64,
            max: most,
        });
    };
    let object = UplinkObject::new(kind, number, bytes, best)?;
    if kind == ObjectKind::Bundle {
        fits_staging(&object, profile)?;
    }
    Ok(object)
}

/// Whether symbol log and solved block find room: the log's first erase block names the object.
fn fits_staging(object: &UplinkObject, profile: &Profile) -> Result<(), ObjectError> {
    let memory = &profile.memory;
    let symbol_len = u64::from(object.symbol_len());
    let cell = (symbol_len + CELL_HEADER).next_multiple_of(u64::from(profile.granule()));
    let need = u64::from(memory.erase_block) + u64::from(object.k()) * (cell + symbol_len);
    match need > u64::from(memory.staging_size) {
        true => Err(ObjectError::Staging {
            need,
            have: memory.staging_size,
        }),
        false => Ok(()),
    }
}

/// Of all bytes that are sent, the share that brings payload to its end: bytes of the payload over those of all source
/// frames, times the chance that bit errors leave a frame whole. `overhead` are bytes of the object beside its payload.
#[must_use]
pub fn efficiency(object: &UplinkObject, overhead: u32, link: &LinkModel) -> f64 {
    let frames = u64::from(object.k()) * link.frame_len(object.symbol_len());
    let payload = f64::from(object.len().saturating_sub(overhead));
    payload / frames as f64 * link.whole(object.symbol_len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Loss;
    use crate::link::tests::model;
    use crate::profile::EXAMPLE;
    use proptest::prelude::*;

    fn profile() -> Profile {
        let mut profile: Profile = toml::from_str(EXAMPLE).unwrap();
        profile.link.symbol_len_max = 1000;
        profile.memory.symbols = u16::MAX;
        profile.memory.staging_size = 64 << 20;
        profile
    }

    fn raw(bit_error_rate: f64) -> LinkModel {
        let mut link = model(Loss::Random { p: 0.0 });
        link.encapsulation = 0;
        link.bit_error_rate = bit_error_rate;
        link
    }

    fn object(
        kind: ObjectKind,
        len: usize,
        profile: &Profile,
        link: &LinkModel,
    ) -> Result<UplinkObject, ObjectError> {
        cut(
            kind,
            ObjectNumber::new(1).unwrap(),
            &vec![1; len],
            profile,
            link,
        )
    }

    #[test]
    fn symbols_suit_the_link_and_grow_where_the_vehicle_takes_few() {
        let of = |symbols, longest, staging| {
            let mut profile = profile();
            profile.memory.symbols = symbols;
            profile.memory.staging_size = staging;
            profile.link.symbol_len_max = longest;
            let object = object(ObjectKind::Bundle, 4_000, &profile, &raw(1e-4))?;
            assert!(object.symbol_len().is_multiple_of(profile.granule()));
            Ok((object.k() <= symbols, object.symbol_len() > 160))
        };
        assert_eq!(of(1000, 1000, 1 << 20), Ok((true, false)));
        assert_eq!(of(5, 1000, 1 << 20), Ok((true, true)));
        let many = of(5, 200, 1 << 20);
        assert!(matches!(
            many,
            Err(ObjectError::TooManySymbols { max: 5, .. })
        ));
        let little = of(1000, 200, 4096);
        assert!(matches!(
            little,
            Err(ObjectError::Staging { have: 4096, .. })
        ));
    }

    #[test]
    fn small_objects_have_no_more_symbols_than_the_vehicle_receives_in_ram() {
        let command = object(ObjectKind::Command, 448, &profile(), &raw(0.01)).unwrap();
        assert!(
            command.k() <= 64 && command.symbol_len() < 40,
            "{command:?}"
        );
        // They lie in no staging area.
        let mut profile = profile();
        profile.memory.staging_size = 0;
        assert!(object(ObjectKind::Command, 448, &profile, &raw(0.0)).is_ok());
    }

    #[test]
    fn the_best_symbol_length_is_that_of_the_research() {
        // Of an endless object, header 20 B: L = -H/2 + sqrt(H^2/4 + H/a) with a = -8 ln(1 - BER).
        let mut profile = profile();
        profile.memory.program_granule = 2;
        profile.memory.staging_size = u32::MAX;
        for (ber, best) in [
            (1e-5, 490),
            (3e-5, 278),
            (1e-4, 148),
            (1e-6, 1000),
            (0.0, 1000),
        ] {
            let mut link = raw(ber);
            link.encapsulation = 4;
            let len = object(ObjectKind::Bundle, 8_000_000, &profile, &link)
                .unwrap()
                .symbol_len();
            assert!(len.abs_diff(best) <= best / 100, "{ber}: {len}");
        }
        // Of what flash takes, and vehicle: a multiple of the granule, at most so long, and never none.
        profile.memory.program_granule = 16;
        profile.link.symbol_len_max = 250;
        let len = |ber, profile: &Profile| {
            object(ObjectKind::Bundle, 80_000, profile, &raw(ber))
                .unwrap()
                .symbol_len()
        };
        assert_eq!(len(0.0, &profile), 240);
        profile.memory.program_granule = 4;
        assert_eq!(len(0.3, &profile), 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_length_is_within_a_hundredth_of_the_best(
            payload in 20_000usize..200_000, power in -6.0f64..-4.0,
        ) {
            let (profile, link) = (profile(), raw(10f64.powf(power)));
            let of = |object: &UplinkObject| efficiency(object, 0, &link);
            let ours = of(&object(ObjectKind::Bundle, payload, &profile, &link).unwrap());
            let bytes = vec![1; payload];
            let number = ObjectNumber::new(1).unwrap();
            let lens = (1..=125u16).map(|n| 8 * n);
            let all = lens.filter_map(|len| UplinkObject::new(ObjectKind::Bundle, number, &bytes, len).ok());
            let best = all.map(|object| of(&object)).fold(0.0, f64::max);
            prop_assert!(ours >= 0.99 * best, "{ours} {best}");
        }
    }

    #[test]
    fn more_than_0_93_of_what_is_sent_is_payload() {
        // Whatever bit errors lose is made good by parity, and not counted here.
        let link = raw(1e-5);
        for payload in [20_000, 100_000, 1_000_000] {
            let object = object(ObjectKind::Bundle, payload + 300, &profile(), &link).unwrap();
            let share = efficiency(&object, 300, &link) / link.whole(object.symbol_len());
            assert!(share >= 0.93, "{payload}: {share}");
        }
    }
}
