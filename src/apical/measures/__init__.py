"""What records of a network are measured by."""
