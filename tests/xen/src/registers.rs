//! The host that is emulated keeps what it has to: a fault of it would look like one of nfm's.

use std::arch::asm;
use std::thread;
use std::time::{Duration, Instant};

/// How long is looked.
const LONG: Duration = Duration::from_secs(3);

/// Vector registers keep their values while other threads and domains run. Without `spec-ctrl=eager-fpu` (see
/// `tests/xen/run`) about every second look finds another one's: then the copies that glibc makes with these
/// registers are wrong now and then, in any program, and malloc finds its lists corrupted.
pub fn keep() {
    let lookers: Vec<_> = (1..=4).map(|number| thread::spawn(move || look(number))).collect();
    let (mut looks, mut wrong) = (0, 0);
    for looker in lookers {
        let (all, bad) = looker.join().expect("a thread");
        looks += all;
        wrong += bad;
    }
    println!("  {looks} looks");
    assert!(looks > 20, "only {looks} looks");
    assert_eq!(wrong, 0, "of {looks} looks found another value in a register");
}

/// Sets two registers, waits for a while with no use of them, and looks: (looks, wrong ones).
fn look(number: u64) -> (u32, u32) {
    let begun = Instant::now();
    let (mut looks, mut wrong) = (0, 0);
    while begun.elapsed() < LONG {
        let (first, last): (u64, u64);
        // SAFETY: it changes nothing but the registers that it names.
        unsafe {
            asm!(
                "movq xmm0, {value}",
                "movq xmm15, {value}",
                "2: dec {left}",
                "jnz 2b",
                "movq {first}, xmm0",
                "movq {last}, xmm15",
                value = in(reg) number,
                left = inout(reg) 1_000_000_u64 => _,
                first = lateout(reg) first,
                last = lateout(reg) last,
                out("xmm0") _,
                out("xmm15") _,
                options(nomem, nostack),
            );
        }
        looks += 1;
        wrong += u32::from(first != number || last != number);
    }
    (looks, wrong)
}
