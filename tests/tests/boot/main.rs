//! Boots machines and believes only what they, QEMU and the boot server all say.

mod local_disk;
