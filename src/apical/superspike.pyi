from apical.plasticity.superspike import *
