//! The map of ARCHITECTURE.md, enforced: what may use what, and what may not appear below the
//! product.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A module may use those before it in this list, and itself.
/// Within one row the modules do not know each other.
const LAYERS: &[&[&str]] = &[
    &["kernel"],
    &["search"],
    &["talk", "raft"],
    &["rabbit", "kafka"],
    &["client", "store"],
    &["system"],
    &["check"],
    &["scenario"],
    &["report"],
    &["bench", "tui"],
    &["cli"],
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The layer of a file: its first folder, or the stem of a file that stands alone.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(src()).expect("it is a source");
    let first = inside.components().next().expect("it has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// The modules of this crate that a text names in paths: `crate::kernel::…`.
fn uses(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in code {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            found.push(rest[..end].to_owned());
        }
    }
    found
}

#[test]
fn a_module_uses_only_what_stands_below_it() {
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let module = module_of(&path);
        if module == "lib" || module == "main" {
            continue;
        }
        let layer = layer_of(&module).unwrap_or_else(|| panic!("{module} is in no layer"));
        let text = fs::read_to_string(&path).expect("the source can be read");
        for used in uses(&text) {
            let allowed = used == module || layer_of(&used).is_some_and(|below| below < layer);
            if layer_of(&used).is_some() && !allowed {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "an arrow points up:\n{}", wrong.join("\n"));
}

#[test]
fn below_the_product_there_is_no_clock_no_thread_no_hash_order_and_no_printing() {
    const BANNED: &[&str] = &[
        "HashMap",
        "HashSet",
        "Instant",
        "SystemTime",
        "std::thread",
        "std::fs",
        "std::env",
        "println!",
        "eprintln!",
        "print!(",
        "thread_rng",
        "f32",
    ];
    let product = layer_of("bench").expect("it is a layer");
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let module = module_of(&path);
        if layer_of(&module).is_none_or(|layer| layer >= product) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("the source can be read");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let in_tests = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "toy");
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for banned in BANNED.iter().filter(|_| !in_tests) {
                if line.contains(banned) {
                    wrong.push(format!("{}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "found in the model:\n{}", wrong.join("\n"));
}

/// A file that is not declared is not compiled, and its tests do not run.
#[test]
fn every_file_is_declared() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut forgotten = Vec::new();
    for path in sources(&src()).into_iter().chain(sources(&tests)) {
        let stem = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        if ["mod", "lib", "main"].contains(&stem.as_str()) {
            continue;
        }
        let folder = path.parent().expect("it is in a folder");
        let declared = ["mod.rs", "lib.rs", "main.rs"].iter().any(|face| {
            fs::read_to_string(folder.join(face)).is_ok_and(|text| {
                text.lines().any(|line| line.trim_end().ends_with(&format!("mod {stem};")))
            })
        });
        if !declared {
            forgotten.push(path.display().to_string());
        }
    }
    assert!(forgotten.is_empty(), "not declared in mod.rs, lib.rs or main.rs: {forgotten:?}");
}
