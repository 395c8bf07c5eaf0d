"""The service under load, beside its peer."""
