//! The dependency arrows that `ARCHITECTURE.md` promises, read from `cargo metadata`.
//!
//! Layers rot one convenient import at a time; a forbidden arrow fails here on the day it
//! is drawn.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Everything that each library may depend on among ours. Development dependencies are not
/// counted: tests may use the testkit.
const ALLOWED: &[(&str, &[&str])] = &[
    ("atproto-core", &[]),
    ("atproto-repo", &["atproto-core"]),
    ("atproto-lexicons", &["atproto-core"]),
    // Repositories and XRPC for its feature `resolve` alone: see `LEXGEN_IN_A_BUILD_SCRIPT`.
    ("atproto-lexgen", &["atproto-core", "atproto-repo", "atproto-xrpc"]),
    ("atproto-xrpc", &["atproto-core", "atproto-lexicons"]),
    ("atproto-firehose", &["atproto-core", "atproto-lexicons", "atproto-repo", "atproto-xrpc"]),
    ("service-kit", &[]),
];

/// Crates that a pure library never depends on, even through others.
const PURE: &[(&str, &[&str])] = &[
    ("atproto-core", &["tokio", "reqwest", "hyper", "axum", "rusqlite"]),
    ("atproto-repo", &["tokio", "reqwest", "hyper", "axum", "rusqlite", "atproto-xrpc"]),
    ("atproto-lexicons", &["tokio", "reqwest", "hyper", "axum", "rusqlite"]),
];

/// What the generator does without when it runs in a build.rs.
const LEXGEN_IN_A_BUILD_SCRIPT: &[&str] =
    &["anyhow", "clap", "tokio", "reqwest", "hyper", "atproto-repo", "atproto-xrpc"];

#[test]
fn libraries_depend_only_on_what_lies_below_them() {
    let ours = workspace();
    for (package, allowed) in ALLOWED {
        let arrows: BTreeSet<_> = direct(&ours, package);
        let allowed: BTreeSet<_> = allowed.iter().map(|name| (*name).to_owned()).collect();
        let forbidden: Vec<_> = arrows.difference(&allowed).collect();
        assert!(forbidden.is_empty(), "{package} must not depend on {forbidden:?}");
    }
}

#[test]
fn every_library_has_a_row() {
    for package in workspace().keys().filter(|name| name.starts_with("atproto-")) {
        let known = package == "atproto-testkit" || ALLOWED.iter().any(|(name, _)| name == package);
        assert!(known, "say in ALLOWED what {package} may depend on");
    }
}

#[test]
fn no_library_depends_on_an_example() {
    let ours = workspace();
    for package in ours.keys().filter(|name| name.starts_with("atproto-")) {
        for arrow in direct(&ours, package) {
            assert!(arrow.starts_with("atproto-"), "{package} depends on the example {arrow}");
        }
    }
}

#[test]
fn pure_libraries_have_no_runtime_below_them() {
    for (package, forbidden) in PURE {
        assert_none_below(package, &[], forbidden);
    }
}

#[test]
fn a_generator_in_a_build_script_brings_no_command_line_and_no_network() {
    assert_none_below("atproto-lexgen", &["--no-default-features"], LEXGEN_IN_A_BUILD_SCRIPT);
}

fn assert_none_below(package: &str, features: &[&str], forbidden: &[&str]) {
    let tree = ["tree", "-p", package, "-e", "normal", "--prefix", "none", "-f", "{p}"];
    let tree = cargo(&[&tree, features].concat());
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(package), "the tree of {package} is readable");
    for name in forbidden {
        assert!(!names.contains(name), "{package} depends on {name}");
    }
}

/// Our packages and their direct, non-development dependencies among ours.
fn workspace() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"]))
            .expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages are a list");
    let names: BTreeSet<_> = packages.iter().map(|package| text(&package["name"])).collect();
    let arrows = |package: &Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies are a list");
        dependencies
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| text(&dependency["name"]))
            .filter(|name| names.contains(name))
            .collect()
    };
    packages.iter().map(|package| (text(&package["name"]), arrows(package))).collect()
}

fn direct(ours: &BTreeMap<String, BTreeSet<String>>, package: &str) -> BTreeSet<String> {
    ours.get(package).cloned().unwrap_or_else(|| panic!("{package} is not in the workspace"))
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        // Features of other members would show through as if they were the package's own.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn text(value: &Value) -> String {
    value.as_str().expect("names are strings").to_owned()
}
