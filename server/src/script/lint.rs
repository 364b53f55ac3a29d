//! Whether a script is one that iPXE takes: commands that exist, labels that are there, and no
//! line that ends where it should not.

use super::Script;
use std::collections::BTreeSet;

/// The commands that scripts of the server use.
const COMMANDS: [&str; 27] = [
    "boot", "chain", "choose", "clear", "echo", "exit", "goto", "imgfetch", "imgfree", "initrd",
    "iseq", "isset", "item", "kernel", "menu", "param", "params", "sanboot", "set", "shell",
    "sleep", "inc", "poweroff", "reboot", "ifopen", "ifclose", "prompt",
];
/// The longest line: iPXE takes more, but a console does not show it.
const MAX_LINE: usize = 8192;

/// Checks a script line by line; an error names the first line that is wrong.
pub fn check_script(script: &Script) -> Result<(), String> {
    check_text(script.as_str())
}

fn check_text(text: &str) -> Result<(), String> {
    let mut lines = text.lines();
    if lines.next() != Some("#!ipxe") || !text.ends_with('\n') {
        return Err("it does not begin with #!ipxe and end with a whole line".to_owned());
    }
    let (mut labels, mut jumps) = (BTreeSet::new(), Vec::new());
    for (number, line) in (2_usize..).zip(lines) {
        let wrong = |why: String| format!("line {number}: {why}");
        check_line(line).map_err(wrong)?;
        if let Some(label) = line.strip_prefix(':') {
            if !labels.insert(label) {
                return Err(wrong(format!("the label {label:?} is there twice")));
            }
            continue;
        }
        for command in line.split("||").flat_map(|part| part.split("&&")) {
            let mut words = command.split_ascii_whitespace();
            let Some(name) = words.next() else { continue };
            if !COMMANDS.contains(&name) {
                return Err(wrong(format!("there is no command {name:?}")));
            }
            if name == "goto" {
                jumps.push((number, words.next().unwrap_or_default()));
            }
        }
    }
    match jumps.iter().find(|(_, label)| !labels.contains(label)) {
        Some((number, label)) => Err(format!("line {number}: there is no label {label:?}")),
        None => Ok(()),
    }
}

fn check_line(line: &str) -> Result<(), String> {
    if line.len() > MAX_LINE {
        return Err(format!("it has more than {MAX_LINE} bytes"));
    }
    if let Some(bad) = line.chars().find(|&c| c != ' ' && !c.is_ascii_graphic()) {
        return Err(format!("it holds {bad:?}"));
    }
    let mut depth = 0_usize;
    let mut rest = line;
    while let Some(at) = rest.find(['$', '}']) {
        let (_, found) = rest.split_at(at);
        if found.starts_with("${") {
            depth = depth.saturating_add(1);
        } else if found.starts_with('}') && depth > 0 {
            depth = depth.saturating_sub(1);
        }
        rest = found.get(1..).unwrap_or_default();
    }
    if depth > 0 { Err("a ${ has no }".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ipxe_would_not_take_is_found() {
        assert_eq!(check_text("#!ipxe\n:a\niseq ${x} ${${y}/z} && goto a ||\nexit 0\n"), Ok(()));
        for bad in [
            "",
            "#!ipxe",
            "echo x\n",
            "#!ipxe\ngoto nowhere\n",
            "#!ipxe\n:a\n:a\n",
            "#!ipxe\nrm x\n",
            "#!ipxe\necho x && rm y ||\n",
            "#!ipxe\necho ${x\n",
            "#!ipxe\necho \u{e9}\n",
            "#!ipxe\necho a\tb\n",
        ] {
            assert!(check_text(bad).is_err(), "{bad:?}");
        }
    }
}
