//! Credentials that belong to several processes at once.
//!
//! `copy_creds` (kernel/cred.c) gives a new process a copy of its own; only threads of one process share.
//! A rootkit that copies the pointer of another's credentials, instead of asking the kernel for a change, is found.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::census;
use super::confirm::confirmed;
use super::outcome::{Compared, conclude};
use crate::crawl::reader::{ReadResult, Reader};
use crate::frame::{CredentialsOwner, Integrity, SharedCredentials};

pub(super) fn check(reader: &Reader, found: &mut Integrity) {
    found.shared_credentials = conclude(found, "credentials", shared(reader));
}

/// The owners of one set of credentials.
type Owners = Vec<census::Member>;

fn shared(reader: &Reader) -> ReadResult<Compared<SharedCredentials>> {
    let init_cred = reader.layout.symbols.init_cred.address;
    let examined = Cell::new(0);
    let confirmed = confirmed(reader, |_| {
        let mut owners: BTreeMap<u64, Owners> = BTreeMap::new();
        for member in census::take(reader, &[])?.members {
            owners.entry(member.cred).or_default().push(member);
        }
        examined.set(owners.len() as u64);
        // By the processes that share, so that one that comes or goes makes it another finding.
        let suspicious = owners.into_iter().filter_map(|(cred, mut owners)| {
            owners.sort_by_key(|owner| owner.identity);
            owners.dedup_by_key(|owner| owner.identity.tgid);
            let of_kernel = Some(cred) == init_cred;
            let of_user = owners.iter().any(|owner| !owner.kernel_thread);
            let is_shared = owners.len() > 1 || of_kernel;
            (is_shared && of_user).then(|| {
                let who: Vec<_> = owners.iter().map(|owner| owner.identity.tgid).collect();
                ((cred, who), owners)
            })
        });
        Ok(suspicious.collect())
    })?;
    let found = confirmed.found.into_iter();
    let rows = found.map(|((cred, _), owners)| row(reader, cred, &owners)).collect();
    Ok(Compared { examined: examined.get(), rows, unread: confirmed.unread })
}

fn row(reader: &Reader, cred: u64, owners: &[census::Member]) -> SharedCredentials {
    let layout = &reader.layout.process;
    let owner = |owner: &census::Member| CredentialsOwner {
        pid: owner.identity.tgid,
        name: reader.text(owner.identity.address, layout.task.comm).ok(),
        kernel_thread: owner.kernel_thread,
    };
    SharedCredentials {
        address: cred,
        uid: reader.u32(cred, layout.cred.uid).ok(),
        of_kernel: Some(cred) == reader.layout.symbols.init_cred.address,
        processes: owners.iter().map(owner).collect(),
    }
}
