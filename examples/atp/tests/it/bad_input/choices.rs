//! Where the expectation leaves a choice.

use std::fs;

use super::cases;
use crate::support::shared;

/// Where the expectation leaves a choice, or is about something that the command does not
/// do: the exit code that is ours. `docs/policies.md` says why.
pub(super) const CHOICES: &[(&str, i32)] = &[
    ("cbor/deep-arrays-10000.cbor", 1),
    ("car/two-roots.car", 0),
    ("car/unreferenced-10k.car", 0),
    ("car/unknown-codec-block.car", 1),
    ("car/empty-block.car", 0),
    ("car/self-reference-lying-cid.car", 1),
    ("car/block-2mb.car", 1),
    ("car/root-absent.car", 0),
    ("car/missing-record.car", 0),
    ("mst/node-extra-field.car", 1),
    ("mst/control-wide-node-4000.car", 1),
    ("commit/extra-field.car", 1),
    ("frame/header-op-2.bin", 0),
    ("frame/header-op-0.bin", 0),
    ("frame/header-t-unknown.bin", 0),
    ("frame/header-t-nohash.bin", 0),
    ("frame/header-t-fullnsid.bin", 0),
    ("frame/legacy-handle.bin", 0),
    ("frame/legacy-migrate.bin", 0),
    ("frame/error-ConsumerTooSlow.bin", 0),
    ("frame/error-with-t.bin", 0),
    ("frame/error-no-name.bin", 1),
    ("frame/account-active-and-status.bin", 0),
    ("frame/commit-toobig-empty-blocks.bin", 1),
    ("frame/commit-rebase-true.bin", 1),
    ("frame/op-update-no-prev.bin", 1),
    ("frame/commit-since-after-rev.bin", 1),
    ("frame/record-type-missing.bin", 0),
    ("frame/record-type-mismatch.bin", 0),
    ("identity/did-doc/aka-invalid-first.json", 0),
    ("identity/did-doc/service-endpoint-path.json", 1),
    ("identity/did-doc/vm-curve-prefix-swapped.json", 0),
    ("plc/rotation-keys-11.json", 0),
    ("plc/rotation-key-ed25519.json", 0),
    ("plc/rotation-key-dup.json", 0),
    ("plc/oversize.json", 0),
    ("plc/extra-field.json", 1),
    ("plc/vm-raw-multibase.json", 0),
    ("plc/aka-not-uri.json", 0),
    ("plc/created-at-backwards.json", 1),
];

/// Cases of the core's folders that no command runs, and why.
pub(super) const NOT_RUN: &[(&str, &str)] = &[(
    "identity/control-dns-txt.json",
    "a command cannot be given the answers of DNS; the tests of the resolver take them",
)];

#[test]
fn every_choice_is_about_a_case() {
    let Some(shared) = shared() else { return };
    let cases = cases(&shared.join("bad-input"), "");
    let is_case = |name: &str| cases.iter().any(|case| case["file"] == name);
    let names = CHOICES.iter().map(|(name, _)| name).chain(NOT_RUN.iter().map(|(name, _)| name));
    for name in names {
        assert!(is_case(name), "{name} is no case");
    }
}

/// Users find every choice in one place.
#[test]
fn every_choice_is_documented() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policies.md");
    let page = fs::read_to_string(page).unwrap();
    for (name, _) in CHOICES {
        assert!(page.contains(&format!("`{name}`")), "docs/policies.md does not mention {name}");
    }
    let Some(shared) = shared() else { return };
    for case in cases(&shared.join("bad-input"), "") {
        let (name, expect) = (case["file"].as_str().unwrap(), case["expect"].as_str().unwrap());
        let is_choice = expect.contains("policy");
        assert!(!is_choice || page.contains(name), "docs/policies.md does not mention {name}");
    }
}
