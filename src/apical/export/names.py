"""Names shared by the export formats."""

FORMATS = ("nwb", "nix", "sonata", "parquet", "csv")
"""Formats of `apical.export.export`."""

ABOUT = "about.json"
"""Name of the provenance file of an exported folder."""
