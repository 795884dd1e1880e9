"""Model description: populations, projections, graph, evaluation order, and interventions.

Imports `feedback` and below; knows no simulator. To add a property of networks, derive it from the
graph (`graph.py`), never from names.
"""

from apical.network.chains import chain as chain
from apical.network.description import Network as Network
