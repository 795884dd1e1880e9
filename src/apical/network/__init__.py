"""The description of a network, the order in which it is evaluated, and what is done to it.

Imports `feedback` and below; knows no simulator. To add what a network can be asked, derive it
from the graph (`graph.py`), never from names.
"""

from apical.network.chains import chain as chain
from apical.network.description import Network as Network
