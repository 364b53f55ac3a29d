//! A ticket brings up Hyper-V's synthetic network card by iPXE's own driver, and what that driver
//! does when the host misbehaves. `docs/hyper-v.md` tells what this proves and what not.

use anyhow::{Context, ensure};
use bootmint_image_factory::ticket::{Facts, Patience, Ticket};
use bootmint_tests::{
    boot_server::{BootServer, Reply},
    hyperv::{Behaviour, Simulator},
    images,
    lab::Lab,
};
use std::{
    num::{NonZeroU8, NonZeroU16},
    sync::Mutex,
    thread,
    time::Duration,
};

/// The Debian packages of what builds, runs and watches the simulation.
const TOOLS: [&str; 5] = ["gcc", "libslirp-dev", "make", "perl", "valgrind"];
/// The card's address; the first three bytes are Microsoft's.
const MAC: &str = "00:15:5d:00:00:07";
/// Not the address that the simulated network offers by DHCP, which is 10.0.2.15.
const ADDRESS: &str = "10.0.2.77";
const TOKEN: &str = "simulated-hyper-v-host";
const ANSWER: &str = "#!ipxe\necho ANSWERED ${hostname} ${bootmint-nic} ${net0/ip}\n";
/// A ticket that ends at the local disk exits with this, so that UEFI goes on to its next entry.
const LOCAL_DISK: i32 = 1;
/// How many tickets boot at a time; most of their time they wait.
const WORKERS: usize = 4;

/// A ticket for the host with this MAC address, which asks `server`.
fn ticket(mac: &str, server: &BootServer, patience: &Patience) -> anyhow::Result<Ticket> {
    let csv = format!(
        "name,mac,address,gateway,server,token\n\
         vm-07,{mac},{ADDRESS}/24,10.0.2.2,http://10.0.2.2:{},{TOKEN}\n",
        server.port()
    );
    let hosts = images::hosts(&csv)?;
    let host = hosts.first().context("the feed has a host")?;
    Ok(Ticket::for_host(host, Facts::Post, patience))
}

#[test]
fn a_ticket_brings_up_the_synthetic_card_and_runs_its_answer() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("hyperv", &TOOLS)? else { return Ok(()) };
    let Some(simulator) = Simulator::open("hyperv")? else { return Ok(()) };
    let server = BootServer::start()?;
    // Larger than the receive buffer and both rings, so that all of them wrap around.
    server.answer("/large", Reply::ok(vec![0x5a; 256 << 10]));
    let large = format!("http://10.0.2.2:{}/large", server.port());
    let answer = format!("{ANSWER}imgfetch --name large {large} && imgstat large\n");
    server.answer(&format!("/boot/{TOKEN}"), Reply::ok(answer));
    let ticket = ticket(MAC, &server, &Patience::default())?;
    let behaviour = Behaviour { mac: MAC, fault: None };
    let outcome = simulator.boot(&lab, "boot", &ticket, behaviour)?;

    ensure!(outcome.is_sound() && outcome.status == LOCAL_DISK, "{outcome:?}");
    assert_eq!(outcome.assertions().next(), None);
    let request = server.wait_for(&format!("/boot/{TOKEN}"), Duration::ZERO)?;
    for (field, value) in [("host", "vm-07"), ("nic", "net0"), ("mac", MAC), ("ticket", "1")] {
        assert_eq!(request.field(field).as_deref(), Some(value), "{field}");
    }
    for line in [
        "has driver \"netvsc\"",
        "HOST hears the guest speak as 10.0.2.77",
        "Bootmint: net0 00:15:5d:00:00:07 address 10.0.2.77",
        "ANSWERED vm-07 net0 10.0.2.77",
        "large : 262144 bytes",
        "HOST is left with 0 shared regions, the channel closed",
    ] {
        assert!(outcome.text.contains(line), "\"{line}\" was not said:\n{}", outcome.text);
    }
    assert_eq!(outcome.text.matches("HOST hears the guest speak as").count(), 1);
    Ok(())
}

#[test]
fn a_ticket_for_another_card_leaves_this_one_alone() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("hyperv-other", &TOOLS)? else { return Ok(()) };
    let Some(simulator) = Simulator::open("hyperv-other")? else { return Ok(()) };
    let server = BootServer::start()?;
    let ticket = ticket("00:15:5d:00:00:08", &server, &images::impatient())?;
    let behaviour = Behaviour { mac: MAC, fault: None };
    let outcome = simulator.boot(&lab, "boot", &ticket, behaviour)?;
    ensure!(outcome.is_sound() && outcome.status == LOCAL_DISK, "{outcome:?}");
    assert!(outcome.text.contains("Bootmint: no network card 00:15:5d:00:00:08"));
    assert!(!outcome.text.contains("HOST hears"), "{}", outcome.text);
    assert_eq!(server.requests(), []);
    Ok(())
}

