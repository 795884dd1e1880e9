"""The array device: settled rate networks, a batch of trials at a time."""
