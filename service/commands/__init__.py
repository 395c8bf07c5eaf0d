"""The service's subcommands of ``raceway``."""
