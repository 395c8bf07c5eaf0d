"""Versioned saves of work files, the same in every DCC."""
