"""Workflows: graphs of process steps that run as jobs."""
