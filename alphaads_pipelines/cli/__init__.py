"""The command line: argument parsing and progress only; each command calls one function of the domain or Dagster."""
