from apical.neurons.encoding import *
