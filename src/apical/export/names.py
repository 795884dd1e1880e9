"""Names shared by the export formats."""

ABOUT = "about.json"
"""Name of the provenance file of an exported folder."""

METRICS = ("run", "seed", "epoch", "block", "trial", "metric", "subject", "value")
"""Columns of a table of metrics, as in ``metrics.csv`` of a run."""
