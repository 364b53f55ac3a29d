//! Boots machines and believes only what they, QEMU and the boot server all say.

mod arm64;
mod cards;
mod compiled;
mod fallback;
mod isolinux;
mod local_disk;
mod media;
mod netboot;
mod network;
mod own;
mod scene;
mod secure_boot;
mod site;
mod trust;
