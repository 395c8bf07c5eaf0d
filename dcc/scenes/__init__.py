"""Versioned saves of work files, for every application: the service gives the version, the file is whole or absent."""
