//! A switch port that is a trunk: only frames tagged with one VLAN reach the network behind it.
//!
//! The machine sends its Ethernet frames here, one per datagram. Frames with the right tag lose it
//! and go on to a network of QEMU's, which runs in a process of its own and leads to this
//! computer's loopback; what comes back gets the tag. All other frames are counted and dropped, so
//! a machine that reaches the boot server has spoken 802.1Q both ways.

use crate::run::Background;
use anyhow::Context;
use std::{
    io::PipeReader,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use xtask::qemu::{CommandLine, UserNet, Wire};

/// The longest frame that is carried, in bytes.
const MAX_FRAME: usize = 16 << 10;
/// How often the threads look whether they have to stop.
const POLL: Duration = Duration::from_millis(100);
/// The Ethernet type of an 802.1Q tag.
const TAG: [u8; 2] = [0x81, 0x00];
/// Where a frame's type, or its tag, starts: behind the two addresses.
const TYPE: usize = 12;
/// The bits of the tag's second half that are the VLAN's number.
const VLAN_MASK: u16 = 0x0fff;

/// The frames that the machine sent.
#[derive(Debug, Default)]
struct Counters {
    right: AtomicU64,
    wrong: AtomicU64,
}

/// The switch; it stops when dropped.
#[derive(Debug)]
pub struct Trunk {
    machine_side: Wire,
    counters: Arc<Counters>,
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    _network: Background,
    _network_output: PipeReader,
}

impl Trunk {
    /// Starts a switch in front of `network`, for the VLAN `vlan`.
    pub fn start(vlan: u16, network: &UserNet) -> anyhow::Result<Self> {
        let to_machine = Arc::new(socket()?);
        let to_network = Arc::new(socket()?);
        let machine = free_address()?;
        let inside = free_address()?;
        let line = network_command(network, inside, to_network.local_addr()?);
        let (process, output) = Background::start(&line)?;
        let counters = Arc::<Counters>::default();
        let stopped = Arc::<AtomicBool>::default();
        let machine_side = Wire::Datagrams { local: machine, remote: to_machine.local_addr()? };

        let inward = {
            let (counters, from, to) =
                (Arc::clone(&counters), Arc::clone(&to_machine), Arc::clone(&to_network));
            carry(&stopped, from, to, inside, move |frame| {
                let untagged = untag(frame, vlan);
                let counter = if untagged.is_some() { &counters.right } else { &counters.wrong };
                counter.fetch_add(1, Ordering::Relaxed);
                untagged
            })
        };
        let outward =
            carry(&stopped, to_network, to_machine, machine, move |frame| tag(frame, vlan));
        Ok(Self {
            machine_side,
            counters,
            stopped,
            threads: vec![inward, outward],
            _network: process,
            _network_output: output,
        })
    }

    /// What the machine's network card is plugged into.
    pub fn wire(&self) -> Wire {
        self.machine_side.clone()
    }

    /// How many frames with the right tag the machine has sent, and how many others.
    pub fn frames(&self) -> (u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.counters.right), read(&self.counters.wrong))
    }
}

impl Drop for Trunk {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // a thread that panicked has stopped, too
        }
    }
}

/// QEMU without a machine: its network between the datagrams and this computer.
fn network_command(network: &UserNet, local: SocketAddr, remote: SocketAddr) -> CommandLine {
    let wire = Wire::Datagrams { local, remote };
    let netdevs = [
        Wire::User(network.clone()).netdev("network"),
        wire.netdev("wire"),
        "hubport,id=port0,hubid=0,netdev=network".to_owned(),
        "hubport,id=port1,hubid=0,netdev=wire".to_owned(),
    ];
    let mut args: Vec<_> =
        ["-machine", "none", "-nodefaults", "-display", "none"].map(Into::into).into();
    for netdev in netdevs {
        args.extend(["-netdev".into(), netdev.into()]);
    }
    CommandLine { program: "qemu-system-x86_64", args }
}

fn socket() -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("opening a UDP socket")?;
    socket.set_read_timeout(Some(POLL))?;
    Ok(socket)
}

/// An address that was free a moment ago, for QEMU to listen on.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(socket()?.local_addr()?)
}

/// Carries frames from one socket to `target` through another, as `change` makes them.
fn carry(
    stopped: &Arc<AtomicBool>,
    from: Arc<UdpSocket>,
    to: Arc<UdpSocket>,
    target: SocketAddr,
    change: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static,
) -> JoinHandle<()> {
    let stopped = Arc::clone(stopped);
    std::thread::spawn(move || {
        let mut buffer = vec![0; MAX_FRAME];
        while !stopped.load(Ordering::SeqCst) {
            // An error is a time-out, or the other side not being there yet: Ethernet loses frames.
            let Ok(length) = from.recv(&mut buffer) else { continue };
            if let Some(frame) = buffer.get(..length).and_then(&change) {
                let _ = to.send_to(&frame, target);
            }
        }
    })
}

/// The frame without its tag, if that says `vlan`.
fn untag(frame: &[u8], vlan: u16) -> Option<Vec<u8>> {
    let (addresses, rest) = frame.split_at_checked(TYPE)?;
    let (tag, rest) = rest.split_first_chunk::<4>()?;
    let [type0, type1, number0, number1] = *tag;
    let number = u16::from_be_bytes([number0, number1]) & VLAN_MASK;
    ([type0, type1] == TAG && number == vlan).then(|| [addresses, rest].concat())
}

/// The frame with a tag that says `vlan`.
fn tag(frame: &[u8], vlan: u16) -> Option<Vec<u8>> {
    let (addresses, rest) = frame.split_at_checked(TYPE)?;
    Some([addresses, &TAG, &(vlan & VLAN_MASK).to_be_bytes(), rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_goes_on_and_off_and_another_vlan_stays_out() {
        let frame = b"ddddddssssss\x08\x00payload";
        let tagged = tag(frame, 100).unwrap();
        assert_eq!(tagged, b"ddddddssssss\x81\x00\x00\x64\x08\x00payload");
        assert_eq!(untag(&tagged, 100).unwrap(), frame);
        assert_eq!(untag(&tagged, 101), None);
        assert_eq!(untag(frame, 100), None);
    }

    #[test]
    fn the_priority_in_a_tag_is_no_part_of_its_number() {
        assert!(untag(b"ddddddssssss\x81\x00\xe0\x64\x08\x00", 100).is_some());
    }

    #[test]
    fn a_cut_frame_is_dropped() {
        assert_eq!(untag(b"dddddd", 100), None);
        assert_eq!(untag(b"ddddddssssss\x81\x00\x00", 100), None);
        assert_eq!(tag(b"dddddd", 100), None);
    }
}
