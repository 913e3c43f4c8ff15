//! The scenario that `redeliver new` writes.

/// A commented scenario that works, with this name in its first line.
pub fn template(name: &str) -> String {
    include_str!("template.toml").replace("NAME", name)
}
