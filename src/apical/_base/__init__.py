"""Internal utilities: random streams, time conversion, parameter validation, progress bars.

Imports nothing of this package but `apical.errors`. A module here is used by three folders or more;
what serves a single purpose belongs with that purpose.
"""
