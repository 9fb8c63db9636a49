//! Paths, names, mappings and mounts.
