"""The Raceway service: HTTP API, web pages, tasks and the servers they need."""
