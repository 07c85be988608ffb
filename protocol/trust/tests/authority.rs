//! Who must sign which: every document and every action against every set of roles, and the table of
//! `docs/SPEC.md` against the code.
//!
//! Exactly the roles of the table: one that is missing leaves its threshold unmet, one too many is
//! refused as well, so that nobody signs what they do not answer for.

mod common;

use std::collections::BTreeMap;

use common::{encode, quorum, samples, signed};
use lightday_trust::{KeySet, TrustError};
use lightday_wire::{Authorization, Command, Document, Manifest, Refusal, Role};

const SPEC: &str = include_str!("../../../docs/SPEC.md");

/// The roles in the order of their codes, as a set of bits.
type Roles = u8;

fn bit(role: Role) -> Roles {
    1 << (role.code() - 1)
}

/// The table of SPEC, section "Who must sign which": document to roles.
fn table() -> BTreeMap<String, Roles> {
    let (_, section) = SPEC
        .split_once("\n## Who must sign which\n")
        .expect("SPEC has the section");
    let section = section.split("\n## ").next().expect("split gives one part");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<_> = rows.map(row).collect();
    let table: BTreeMap<_, _> = rows.iter().cloned().collect();
    assert_eq!(
        table.len(),
        rows.len(),
        "a document stands in the table twice"
    );
    table
}

fn row(line: &str) -> (String, Roles) {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [document, roles @ ..] = &cells[..] else {
        panic!("an empty row");
    };
    assert_eq!(roles.len(), 4, "four roles: {line}");
    let signs = roles.iter().zip(Role::ALL).map(|(cell, role)| match *cell {
        "signs" => bit(*role),
        "" => 0,
        other => panic!("{other} in {line}"),
    });
    (document.replace('`', ""), signs.sum())
}

/// The keys that meet the thresholds of a set of roles.
fn signers(roles: Roles) -> Vec<u8> {
    let roles = Role::ALL.iter().filter(|role| roles & bit(**role) != 0);
    roles.flat_map(|role| quorum(*role)).copied().collect()
}

/// All sixteen sets of roles: only the one in the table may have signed.
fn holds(what: &str, needed: Roles, verify: impl Fn(&[u8]) -> Result<(), TrustError>) {
    assert_ne!(needed, 0, "{what}: somebody must answer for it");
    for given in 0..16 {
        let verdict = verify(&signers(given));
        if given == needed {
            assert_eq!(verdict, Ok(()), "{what} signed by {given:04b}");
            continue;
        }
        let refusal = verdict.expect_err(what).refusal();
        let expected = if given & !needed != 0 {
            Refusal::UnknownKey
        } else {
            Refusal::SignatureMissing
        };
        assert_eq!(refusal, expected, "{what} signed by {given:04b}");
    }
}

fn document<T: Document>(what: &str, needed: Roles, document: &T, context: &T::Context) {
    let (set, body) = (common::key_set(), encode(document));
    let stated = Role::ALL
        .iter()
        .filter(|role| document.authority().needs(**role));
    assert_eq!(stated.map(|role| bit(*role)).sum::<u8>(), needed, "{what}");
    holds(what, needed, |keys| {
        let envelope = common::sealed::<T>(context, &body, keys);
        set.verify::<T>(&envelope, context).map(drop)
    });
}

#[test]
fn exactly_the_roles_of_the_table_in_spec_sign_each_document() {
    let mut table = table();
    let mut needed = |what: &str| {
        table
            .remove(what)
            .unwrap_or_else(|| panic!("{what} is missing"))
    };

    let context = samples::manifest_context_class();
    for (name, manifest) in samples::manifests() {
        let what = match name {
            "self_confirm" => "Manifest, self-confirm",
            "load_and_go" => "Manifest, load-and-go",
            "delta" => "Manifest",
            _ => continue,
        };
        document::<Manifest>(what, needed(what), &manifest, &context);
    }
    let mut both = samples::manifest_load_and_go();
    both.trial.self_confirm = true;
    let what = "Manifest, load-and-go and self-confirm";
    document::<Manifest>(what, needed(what), &both, &context);

    let roles = needed("Authorization");
    for (_, authorization) in samples::authorizations() {
        let context = samples::authorization_context();
        document::<Authorization>("Authorization", roles, &authorization, &context);
    }

    for (name, command) in samples::commands() {
        let what = format!("Command, {name}");
        document::<Command>(&what, needed(&what), &command, &samples::command_context());
    }

    let next = common::next_key_set();
    let (body, context) = (encode(&next), common::key_set_context());
    holds("KeySet", needed("KeySet"), |keys| {
        // An envelope holds eight: one key is enough to show that a role does not sign this.
        let keys = keys.iter().filter(|n| ![4, 9].contains(*n));
        let old = keys.map(|n| (*n, *n));
        let new = [(0x80, 0), (0x81, 10)];
        let all: Vec<_> = old.chain(new).collect();
        let envelope = signed::<KeySet>(&context, &body, &all);
        common::key_set()
            .verify_successor(&envelope, &context)
            .map(drop)
    });

    assert!(
        table.is_empty(),
        "SPEC names what does not exist: {table:?}"
    );
}
