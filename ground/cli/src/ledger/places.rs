//! The places of frames in their pass, as the decision of an uplink keeps them.
//!
//! ```text
//! C B B B B B B B C B B B B    C: 0, 8            -> [[0, 2, 8]]
//! 0 1 2 3 4 5 6 7 8 9 ...      B: 1 to 7, 9 to 12 -> [[1, 7, 1], [9, 4, 1]]     [first, how many, step]
//! ```
//! A few steps hold all of them: small objects take turns with a bundle evenly.

use serde_json::{Value, json};

/// Places in short.
#[must_use]
pub fn shortened(places: &[u32]) -> Value {
    let mut steps: Vec<[u32; 3]> = Vec::new();
    for place in places {
        match steps.last_mut() {
            Some([first, frames, step]) if *frames == 1 && *place > *first => {
                (*frames, *step) = (2, *place - *first);
            }
            Some([first, frames, step])
                if first.saturating_add(frames.saturating_mul(*step)) == *place =>
            {
                *frames += 1
            }
            _ => steps.push([*place, 1, 1]),
        }
    }
    json!(steps)
}

/// All of them again; `None` where they are not `count` places in order.
#[must_use]
pub fn all(short: &str, count: u32) -> Option<Vec<u32>> {
    let steps: Vec<[u32; 3]> = serde_json::from_str(short).ok()?;
    let mut places: Vec<u32> = Vec::new();
    for [first, frames, step] in steps {
        if places.len() as u64 + u64::from(frames) > u64::from(count) {
            return None;
        }
        for n in 0..frames {
            places.push(first.checked_add(n.checked_mul(step)?)?);
        }
    }
    let is_whole = places.len() as u64 == u64::from(count);
    (is_whole && places.is_sorted_by(|a, b| a < b)).then_some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_that_are_taken_evenly_are_a_few_steps() {
        assert_eq!(shortened(&[0, 8]), json!([[0, 2, 8]]));
        let bundle: Vec<u32> = (1..100).filter(|place| place % 8 != 0).collect();
        let short = shortened(&bundle);
        assert_eq!(short.as_array().unwrap().len(), 13, "{short}");
        assert_eq!(all(&short.to_string(), 87).unwrap(), bundle);
        for (wrong, count) in [
            ("[[0, 2, 0]]", 2),
            ("[[4294967295, 2, 1]]", 2),
            ("[[5, 1, 1], [4, 1, 1]]", 2),
            ("[[0, 3, 1]]", 2),
            ("[[0, 1, 1]]", 2),
            ("{}", 0),
        ] {
            assert_eq!(all(wrong, count), None, "{wrong}");
        }
    }

    #[test]
    fn all_are_read_as_they_were_written() {
        // Every way in which twelve places are ours or another's.
        for ours in 0..1u32 << 12 {
            let places: Vec<u32> = (0..12).filter(|place| ours >> place & 1 == 1).collect();
            let short = shortened(&places).to_string();
            assert_eq!(all(&short, ours.count_ones()), Some(places), "{short}");
        }
    }
}
