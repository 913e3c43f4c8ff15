//! How much memory a message costs, measured from outside: the resident set of this process.

/// The resident set in bytes, where the system says it.
pub fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// By how much the resident set grew while `make` made something that is still there.
pub fn cost_of<T>(make: impl FnOnce() -> T) -> (T, Option<u64>) {
    let before = resident();
    let made = make();
    let grown = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    (made, grown)
}
