from apical.data.tasks import *
