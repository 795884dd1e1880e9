"""The array device: steady states of rate networks, a mini-batch of trials at a time."""
