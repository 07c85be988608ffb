//! The model of CFDP class 2 sends what another implementation sends, round by round: `tests/peers/cfdp_peer.py` wrote
//! what that one did.

use lightday_sim::study::cfdp::{Cfdp, Pdu};
use serde_json::Value;

const ROUNDS: &str = include_str!("cfdp_peer/rounds.json");

fn name(pdu: Pdu) -> String {
    match pdu {
        Pdu::Metadata => "metadata".to_owned(),
        Pdu::Segment(number) => format!("segment {number}"),
        Pdu::Eof => "eof".to_owned(),
    }
}

#[test]
fn the_model_sends_what_cfdp_py_sends() {
    let peer: Value = serde_json::from_str(ROUNDS).unwrap();
    let cases = peer["cases"].as_array().unwrap();
    assert!(cases.len() >= 3);
    for case in cases {
        let segments = u16::try_from(case["segments"].as_u64().unwrap()).unwrap();
        let lost = case["lost"].as_array().unwrap();
        let mut model = Cfdp::new(segments);
        let mut rounds = Vec::new();
        while !model.is_whole() {
            assert!(rounds.len() < 20, "{}: it never ends", case["name"]);
            let round = model.next_round();
            rounds.push(round.iter().map(|pdu| name(*pdu)).collect::<Vec<_>>());
            for pdu in round {
                let this = serde_json::json!([rounds.len(), name(pdu)]);
                if !lost.contains(&this) {
                    model.arrives(pdu);
                }
            }
        }
        assert_eq!(
            serde_json::json!(rounds),
            case["rounds"],
            "{}",
            case["name"]
        );
    }
}
