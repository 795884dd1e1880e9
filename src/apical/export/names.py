"""Names that the formats share."""

FORMATS = ("nwb", "nix", "sonata", "parquet", "csv")
"""What `apical.export.export` writes."""

ABOUT = "about.json"
"""The file of a folder that says where everything in it comes from."""
