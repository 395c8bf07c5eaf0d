"""STEP files as text (ISO 10303-21): an index of their entities, and files that hold a part of them."""