/// How a boot ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The ticket gets its answer all the same.
    Answered,
    /// The driver gives the card up, and the ticket says that the card is not there.
    NoCard,
    /// The card is there but cannot be opened, so the ticket has none to use.
    NotOpened,
    /// The card comes up, and the ticket says that the server does not answer.
    NoAnswer,
}

/// Faults of the host, what the driver or the host says of each, and how the boot ends.
const FAULTS: &[(&str, &str, End)] = &[
    // The offer is missing, is withdrawn before and after it was taken, or is not kept.
    ("no-offer", "Bootmint: none of this host's network cards", End::NoCard),
    ("version", "requested version not supported", End::NoCard),
    ("withdrawn", "ignoring message type 2 (expecting 10)", End::NoCard),
    ("withdrawn-running", "HOST withdrew the offer", End::NoAnswer),
    ("gpadl-refused", "GPADL creation failed: 0xc0000022", End::NoCard),
    ("gpadl-other", "unexpected GPADL ID", End::NoCard),
    ("open-refused", "open failed: 0xc0000022", End::NoCard),
    ("open-other", "unexpected open ID", End::NoCard),
    // Rings: the guest's is full at once, and later; the host's is full again and again.
    ("ring-full", "timed out waiting for XRID", End::NoCard),
    ("ring-full,after=12", "ring buffer full", End::NoCard),
    ("flood", "HOST found the inbound ring full", End::Answered),
    // Packets that are none, while the driver waits for an NVSP answer.
    ("packet-no-header", "received underlength header (0 bytes)", End::NoCard),
    ("packet-overlong", "received overlength packet (32776 bytes)", End::NoCard),
    ("packet-type", "unknown packet type 30583", End::NoCard),
    ("packet-underlength", "unexpected initialisation completion type", End::NoCard),
    // NVSP.
    ("init-silent", "timed out waiting for XRID", End::NoCard),
    ("init-status", "initialisation failure status 2", End::NoCard),
    ("init-type", "unexpected initialisation completion type 102", End::NoCard),
    ("init-short", "underlength initialisation completion (8 bytes)", End::NoCard),
    ("buffer-status", "buffer failure status 2", End::NoCard),
    ("buffer-short", "underlength buffer completion (8 bytes)", End::NoCard),
    ("stray-completion", "received unexpected completion (123456789abc)", End::Answered),
    ("stray-inband", "received unsupported control packet", End::Answered),
    ("nvsp-type", "received unexpected RNDIS packet type 1", End::NoCard),
    ("nvsp-short", "received underlength RNDIS packet (8 bytes)", End::NoCard),
    ("nvsp-short,after=8,times=1", "received underlength RNDIS packet (8 bytes)", End::Answered),
    // RNDIS.
    ("rndis-short", "received underlength packet", End::NoCard),
    ("rndis-type", "received unexpected type 0x77777777", End::NoCard),
    ("rndis-init-short", "received underlength initialisation completion", End::NoCard),
    ("rndis-init-status", "received initialisation completion failure 0xc0000001", End::NoCard),
    ("rndis-query-short", "received underlength query completion", End::NoCard),
    ("rndis-query-range", "query completion information exceeds packet", End::NoCard),
    ("rndis-query-status", "received query completion failure 0xc0000001", End::NoCard),
    ("rndis-query-status,after=3", "query completion failure 0xc0000001", End::NotOpened),
    ("rndis-link-size", "invalid link status", End::NoCard),
    ("data-short", "received underlength data packet", End::NoAnswer),
    ("data-offset", "data packet data exceeds packet", End::NoAnswer),
    ("data-length", "data packet data exceeds packet", End::NoAnswer),
    ("data-length,times=1", "data packet data exceeds packet", End::Answered),
];

