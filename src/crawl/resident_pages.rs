//! How many pages of a process are in RAM, as the kernel counts them.

use super::reader::{ReadResult, Reader};

/// Resident pages of every kind of `mm_struct.rss_stat`, with what the CPUs have not yet added to the common counters.
pub(super) fn resident_pages(reader: &Reader, mm: u64) -> ReadResult<[i64; 4]> {
    let mut all = [0; 4];
    for (kind, pages) in (0..).zip(&mut all) {
        *pages = pages_of_kind(reader, mm, kind)?;
    }
    Ok(all)
}

/// Resident pages of one kind; below zero for a moment, as CPUs count each for itself.
fn pages_of_kind(reader: &Reader, mm: u64, kind: u32) -> ReadResult<i64> {
    let layout = &reader.layout.process;
    let single = layout.mm.rss_count;
    if single.exists() {
        return Ok(reader.element(mm, single, kind)? as i64);
    }
    let first = reader.at(mm, layout.mm.rss_stat)?;
    let size = u64::from(layout.percpu_counter.size);
    per_cpu_counter(reader, first.wrapping_add(u64::from(kind) * size))
}

/// `percpu_counter_sum` (lib/percpu_counter.c). On a uniprocessor kernel `count` is all that it has.
fn per_cpu_counter(reader: &Reader, counter: u64) -> ReadResult<i64> {
    let layout = &reader.layout.process.percpu_counter;
    let mut sum = reader.signed(counter, layout.count)?;
    if !layout.counters.exists() && reader.has_one_cpu() {
        return Ok(sum);
    }
    let base = reader.unsigned(counter, layout.counters)?;
    for cpu in reader.possible_cpus()? {
        let own = reader.u32_at(reader.per_cpu(base, cpu)?)?;
        sum = sum.wrapping_add(i64::from(own as i32));
    }
    Ok(sum)
}
