//! What a benchmark reads from the system: time, memory, disk.

use anyhow::Context;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

/// Runs `work` and says how long it took.
pub(super) fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Duration)> {
    let start = Instant::now();
    let result = work()?;
    Ok((result, start.elapsed()))
}

/// Writes all that is dirty on the file system of `folder` to its disk.
pub(super) fn sync(folder: &Path) -> anyhow::Result<()> {
    let handle = fs::File::open(folder)?;
    Ok(rustix::fs::syncfs(&handle)?)
}

/// The bytes that the files below `folder` take on disk, holes left out.
///
/// Blocks that files share are counted for each of them, so for clones this is an upper bound.
pub(super) fn used(folder: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        // Blocks of 512 bytes, whatever the file system's own are: stat(2).
        total += if about.is_dir() { used(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(total)
}

/// The bytes that are free on the file system of `folder`.
pub(super) fn free(folder: &Path) -> anyhow::Result<u64> {
    let about = rustix::fs::statvfs(folder)?;
    Ok(about.f_bfree * about.f_frsize)
}

/// Forgets the process's largest resident set so far: proc(5), `clear_refs`.
pub(super) fn reset_peak_memory() -> anyhow::Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("resetting the peak of the resident set")
}

/// The process's largest resident set since the last reset, in bytes: proc(5), `VmHWM`.
pub(super) fn peak_memory() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmHWM")?;
    Ok(kib.parse::<u64>()? * 1024)
}

/// The processor time of this process and of all it has waited for: proc(5), `stat`.
pub(super) fn cpu_time() -> anyhow::Result<Duration> {
    cpu_time_in(&fs::read_to_string("/proc/self/stat")?)
}

/// The processor time of a process, of its children, and of all they have waited for.
pub(super) fn cpu_time_of(process: u32) -> anyhow::Result<Duration> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))
        .context("looking for the processes that a server has started")?;
    let own = process.to_string();
    let mut total = Duration::ZERO;
    for process in children.split_whitespace().chain([own.as_str()]) {
        total += cpu_time_in(&fs::read_to_string(format!("/proc/{process}/stat"))?)?;
    }
    Ok(total)
}

fn cpu_time_in(stat: &str) -> anyhow::Result<Duration> {
    // The program's name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')').context("no name in a process's stat")?;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let times = fields.get(11..15).context("too few fields in a process's stat")?;
    let ticks: u64 = times.iter().map(|field| field.parse::<u64>()).sum::<Result<_, _>>()?;
    Ok(Duration::from_millis(ticks * 10)) // Linux tells it in hundredths of a second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_counts_children_that_ended() {
        let before = cpu_time().unwrap();
        let shell = xshell::Shell::new().unwrap();
        xshell::cmd!(shell, "sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'")
            .quiet()
            .run()
            .unwrap();
        assert!(cpu_time().unwrap() > before);
    }

    #[test]
    fn processor_time_is_read_whatever_the_program_is_called() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 1 0 99";
        assert_eq!(cpu_time_in(stat).unwrap(), Duration::from_millis(1240));
        assert!(cpu_time_in("7 (a) S 1 7").is_err());
        assert!(cpu_time_of(std::process::id()).unwrap() >= cpu_time().unwrap() / 2);
    }

    #[test]
    fn memory_and_disk_are_read_from_this_system() {
        reset_peak_memory().unwrap();
        assert!(peak_memory().unwrap() > 1 << 20);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), vec![1; 100_000]).unwrap();
        sync(folder.path()).unwrap();
        assert!((100_000..1_000_000).contains(&used(folder.path()).unwrap()));
        assert!(free(folder.path()).unwrap() > 0);
    }
}
