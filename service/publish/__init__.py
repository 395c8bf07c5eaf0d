"""Publishes: versions, items, entries, and what pins them."""
