"""What the scripts in models/ share: opening them, the gallery, the command line of each.

Imports the laboratory. To add a script, see CONTRIBUTING.md.
"""
