"""CAD files: conversions, revisions, and what their parts are made of."""
