"""Jobs, what they wait for, and the bell that calls workers."""
