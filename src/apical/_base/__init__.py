"""What every folder uses and no user asks for: random streams, times, parameters, progress.

Imports nothing of this package but `apical.errors`. What belongs to one errand belongs there, not
here; a module here is used by three folders or more.
"""
