//! Situations that users reported from the field, each on a real guest (or a real dump) and against what the
//! guest's own kernel says. Every test names the kernel file that defines the right value.

mod bounds;
mod cores;
mod files;
mod integrity;
mod kernels;
mod limits;
mod network;
