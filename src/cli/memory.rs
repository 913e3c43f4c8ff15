//! How much memory there is for a run.

use std::fs;

/// What is taken for granted where nobody says how much memory is free.
const USUAL: u64 = 8 << 30;

/// How many bytes a run may take here: what the system and its control group leave free.
pub(super) fn room() -> u64 {
    let free = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse().ok());
    free.unwrap_or(USUAL).min(group.unwrap_or(u64::MAX))
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::available;

    #[test]
    fn free_memory_is_read_from_meminfo() {
        let text = "MemTotal:       24105000 kB\nMemAvailable:   20 kB\n";
        assert_eq!(available(text), Some(20 * 1_024));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}
