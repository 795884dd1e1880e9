"""Names that the formats share."""

ABOUT = "about.json"
"""The file of a folder that says where everything in it comes from."""

METRICS = ("run", "seed", "epoch", "block", "trial", "metric", "value")
"""Columns of a table of what was measured while a network learned, as in ``metrics.csv``."""
