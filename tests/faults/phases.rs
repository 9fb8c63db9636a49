//! Guests that begin or end while somebody opens them: which error that is, and what it says of trying again.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nfm::{ErrorCode, Retry};

use crate::{PATIENCE, open};

/// Beginnings and ends of a machine in a row.
const CYCLES: usize = 6;

/// Notes what opening gives, until told to end: each code, what helps, and the words when it was first met.
fn codes_until(domain: &str, ended: &AtomicBool) -> BTreeMap<i32, (Option<Retry>, String)> {
    let mut met = BTreeMap::new();
    while !ended.load(Ordering::Relaxed) {
        let (code, retry, words) = match open(domain) {
            Ok(_) => (0, None, String::new()),
            Err(error) => (error.code() as i32, Some(error.retry()), error.to_string()),
        };
        met.entry(code).or_insert_with(|| {
            println!("{code}: {words}");
            (retry, words)
        });
    }
    met
}

fn expect_only(met: &BTreeMap<i32, (Option<Retry>, String)>, allowed: &[ErrorCode]) {
    let others = met.iter().filter(|(code, _)| {
        **code != 0 && !allowed.iter().any(|allowed| *allowed as i32 == **code)
    });
    let others: Vec<_> = others.collect();
    assert!(others.is_empty(), "{others:?}");
}

/// From before libvirt knows it until it is up, a guest is not there or not booted: QEMU has yet to map its RAM,
/// firmware and the kernel's own start have yet to run (setup_real_mode, arch/x86/realmode/init.c, makes the page
/// table that it is found by).
#[test]
fn opened_while_it_boots() {
    let name = format!("nfm-test-boots-{}", std::process::id());
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let opener = scope.spawn(|| codes_until(&name, &ended));
        let mut up = Command::new(lab::root().join("testing/lab/guest"));
        up.args(["up", &name, "--kernel", "6.12"]).args(PATIENCE);
        let up = up.stdin(Stdio::null()).output().expect("testing/lab/guest");
        let is_up = open(&name).is_ok();
        ended.store(true, Ordering::Relaxed);
        let met = opener.join().expect("no panic");

        let _ = Command::new(lab::root().join("testing/lab/guest")).args(["down", &name]).output();

        let words = String::from_utf8_lossy(&up.stderr);
        assert!(up.status.success() && is_up, "{words}");
        let not_booted = ErrorCode::NotBooted as i32;
        expect_only(&met, &[ErrorCode::NoSuchDomain, ErrorCode::NotBooted]);
        assert!(met.contains_key(&0) && met[&not_booted].0 == Some(Retry::Later), "{met:?}");
    });
}

/// A machine without a disk begins and ends, over and over, while two threads open it: it is not there, not booted,
/// or ended.
#[test]
fn opened_while_it_begins_and_ends() {
    let name = format!("nfm-test-passes-{}", std::process::id());
    let xml = std::env::temp_dir().join(format!("{name}.xml"));
    let machine = format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
    );
    std::fs::write(&xml, machine).expect("its definition");
    let ended = AtomicBool::new(false);
    let (met, created) = std::thread::scope(|scope| {
        let openers = [(); 2].map(|()| scope.spawn(|| codes_until(&name, &ended)));
        let created = (0..CYCLES).filter(|cycle| {
            let created = lab::virsh(&["create", &xml.display().to_string()]).is_some();
            std::thread::sleep(Duration::from_millis(30 * *cycle as u64));
            lab::virsh(&["destroy", &name]).is_some() && created
        });
        let created = created.count();
        ended.store(true, Ordering::Relaxed);
        (openers.map(|opener| opener.join().expect("no panic")), created)
    });
    std::fs::remove_file(&xml).expect("its definition");
    assert_eq!(created, CYCLES);
    for met in met {
        let allowed =
            [ErrorCode::NoSuchDomain, ErrorCode::NotBooted, ErrorCode::NotRunning, ErrorCode::Gone];
        expect_only(&met, &allowed);
        assert!(met.contains_key(&(ErrorCode::NotBooted as i32)), "{met:?}");
    }
}
