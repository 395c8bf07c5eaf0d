"""Work on CAD, USD, scenes, publishes and renders that is the same in every DCC."""
