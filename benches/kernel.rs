//! W1: the kernel against a bare 4-ary heap.

use redeliver::bench::kernel::{on_a_bare_heap, on_the_kernel};

const EVENTS: u64 = 1_000_000;

#[divan::bench(args = [16, 1_000, 100_000], sample_count = 10)]
fn kernel(bencher: divan::Bencher<'_, '_>, actors: u64) {
    bencher
        .counter(divan::counter::ItemsCount::new(EVENTS))
        .bench(|| on_the_kernel(actors, EVENTS));
}

#[divan::bench(args = [16, 1_000, 100_000], sample_count = 10)]
fn bare_heap(bencher: divan::Bencher<'_, '_>, actors: u64) {
    bencher
        .counter(divan::counter::ItemsCount::new(EVENTS))
        .bench(|| on_a_bare_heap(actors, EVENTS));
}

fn main() {
    divan::main();
}
