use clap::CommandFactory as _;

use super::*;
use crate::config::KeyParts;

/// Parses `ecs-keeper run` with these flags.
fn run(flags: &[&str]) -> Result<RunOptions, String> {
    let line = ["ecs-keeper", "run", "--namespace", "keeper", "--config", "c.yaml"].iter().chain(flags);
    match Cli::try_parse_from(line) {
        Ok(Cli { command: Command::Run(options) }) => Ok(*options),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let options = run(&[]).unwrap();
    assert_eq!(
        (&*options.leading.lease_name, options.leading.lease_duration),
        ("ecs-keeper", Duration::from_secs(15))
    );
    assert_eq!(options.admin.admin_address, AdminAddress::Everywhere(8080));
    assert_eq!((options.log.log_format, options.log.log_level), (LogFormat::Text, LogLevel::Info));
}

#[test]
fn the_port_is_taken_on_all_addresses_or_on_one() {
    for (text, first, count) in
        [(":8080", "[::]:8080", 2), ("127.0.0.1:0", "127.0.0.1:0", 1), ("[::1]:9", "[::1]:9", 1)]
    {
        let address = run(&["--admin-address", text]).unwrap().admin.admin_address;
        let candidates = address.candidates();
        assert_eq!((candidates[0].to_string().as_str(), candidates.len()), (first, count));
        assert_eq!(address.to_string(), text);
    }
}

#[test]
fn bad_values_are_refused_with_a_sentence() {
    let unit = "use a number with its unit, such as 60s, 500ms or 2m";
    let label = "up to 63 lowercase letters, digits and hyphens";
    let long = "a".repeat(64);
    for (flag, text, sentence) in [
        ("--namespace", long.as_str(), label),
        ("--lease-name", "a/b", "lowercase letters, digits, hyphens and dots"),
        ("--lease-duration", "15", unit),
        ("--lease-duration", "4s", "use whole seconds between 5s and 5m"),
        ("--lease-duration", "1h", "use whole seconds between 5s and 5m"),
        ("--lease-duration", "7500ms", "use whole seconds between 5s and 5m"),
        ("--admin-address", "8080", "use a port such as :8080"),
        ("--admin-address", "localhost:8080", "use a port such as :8080"),
        ("--admin-address", ":65536", "use a port such as :8080"),
        ("--log-level", "loud", "possible values: error, warn, info, debug, trace"),
    ] {
        // As one word, so that a value may begin with a hyphen.
        let line = ["ecs-keeper", "run", &format!("{flag}={text}")];
        let refusal = Cli::try_parse_from(line).unwrap_err().to_string();
        assert!(refusal.contains(sentence), "{flag}={text}: {refusal}");
    }
}

#[test]
fn every_flag_has_a_variable_and_says_what_it_is() {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    for argument in run.get_arguments().filter(|argument| argument.get_id() != "help") {
        assert!(argument.get_env().is_some(), "{} has no variable", argument.get_id());
        assert!(argument.get_help().is_some(), "{} has no help", argument.get_id());
    }
}

#[test]
fn a_handover_is_asked_for_with_an_id_and_little_else() {
    let ask =
        |words: &[&str]| match Cli::try_parse_from(["ecs-keeper", "eni", "handover"].iter().chain(words)) {
            Ok(Cli { command: Command::Eni(EniCommand::Handover(options)) }) => Ok(options),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        };
    let options = ask(&["eni-bp1"]).unwrap();
    assert_eq!((options.network_interface_id.as_str(), options.output), ("eni-bp1", OutputFormat::Text));
    assert!(options.namespace.is_none());
    let options = ask(&["eni-bp1", "-n", "platform", "-o", "json"]).unwrap();
    assert_eq!((options.namespace.as_deref(), options.output), (Some("platform"), OutputFormat::Json));
    assert!(ask(&[]).unwrap_err().contains("ENI-ID"));
    assert!(ask(&["eni-bp1", "-n", "a/b"]).unwrap_err().contains("use the name of a namespace"));
}

#[test]
fn an_export_is_asked_for_with_a_name_and_nothing_else_is_needed() {
    let ask = |words: &[&str]| match Cli::try_parse_from(["ecs-keeper", "eni", "export"].iter().chain(words))
    {
        Ok(Cli { command: Command::Eni(EniCommand::Export(options)) }) => Ok(options),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    let options = ask(&["production.v2"]).unwrap();
    assert_eq!((options.name.as_str(), options.namespace, options.new_name), ("production.v2", None, None));
    let options = ask(&["a", "-n", "platform", "--new-name", "b"]).unwrap();
    assert_eq!((options.namespace.as_deref(), options.new_name.as_deref()), (Some("platform"), Some("b")));
    assert!(ask(&[]).unwrap_err().contains("NAME"));
    for odd in ["../secrets/x", "A", "-a", "a."] {
        assert!(ask(&["--", odd]).unwrap_err().contains("use the name of an object"), "{odd}");
    }
}

#[test]
fn i44_secrets_are_no_flags() {
    let mut command = Cli::command();
    let run = command.find_subcommand_mut("run").unwrap();
    let usual = KeyParts::usual();
    for name in [usual.access_key_id, usual.access_key_secret, usual.security_token.unwrap()] {
        assert!(run.get_arguments().all(|argument| argument.get_env() != Some(name.as_ref())));
        assert!(run.render_long_help().to_string().contains(&name), "the help does not name {name}");
    }
}
