r"""Exchange of networks by NIR, the neuromorphic intermediate representation.

`write` writes the part of a network that responds, `read` makes a network of such a file, and
`grades` says what of a network NIR can hold. Learning is not part of NIR: rules, feedback and
wiring are kept as text in the metadata of the file.

Times are milliseconds in this package and seconds in NIR, membrane potentials are in units of the
threshold here. NIR describes neurons in continuous time, and simulators of it go in time steps
:math:`\Delta t`, with 1 for a spike in a step; `apical.nir.conversion` has the equations. Imports
`network` and below. To hold a further node, add its equations to `conversion`, and a row to
`NODES` in `reading`.

Source of the format: Pedersen et al. 2024, Nature Communications 15:8122,
doi:10.1038/s41467-024-52259-9.
"""

from apical.nir.grading import Grade as Grade
from apical.nir.grading import grades as grades
from apical.nir.reading import Imported as Imported
from apical.nir.reading import read as read
from apical.nir.writing import write as write
