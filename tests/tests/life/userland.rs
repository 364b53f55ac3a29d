//! iPXE itself as a client of the real server, many at a time: its userland program, with the
//! tickets of hosts, on simulated machines of Hyper-V. It starts no operating system, so that
//! the installer is a script, which reports by POST like any other.

use crate::world;
use anyhow::{Context, ensure};
use bootmint_image_factory::ticket::{Facts, Patience, Ticket, TokenKey};
use bootmint_tests::{
    hyperv::{Behaviour, Outcome, Simulator},
    images,
    lab::Lab,
    server::{RunningServer, Site},
};
use std::{fs, thread};

const TOOLS: [&str; 4] = ["gcc", "libslirp-dev", "make", "perl"];
/// How many boot at once.
const CLIENTS: usize = 8;
/// What the installer says.
const INSTALLED: &str = "INSTALLER reported for";
/// A ticket that ends at the local disk exits with this.
const LOCAL_DISK: i32 = 1;
const PROFILE: &str = "title = \"a script\"\n[policy]\nfirst-boot = \"install\"\n\
    [install]\nkernel = \"tiny/start.ipxe\"\narguments = \"\"\nload = [\"install.ipxe\"]\n\
    answers = { \"install.ipxe\" = \"preseed\" }\n";
const START: &str = "#!ipxe\nimgexec install.ipxe\n";
const ANSWER: &str = "#!ipxe\nparams || exit 1\nparam secret {{ secret }}\n\
    imgfetch --name noted {{ report }}/done##params || exit 1\n\
    echo INSTALLER reported for {{ host.name }}\n";

struct Fleet {
    lab: Lab,
    site: Site,
    simulator: Simulator,
    tickets: Vec<Ticket>,
    _server: RunningServer,
}

fn name(number: usize) -> String {
    format!("vm-{number:02}")
}

fn mac(number: usize) -> String {
    format!("00:15:5d:00:01:{number:02x}")
}

impl Fleet {
    fn start() -> anyhow::Result<Option<Self>> {
        let Some(lab) = Lab::with("userland", &TOOLS)? else { return Ok(None) };
        let Some(simulator) = Simulator::open("userland")? else { return Ok(None) };
        let site = Site::init(world::program(), &lab.folder().join("site"), &[])?;
        site.put("files/tiny/start.ipxe", START)?;
        site.put("profiles/tiny/profile.toml", PROFILE)?;
        site.put("profiles/tiny/install.ipxe", ANSWER)?;
        let server = site.serve(None, &[], &lab.log("server"))?;
        let mut feed = "name,mac,address,gateway,server,os\n".to_owned();
        for number in 0..CLIENTS {
            let (name, mac, port) = (name(number), mac(number), server.port());
            // Each is alone in a network of its own, where 10.0.2.2 is this computer.
            let line = format!("{name},{mac},10.0.2.{}/24,10.0.2.2", number.saturating_add(70));
            feed.push_str(&format!("{line},http://10.0.2.2:{port},tiny\n"));
        }
        site.put("hosts.csv", &feed)?;
        let path = site.folder().join("hosts.csv");
        site.command(&["hosts", "import", path.to_str().context("UTF-8")?])?;
        let key = TokenKey::new(&fs::read(site.folder().join("token.key"))?)?;
        let mut tickets = Vec::new();
        for mut host in images::hosts(&feed)? {
            host.token = Some(key.token(&host.name)?);
            tickets.push(Ticket::for_host(&host, Facts::Post, &Patience::default()));
        }
        Ok(Some(Self { lab, site, simulator, tickets, _server: server }))
    }

    /// Boots these hosts at once, each on a machine of its own.
    fn boot(&self, label: &str, numbers: &[usize]) -> anyhow::Result<Vec<Outcome>> {
        thread::scope(|scope| {
            let boot = |place: usize, number: usize| {
                let ticket = self.tickets.get(number).context("a ticket")?;
                let behaviour = Behaviour { mac: &mac(number), fault: None };
                let label = format!("{label}-{place}");
                let outcome =
                    self.simulator.boot_unwatched(&self.lab, &label, ticket, behaviour)?;
                ensure!(outcome.status == LOCAL_DISK, "{label}: {outcome:?}");
                Ok(outcome)
            };
            let spawn = |(place, number): (usize, &usize)| {
                let number = *number;
                scope.spawn(move || boot(place, number))
            };
            let all: Vec<_> = numbers.iter().enumerate().map(spawn).collect();
            let join = |one: thread::ScopedJoinHandle<'_, anyhow::Result<Outcome>>| {
                one.join().map_err(|_| anyhow::anyhow!("a boot panicked"))?
            };
            all.into_iter().map(join).collect()
        })
    }
}

fn installs(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|one| one.text.contains(INSTALLED)).count()
}

fn told_local(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|one| one.text.contains("boots its local disk")).count()
}

#[test]
fn ipxe_itself_installs_once_for_each_permission_however_many_ask() -> anyhow::Result<()> {
    let Some(fleet) = Fleet::start()? else { return Ok(()) };
    let everybody: Vec<_> = (0..CLIENTS).collect();
    let first = fleet.boot("first", &everybody)?;
    assert_eq!(installs(&first), CLIENTS, "{first:#?}");
    for number in 0..CLIENTS {
        assert_eq!(fleet.site.state(&name(number))?, "installed");
    }
    let second = fleet.boot("second", &everybody)?;
    assert_eq!((installs(&second), told_local(&second)), (0, CLIENTS), "{second:#?}");

    // One permission, and many machines that say that they are the one which has it.
    fleet.site.command(&["arm", &name(0), "--confirm", &name(0)])?;
    // The installer is a script that comes to an end, so that the one which ran it asks again.
    let race = fleet.boot("race", &[0; CLIENTS])?;
    assert_eq!((installs(&race), told_local(&race)), (1, CLIENTS), "{race:#?}");
    assert_eq!(fleet.site.state(&name(0))?, "installed");
    let verified = fleet.site.command(&["audit", "verify"])?;
    assert!(verified.contains("the audit chain holds"), "{verified}");
    Ok(())
}
