"""The command line. Belongs here: arguments and output; each command calls one function of the domain or Dagster."""
