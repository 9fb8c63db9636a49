/*
 * nfm-backend.h: what a back end of libnfm is, a loadable module that reads the memory of one kind of
 * hypervisor's guests. docs/backends.md tells how one is found, loaded and used.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A back end is a shared object that exports one function, nfm_backend_v1(). A later version of this
 * interface that an older library could not use would be called nfm_backend_v2(). Within version 1
 * structures only grow, at their ends: whoever reads one looks at its size first.
 *
 * Nothing here may write to a guest, pause it or ask anything of it. No function may print, call exit()
 * or let a signal, an exception or a panic out.
 */

#ifndef NFM_BACKEND_H
#define NFM_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of a page: the unit in which memory is read. */
#define NFM_BACKEND_PAGE 4096

/** What a number that a back end does not know is set to. */
#define NFM_BACKEND_UNKNOWN UINT64_MAX

/** Results. Other numbers count as NFM_BACKEND_FAILED. */
enum {
  NFM_BACKEND_OK = 0,
  /** Something that has no number of its own. */
  NFM_BACKEND_FAILED = 1,
  /** The caller may not do this. */
  NFM_BACKEND_DENIED = 2,
  /** There is no such guest (any more). */
  NFM_BACKEND_GONE = 3,
  /** This kind of guest or of host cannot be read, or what it takes is not installed. */
  NFM_BACKEND_UNSUPPORTED = 4,
};

/** A guest that is open. The back end's own. */
typedef struct nfm_backend_guest nfm_backend_guest_t;

/** What libvirt says of a running domain. Strings are the caller's and end with the call. */
typedef struct nfm_backend_domain {
  /** sizeof(nfm_backend_domain_t) of the caller. */
  size_t size;
  /** libvirt's name of the domain. */
  const char *name;
  /** Its UUID, as 8-4-4-4-12 hexadecimal digits. */
  const char *uuid;
  /** libvirt's URI. */
  const char *uri;
  /** libvirt's id of the domain; under Xen, Xen's. */
  uint32_t id;
  /** Zero. */
  uint32_t reserved;
} nfm_backend_domain_t;

/** What goes wrong, in words for a person. */
typedef struct nfm_backend_error {
  /** sizeof(nfm_backend_error_t) of the caller. */
  size_t size;
  /**
   * A clause in UTF-8 that says what is wrong and what to do, without a full stop; NUL at its end.
   * It stands after "domain 'NAME' cannot be read: ".
   */
  char message[500];
} nfm_backend_error_t;

/** How frames are counted. */
enum {
  /** By the guest's own physical addresses. */
  NFM_BACKEND_GUEST_FRAMES = 0,
  /** By the host's: the guest's page tables hold those too (Xen's PV). A root has to be given. */
  NFM_BACKEND_MACHINE_FRAMES = 1,
};

/** What a guest's memory is. Set to zero, size aside, before the back end fills it. */
typedef struct nfm_backend_memory {
  /** sizeof(nfm_backend_memory_t) of the caller. */
  size_t size;
  /** NFM_BACKEND_GUEST_FRAMES or NFM_BACKEND_MACHINE_FRAMES. */
  uint32_t frames;
  /** Levels of the page tables under root: 4 or 5; 0 where no root is known. */
  uint32_t levels;
  /** Physical address of a top page table that maps the kernel, in the frames' kind of address. */
  uint64_t root;
  /** Bytes of RAM that the guest has. */
  uint64_t bytes;
  /** What reads it and what it is, such as "Xen 4.17, domain 3 (PVH)"; NUL at its end. */
  char description[100];
} nfm_backend_memory_t;

/** What the host knows of a guest. Set to NFM_BACKEND_UNKNOWN, size aside, before it is filled. */
typedef struct nfm_backend_state {
  /** sizeof(nfm_backend_state_t) of the caller. */
  size_t size;
  /** CPU time of all vCPUs, in nanoseconds. */
  uint64_t vcpu_time_ns;
  /** Bytes of guest RAM in the host's RAM. */
  uint64_t resident_bytes;
  /** Bytes of guest RAM that the host has swapped out. */
  uint64_t swapped_bytes;
  /** Bytes of guest RAM that the guest has never used. */
  uint64_t untouched_bytes;
} nfm_backend_state_t;

/** A back end. */
typedef struct nfm_backend_v1 {
  /** sizeof(nfm_backend_v1_t) of the back end. */
  size_t size;

  /** Its name and version, such as "nfm-xen 0.1.0". */
  const char *name;

  /**
   * Opens a running guest and makes sure that its memory may be read.
   *
   * On NFM_BACKEND_OK *guest is the caller's, and close() ends it. Otherwise error has the reason.
   */
  int (*open)(const nfm_backend_domain_t *domain, nfm_backend_guest_t **guest,
              nfm_backend_error_t *error);

  /** Ends an open guest and gives back all that it held. */
  void (*close)(nfm_backend_guest_t *guest);

  /** Tells what the guest's memory is. */
  int (*memory)(nfm_backend_guest_t *guest, nfm_backend_memory_t *memory,
                nfm_backend_error_t *error);

  /**
   * Copies whole pages.
   *
   * frames has count frame numbers in any order; they come from the guest, so any number may be among
   * them. pages has room for count pages. read[i] is set to 1 where page i was copied whole, to 0 where
   * frames[i] is no RAM or cannot be read: then the content of page i does not matter. One page that
   * cannot be read does not spoil the others.
   */
  void (*read)(nfm_backend_guest_t *guest, const uint64_t *frames, size_t count, void *pages,
               uint8_t *read);

  /**
   * Tells what the host knows of the guest now. NFM_BACKEND_GONE where it is there no more: then the
   * back end has given back all of its memory that it held.
   */
  int (*state)(nfm_backend_guest_t *guest, nfm_backend_state_t *state);
} nfm_backend_v1_t;

/**
 * The one function that a back end exports.
 *
 * The table stays as it is as long as the process lives: a back end is never unloaded. The functions
 * may be called from any thread, for one guest from one at a time.
 */
const nfm_backend_v1_t *nfm_backend_v1(void);

#ifdef __cplusplus
}
#endif

#endif /* NFM_BACKEND_H */
