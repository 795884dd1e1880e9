from apical.data.datasets import *
