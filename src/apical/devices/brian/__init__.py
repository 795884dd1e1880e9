"""Brian2 devices: the only modules that import brian2."""
