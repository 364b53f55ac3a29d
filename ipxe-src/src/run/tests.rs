use super::*;

fn silent(_: Said<'_>) {}

fn sh(script: &str) -> Invocation {
    Invocation::new("sh").args(["-c", script])
}

#[test]
fn a_command_is_shown_so_that_a_shell_reads_it_back() {
    let make = Invocation::new("make")
        .args(["-j2", "EMBED=/a b/it's.ipxe"])
        .env("LC_ALL", "C")
        .env_remove("MAKEFLAGS")
        .folder(Path::new("/src dir"));
    assert_eq!(
        make.to_string(),
        r"cd '/src dir' && env -u MAKEFLAGS LC_ALL=C make -j2 'EMBED=/a b/it'\''s.ipxe'"
    );
}

#[test]
fn output_is_captured_and_the_command_announced() {
    let mut said = Vec::new();
    let output = sh("echo out; echo err >&2; echo $WHERE")
        .env("WHERE", "here")
        .capture(&mut |what| said.push(format!("{what:?}")))
        .unwrap();
    assert_eq!(output, b"out\nhere\n");
    assert_eq!(said.len(), 2);
    assert!(said[0].starts_with("Command(\"WHERE=here sh -c"), "{said:?}");
    assert_eq!(said[1], "Line(\"err\")");
}

#[test]
fn lines_are_streamed_and_a_failure_keeps_the_last_ones() {
    let mut count = 0;
    let error = sh("i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i; done; exit 3")
        .remedy("eat more fruit")
        .stream(&mut |what| count += usize::from(matches!(what, Said::Line(_))))
        .unwrap_err();
    assert_eq!(count, 30);
    let RunError::Failed { status, lines, .. } = &error else { panic!("{error}") };
    assert_eq!(status.code(), Some(3));
    assert_eq!((lines.len(), lines[0].as_str()), (20, "line 11"));
    let text = error.to_string();
    assert!(text.starts_with("sh -c 'i=0;"), "{text}");
    assert!(text.ends_with("    line 30\neat more fruit"), "{text}");
}

#[test]
fn a_long_line_is_cut_not_gathered() {
    let mut longest = 0;
    sh("head -c 100000 /dev/zero | tr '\\0' x")
        .stream(&mut |what| {
            if let Said::Line(line) = what {
                longest = longest.max(line.len());
            }
        })
        .unwrap();
    assert_eq!(longest as u64, MAX_LINE);
}

#[test]
fn a_missing_program_names_its_packages() {
    let error = RunError::Missing { program: "perl".into(), packages: packages("perl") };
    let text = error.to_string();
    assert!(text.contains("apt-get install perl") && text.contains("dnf install perl"), "{text}");
    let gone = Invocation::new("bootmint-no-such-program");
    assert!(!gone.program_exists() && sh("").program_exists());
    assert!(matches!(gone.capture(&mut silent), Err(RunError::Missing { packages: None, .. })));
}

#[test]
fn a_missing_folder_is_not_taken_for_a_missing_program() {
    let error = sh("true").folder(Path::new("/no/such")).stream(&mut silent).unwrap_err();
    assert!(matches!(error, RunError::NoFolder { .. }), "{error}");
}

#[test]
fn a_consumer_that_gives_up_ends_the_command() {
    let result = sh("sleep 20; true").pipe(&mut silent, |_| Err::<(), _>("enough")).unwrap();
    assert_eq!(result, Err("enough"));
    let broken = sh("sleep 0.1; yes").pipe(&mut silent, |_| Err::<(), _>("enough")).unwrap();
    assert_eq!(broken, Err("enough"));
    let failed = sh("echo x; exit 1").pipe(&mut silent, |output| io::read_to_string(output));
    assert!(matches!(failed, Err(RunError::Failed { .. })));
}

#[test]
fn a_command_that_failed_explains_more_than_its_broken_output() {
    let result = sh("sleep 0.1; exit 7").pipe(&mut silent, |_| Err::<(), _>("short"));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("exit status: 7"), "{error}");
}