#[test]
fn a_host_that_misbehaves_ends_in_one_clear_line_and_the_local_disk() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("hyperv-faults", &TOOLS)? else { return Ok(()) };
    let Some(simulator) = Simulator::open("hyperv-faults")? else { return Ok(()) };
    let queue = Mutex::new(FAULTS.iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = { queue.lock().unwrap().next() } {
                    if let Err(error) = check(&lab, &simulator, case) {
                        failures.lock().unwrap().push(format!("{}: {error:#}", case.0));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

/// How many regions of memory the guest never takes back. It cannot from a host that withdrew; from
/// one that mixes up numbers or refuses to open a channel, the pinned driver does not try to.
fn left_shared(fault: &str) -> usize {
    match fault {
        "withdrawn-running" => 2,
        "gpadl-other" | "open-refused" | "open-other" => 1,
        _ => 0,
    }
}

fn check(
    lab: &Lab,
    simulator: &Simulator,
    &(fault, says, end): &(&'static str, &str, End),
) -> anyhow::Result<()> {
    let server = BootServer::start()?;
    server.answer(&format!("/boot/{TOKEN}"), Reply::ok(ANSWER));
    let patience = Patience {
        attempts: NonZeroU8::new(2).context("two")?,
        request: NonZeroU16::new(5).context("five")?,
        link: NonZeroU16::MIN,
    };
    let ticket = ticket(MAC, &server, &patience)?;
    let label = fault.replace([',', '='], "-");
    let behaviour = Behaviour { mac: MAC, fault: Some(fault) };
    let outcome = simulator.boot(lab, &label, &ticket, behaviour)?;
    let told = match end {
        End::Answered => "ANSWERED vm-07 net0 10.0.2.77",
        End::NoCard => "Bootmint: no network card 00:15:5d:00:00:07",
        End::NotOpened => "Bootmint: none of this host's network cards",
        End::NoAnswer => "Bootmint: the server gave no usable answer",
    };
    for line in [says, told, "Bootmint: booting the local disk"] {
        ensure!(outcome.text.contains(line), "\"{line}\" was not said:\n{}", outcome.text);
    }
    let left = format!("HOST is left with {} shared regions", left_shared(fault));
    ensure!(outcome.text.contains(&left), "\"{left}\" was not said:\n{}", outcome.text);
    let answered = server.requests().len();
    ensure!((answered > 0) == matches!(end, End::Answered), "{answered} requests");
    ensure!(outcome.is_sound() && outcome.status == LOCAL_DISK, "{outcome:?}");
    // The driver keeps memory that the host did not give back; its bus then finds it, at the end.
    let kept = if fault == "withdrawn-running" { "assert(vmdev->" } else { "nothing" };
    let failed = outcome.assertions().find(|line| !line.starts_with(kept));
    ensure!(failed.is_none(), "{failed:?}: {outcome:?}");
    Ok(())
}

/// Packets that the driver of the pinned tree refuses and does not take out of the ring, so that it
/// meets them again for ever, and what it says each time. It harms nothing, but only a reset ends
/// it; iPXE's makers trust the hypervisor. When a newer pin gets past one of these, it belongs
/// among [`FAULTS`].
const STUCK: &[(&str, &str)] = &[
    ("packet-no-header,after=4", "received underlength header (0 bytes)"),
    ("packet-overlong,after=4", "received overlength packet (32776 bytes)"),
    ("range-offset", "could not populate I/O buffer range [2147483632"),
    ("range-length", "could not populate I/O buffer range [0,65537)"),
    ("range-count", "could not allocate 4294967295-byte I/O buffer"),
    ("pageset", "unrecognised page set ID 0x0bad"),
];

#[test]
fn the_pinned_driver_stops_at_packets_that_it_refuses() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("hyperv-stuck", &TOOLS)? else { return Ok(()) };
    let Some(simulator) = Simulator::open("hyperv-stuck")? else { return Ok(()) };
    // While it waits for one NVSP answer, the driver looks a thousand times at most.
    const FOR_EVER: usize = 1500;
    let server = BootServer::start()?;
    let ticket = ticket(MAC, &server, &images::impatient())?;
    for &(fault, says) in STUCK {
        let label = fault.replace([',', '='], "-");
        let behaviour = Behaviour { mac: MAC, fault: Some(fault) };
        let text = simulator
            .boot_until_repeated(&lab, &label, &ticket, behaviour, (says, FOR_EVER))
            .with_context(|| format!("stopping at {fault}"))?;
        assert!(!text.contains("Invalid read") && !text.contains("Invalid write"), "{text}");
    }
    assert_eq!(server.requests(), []);
    Ok(())
}

/// iPXE 2.0.0 does not compare a packet's length with its header's, and crashes at one of no length.
/// Later versions do; a pin that has that belongs here no more, and the fault among [`FAULTS`].
#[test]
fn the_pinned_driver_crashes_at_a_packet_without_length() -> anyhow::Result<()> {
    let Some(lab) = Lab::with("hyperv-crash", &TOOLS)? else { return Ok(()) };
    let Some(simulator) = Simulator::open("hyperv-crash")? else { return Ok(()) };
    let server = BootServer::start()?;
    let ticket = ticket(MAC, &server, &images::impatient())?;
    let behaviour = Behaviour { mac: MAC, fault: Some("packet-empty") };
    let crash = ("default action of signal 11 (SIGSEGV)", 0);
    let text = simulator.boot_until_repeated(&lab, "empty", &ticket, behaviour, crash)?;
    assert!(text.contains("vmbus_consume") || text.contains("vmbus_poll"), "{text}");
    Ok(())
}
